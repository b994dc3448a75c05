"""Where each architecture keeps the tensors that have one row per token, as data."""

from __future__ import annotations

from vocabx.checkpoint.families.layout import Layout

__all__ = ["LAYOUTS"]


def _types(names: str) -> tuple[str, ...]:
    return tuple(names.split())


EMBED, HEAD = "embed_tokens.weight", ("lm_head.weight",)
WORDS = "embeddings.word_embeddings.weight"
BERT_HEAD, BERT_BIASES = ("cls.predictions.decoder.weight",), ("cls.predictions.bias", "cls.predictions.decoder.bias")
ROBERTA_HEAD, ROBERTA_BIASES = ("lm_head.decoder.weight",), ("lm_head.bias", "lm_head.decoder.bias")
SHARED_COPIES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")

DECODERS: tuple[Layout, ...] = (
    Layout(
        _types(
            "llama mistral qwen2 qwen3 phi3 EvollaModel afmoe apertus arcee aria_text axk1 axk2 bamba "
            "beam bitnet chameleon cosmos3_edge_text cwm deepseek_ocr2_text deepseek_v2 deepseek_v3 deepseek_v32 "
            "diffllama doge dots1 dots3_note_text embedding_gemma2_text emu3_text_model eurobert evolla exaone4 "
            "exaone_moe falcon_h1 flex_olmo flint glm glm4 glm4_moe glm4_moe_lite glm4v_moe_text glm4v_text "
            "glm5_next_text glm_moe_dsa glm_ocr_text gpt_oss granite granite4_vision_text granitemoe granitemoe_swa "
            "granitemoehybrid granitemoeshared helium hrm_text hunyuan_v1_dense hunyuan_v1_moe hy_v3 hy_v4 "
            "hyperclovax internlm3 iquestcoder jais2 jamba kimi_linear kolibri1 laguna "
            "llama4_text longcat_flash mellum mimo_v2_flash minimax minimax_m2 minimax_m3_vl_text ministral "
            "ministral3 mistral4 mistral_large4_text mixtral muse_glimmer_text muse_spark_text nanochat nemotron olmo "
            "olmo2 olmo3 olmo_hybrid olmoe openai_privacy_filter persimmon phi4_multimodal phimoe "
            "pix2struct_text_model pocket_tts pp_formulanet_text qwen2_5_vl_text qwen2_moe qwen2_vl_text "
            "qwen3_5_moe_text qwen3_5_text qwen3_moe qwen3_next qwen3_omni_moe_text qwen3_vl_text seed_oss solar_open "
            "stablelm step3p5 unlimited_ocr_text voxtral_realtime_text"
        ),
        EMBED,
        HEAD,
    ),
    Layout(
        _types(
            "gemma gemma2 gemma3_text cohere cohere2 cohere2_moe cohere_compass_text diffusion_gemma_text ernie4_5 "
            "ernie4_5_moe ernie4_5_vl_moe_text gemma4_unified_text granite_docling_text granite_swa hunyuan_vl_text "
            "jetmoe kosmos_2_5_text_model kosmos_2_text_model lfm2 lfm2_moe lfm3 minicpm3 paddleocr_vl_text "
            "qwen2_5_omni_text qwen3_vl_moe_text recurrent_gemma smollm3 starcoder2 vaultgemma xglm youtu zamba "
            "zamba2 zaya"
        ),
        EMBED,
        HEAD,
        tied=True,
    ),
    Layout(
        _types("gemma4_text"),
        EMBED,
        HEAD,
        tied=True,
        tables=("embed_tokens_per_layer.weight",),
        sizes=("vocab_size_per_layer_input",),
    ),
    Layout(_types("inkling_text inkling2_text"), EMBED, ("unembed.weight", *HEAD), copies=("llm.embed.weight",)),
    Layout(_types("bailing_hybrid"), EMBED, HEAD, copies=("word_embeddings.weight",)),
    Layout(_types("phi"), EMBED, HEAD, ("lm_head.bias",)),
    Layout(_types("biogpt"), EMBED, ("output_projection.weight",), tied=True),
    Layout(_types("gpt2 gpt-sw3 gpt_bigcode gpt_neo mpt"), "wte.weight", HEAD, tied=True),
    Layout(_types("dbrx"), "wte.weight", HEAD),
    Layout(_types("codegen gptj"), "wte.weight", HEAD, ("lm_head.bias",)),
    Layout(_types("openai-gpt"), "tokens_embed.weight", HEAD, tied=True),
    Layout(_types("ctrl"), "w.weight", HEAD, ("lm_head.bias",), tied=True),
    Layout(_types("gpt_neox"), "embed_in.weight", ("embed_out.weight", *HEAD)),
    Layout(_types("gpt_neox_japanese"), "embed_in.weight", ("embed_out.weight",), tied=True),
    Layout(_types("bloom falcon"), "word_embeddings.weight", HEAD, tied=True),
    Layout(_types("opt"), "decoder.embed_tokens.weight", HEAD, tied=True),
    Layout(_types("mamba falcon_mamba"), "embeddings.weight", HEAD, tied=True),
    Layout(_types("mamba2 nemotron_h xlstm"), "embeddings.weight", HEAD),
    Layout(_types("rwkv"), "embeddings.weight", ("head.weight",)),
    Layout(_types("xlnet"), "word_embedding.weight", ("lm_loss.weight",), ("lm_loss.bias",), tied=True),
    Layout(_types("git"), WORDS, ("output.weight",), ("output.bias",)),
    Layout(_types("trocr"), "decoder.embed_tokens.weight", ("output_projection.weight",), tied=True),
    Layout(_types("gradium_phonon_tts higgs_audio_v2"), "embed_tokens.weight", ()),
)

ENCODERS: tuple[Layout, ...] = (
    Layout(
        _types(
            "bert big_bird blip_text_model deberta deberta-v2 ernie fnet layoutlm lxmert megatron-bert mra nomic_bert "
            "nystromformer roformer squeezebert tapas visual_bert yoso"
        ),
        WORDS,
        BERT_HEAD,
        BERT_BIASES,
        tied=True,
    ),
    Layout(
        _types(
            "roberta xlm-roberta bert-generation camembert data2vec-text esm gte jina_embeddings_v3 longformer luke "
            "mpnet roberta-prelayernorm xlm-roberta-xl xmod"
        ),
        WORDS,
        ROBERTA_HEAD,
        ROBERTA_BIASES,
        tied=True,
    ),
    Layout(_types("reformer"), WORDS, ROBERTA_HEAD, ROBERTA_BIASES),
    Layout(_types("rembert"), WORDS, BERT_HEAD, BERT_BIASES),
    Layout(_types("distilbert"), WORDS, ("vocab_projector.weight",), ("vocab_projector.bias",), tied=True),
    Layout(
        _types("albert"),
        WORDS,
        ("predictions.decoder.weight",),
        ("predictions.bias", "predictions.decoder.bias"),
        tied=True,
    ),
    Layout(_types("convbert electra"), WORDS, ("generator_lm_head.weight",), ("generator_lm_head.bias",), tied=True),
    Layout(_types("funnel"), WORDS, HEAD, ("lm_head.bias",), tied=True),
    Layout(
        _types("modernbert modernbert-decoder"),
        "embeddings.tok_embeddings.weight",
        ("decoder.weight",),
        ("decoder.bias",),
        tied=True,
    ),
    Layout(_types("esmc"), EMBED, ROBERTA_HEAD, ROBERTA_BIASES),
    Layout(_types("ultrabert"), EMBED, ("head.decoder.weight", "cls.weight", *HEAD)),
    Layout(_types("neomme"), "word_embeddings.weight", HEAD, tied=True, tables=("value_embeddings.weight",)),
    Layout(
        _types("flaubert xlm"), "embeddings.weight", ("pred_layer.proj.weight",), ("pred_layer.proj.bias",), tied=True
    ),
    Layout(
        _types(
            "align_text_model altclip_text_model bridgetower_text_model bros chinese_clip_text_model clap_text_model "
            "dpr layoutlmv2 layoutlmv3 layoutxlm lilt markuplm splinter tvp"
        ),
        WORDS,
        (),
    ),
    Layout(
        _types("aimv2_text_model metaclip_2_text_model siglip2_text_model siglip_text_model videoprism_text_model"),
        "embeddings.token_embedding.weight",
        (),
    ),
    Layout(_types("tipsv2_text_model"), "token_embedding.weight", ()),
    Layout(_types("vilt"), "text_embeddings.word_embeddings.weight", ()),
)

SEQUENCE_TO_SEQUENCE: tuple[Layout, ...] = (
    Layout(
        _types("longt5 mt5 m2m_100 nllb-moe pegasus_x pop2piano switch_transformers t5 udop umt5"),
        "shared.weight",
        HEAD,
        tied=True,
        copies=SHARED_COPIES,
    ),
    Layout(
        _types("bart bigbird_pegasus blenderbot blenderbot-small led mbart mvp pegasus plbart"),
        "shared.weight",
        HEAD,
        ("final_logits_bias",),
        tied=True,
        copies=SHARED_COPIES,
    ),
    Layout(
        _types("marian"),
        "shared.weight",
        HEAD,
        ("final_logits_bias",),
        tied=True,
        copies=SHARED_COPIES,
        sizes=("decoder_vocab_size",),
    ),
    Layout(
        _types("prophetnet"),
        "word_embeddings.weight",
        HEAD,
        tied=True,
    ),
    Layout(
        _types("t5_gemma_module"),
        "decoder.embed_tokens.weight",
        ("lm_head.out_proj.weight",),
        tied=True,
        tables=("encoder.embed_tokens.weight",),
    ),
    Layout(_types("t5gemma2_text t5gemma2_decoder"), EMBED, ("lm_head.out_proj.weight",), tied=True),
    Layout(_types("speech_to_text"), "decoder.embed_tokens.weight", HEAD, tied=True),
    Layout(_types("moonshine"), "decoder.embed_tokens.weight", ("proj_out.weight",), tied=True),
    Layout(_types("moonshine_streaming"), "decoder.embed_tokens.weight", ("proj_out.weight",)),
    Layout(
        _types("cohere_asr"),
        "decoder.embed_tokens.weight",
        ("proj_out.weight", "log_softmax.mlp.layer0.weight"),
        ("proj_out.bias", "log_softmax.mlp.layer0.bias"),
        copies=("_embedding.token_embedding.weight",),
    ),
    Layout(
        _types("canary_decoder"), "decoder.embed_tokens.weight", ("proj_out.weight",), ("proj_out.bias",), tied=True
    ),
)

LAYOUTS = (*DECODERS, *ENCODERS, *SEQUENCE_TO_SEQUENCE)

"""Model types that no vocabulary can be given to, and why, as data."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["REFUSED"]

_REASONS: tuple[tuple[str, str], ...] = (
    ("canine", "hashes characters and has no embedding table"),
    ("perceiver", "reads bytes, and its table is that of the bytes"),
    (
        "blt blt_global_transformer blt_local_decoder blt_local_encoder blt_patcher",
        "reads bytes, in patches of its own",
    ),
    (
        "fsmt encoder-decoder rag",
        "has two vocabularies, one for what it reads and one for what it writes, and a tokenizer for each",
    ),
    (
        "gemma3n gemma3n_text",
        "takes every id from the end of its text tokens on for an image or a sound, and has no rows for them in the "
        "table that all layers share",
    ),
    (
        "whisper",
        "takes every id from its first time stamp on for a time stamp, and those are the last of its vocabulary",
    ),
    (
        "mllama mllama_text_model",
        "has eight more input rows than the head, so that the first id after the vocabulary is an image",
    ),
    ("moshi moshi_depth", "has one more input row than the head, which starts a text and is not of its vocabulary"),
    ("kyutai_speech_to_text", "keeps the rows of its sound codes behind those of its tokens, in one matrix"),
    ("molmo2 molmo2_text", "keeps rows for images behind those of its tokens, so that a new id would be an image"),
    ("idefics", "keeps additional rows for ids behind its vocabulary, so that a new id would be one of those"),
    ("cpmant", "keeps the rows of its prompts behind those of its tokens, in one matrix"),
    ("deepseek_v4", "routes each token id to its experts by a stored table of whole numbers, which cannot be mixed"),
    (
        "qwen4_exp qwen4_exp_text",
        "hashes sequences of ids by the size of the vocabulary, so another size changes all of them",
    ),
    ("mobilebert", "has a part of its head with one column per token instead of one row"),
    ("ibert", "stores its embedding a second time in whole numbers, which cannot be mixed"),
    ("roc_bert", "has a shape and a pronunciation for each token, in files of its own"),
    ("flava", "has two heads for text and two for images"),
    (
        "clip clip_text_model clipseg clipseg_text_model groupvit groupvit_text_model owlv2 owlv2_text_model owlvit "
        "owlvit_text_model sam3 sam3_lite_text sam3_lite_text_text_model sam3_video xclip xclip_text_model",
        "takes the place of the highest id for the end of a text, so that no id may follow that token's",
    ),
    (
        "grounding-dino mm-grounding-dino omdet-turbo oneformer pi0",
        "reads text only to be told what to do, and has no language model of its own to extend",
    ),
    (
        "gemma4_assistant gemma4_unified_assistant muse_glimmer_assistant",
        "drafts for another model and shares that one's vocabulary; extend that one and train a new draft model",
    ),
    (
        "bark clvp clvp_decoder clvp_encoder csm csm_depth_decoder_model dia dia_decoder dia_encoder "
        "fastspeech2_conformer fastspeech2_conformer_with_hifigan musicgen musicgen_decoder musicgen_melody "
        "musicgen_melody_decoder qwen2_5_omni_talker qwen3_omni_moe_talker_code_predictor qwen3_omni_moe_talker_text "
        "speecht5 vits",
        "makes sound, and has separate vocabularies for text and for sound codes, or one of letters or phonemes",
    ),
    ("seamless_m4t seamless_m4t_v2", "maps each text id to letters and sounds in its generation settings"),
    (
        "data2vec-audio granite_speech5_ctc granite_speech5_encoder hubert lasr_ctc parakeet_ctc sew sew-d unispeech "
        "unispeech-sat wav2vec2 wav2vec2-bert wav2vec2-conformer wavlm",
        "writes letters with a head alone and reads no tokens, so that it has no embedding",
    ),
    (
        "nemotron3_5_asr nemotron_asr_streaming parakeet_rnnt parakeet_tdt",
        "ends its vocabulary with the token for nothing said, and no id may follow it",
    ),
    ("decision_transformer", "reads states and actions, and no text"),
    ("imagegpt glm_image glm_image_text", "writes image codes, and its head is not that of a text vocabulary"),
    ("esmfold2", "reads amino acids and has a vocabulary of atoms beside them"),
)

REFUSED: Mapping[str, str] = {name: reason for names, reason in _REASONS for name in names.split()}
"""For each model type why it is refused, to be read after "A model of that type"."""

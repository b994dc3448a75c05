"""Models around a language model: where its settings are, and what the wrapper names otherwise, as data."""

from __future__ import annotations

from dataclasses import dataclass

from vocabx.checkpoint.families.layout import Layout

__all__ = ["WRAPPERS", "Wrapper"]


@dataclass(frozen=True, slots=True)
class Wrapper:
    """One way to wrap a text part, which is laid out as its own model type says.

    Attributes
    ----------
    model_types : tuple of str
    tied : bool or None
        Whether the head is the input embedding where config.json does not say; None for what the text part does.
    default : str
        The text part's model type where config.json does not say.
    text : str
        Where the settings of the text part are: names of settings with a dot between them.
    others : tuple of str
        Other settings that have a `vocab_size` for the same tokens.
    heads, biases : tuple of str or None
        Names of the output head and of its biases, where they are not those of the text part.
    within : str
        What the names of the text part begin with, where another part has a vocabulary that is not of text.
    """

    model_types: tuple[str, ...]
    tied: bool | None
    default: str = "llama"
    text: str = "text_config"
    others: tuple[str, ...] = ()
    heads: tuple[str, ...] | None = None
    biases: tuple[str, ...] | None = None
    within: str = ""

    def around(self, layout: Layout) -> Layout:
        """Return the layout of the whole from that of its text part."""
        return Layout(
            self.model_types,
            layout.input,
            layout.heads if self.heads is None else self.heads,
            layout.biases if self.biases is None else self.biases,
            layout.tied if self.tied is None else self.tied,
            layout.copies,
            layout.tables,
            layout.sizes,
            self.within,
        )


def _types(names: str) -> tuple[str, ...]:
    return tuple(names.split())


WRAPPERS: tuple[Wrapper, ...] = (
    Wrapper(
        _types(
            "llava qwen2_vl qwen2_5_vl qwen3_vl qwen3_vl_moe aria audioflamingo3 cohere_compass cosmos3_edge "
            "cosmos3_omni deepseek_ocr2 dots3_note embedding_gemma2 emu3 exaone4_5 fast_vlm fuyu glm46v glm4v "
            "glm4v_moe glm5_next glm_ocr glmga granite4_vision idefics2 idefics3  llama4 "
            "llava_next llava_next_video llava_onevision minicpmv4_6 minicpmv4_7 minimax_m3_vl mistral_large4 "
            "muse_glimmer muse_spark musicflamingo perception_lm pix2struct qianfan_ocr qwen2_5_omni_thinker "
            "qwen2_audio qwen3_5 qwen3_5_moe qwen3_omni_moe_thinker smolvlm step3p7 unlimited_ocr vibevoice "
            "vibevoice_asr video_llama_3 video_llava vipllava voxtral"
        ),
        tied=False,
    ),
    Wrapper(
        _types(
            "gemma3 paligemma aya_vision cohere2_vision deepseek_vl deepseek_vl_hybrid diffusion_gemma "
            "ernie4_5_vl_moe fun_asr_nano gemma4_unified glmasr got_ocr2 granite_docling granite_speech "
            "granite_speech_plus hunyuan_vl hyperclovax_vision_v2 internvl janus kimi_k25 kosmos-2 kosmos-2.5 lfm2_vl "
            "lfm3_vl lighton_ocr minicpm_ocr mistral3 moss_transcribe_diarize ovis2 paddleocr_vl pp_chart2table "
            "qwen3_asr shieldgemma2 voxtral_realtime"
        ),
        tied=True,
    ),
    Wrapper(_types("gemma4"), tied=True, default="gemma4_text"),
    Wrapper(_types("inkling2 inkling_mm_model"), tied=False, default="inkling_text"),
    Wrapper(_types("jev"), tied=False, default="qwen3_5_text"),
    Wrapper(_types("nemo_speechlm nemotron_h_omni"), tied=False, default="nemotron_h"),
    Wrapper(_types("pp_formulanet"), tied=False, default="pp_formulanet_text"),
    Wrapper(_types("ultravbert"), tied=False, default="ultrabert"),
    Wrapper(_types("blip-2 instructblip instructblipvideo"), tied=None, default="opt"),
    Wrapper(_types("blip"), tied=True, default="blip_text_model"),
    Wrapper(_types("florence2"), tied=True, default="bart"),
    Wrapper(
        _types("modernvbert"), tied=False, default="modernbert", heads=("lm_head.weight",), biases=("lm_head.bias",)
    ),
    Wrapper(_types("pe_audio pe_audio_video pe_video"), tied=None, default="modernbert"),
    Wrapper(_types("align"), tied=None, default="align_text_model"),
    Wrapper(_types("altclip bridgetower chinese_clip clap vision-text-dual-encoder"), tied=None, default="bert"),
    Wrapper(_types("aimv2 metaclip_2 siglip siglip2 videoprism"), tied=None, default="siglip_text_model"),
    Wrapper(_types("tipsv2"), tied=None, default="tipsv2_text_model"),
    Wrapper(_types("vision-encoder-decoder speech-encoder-decoder"), tied=None, default="bert", text="decoder"),
    Wrapper(_types("canary"), tied=True, default="canary_decoder", text="decoder_config"),
    Wrapper(_types("t5gemma"), tied=True, default="t5_gemma_module", text="decoder", others=("encoder",)),
    Wrapper(_types("t5gemma2"), tied=True, default="t5gemma2_text", text="encoder.text_config", others=("decoder",)),
    Wrapper(_types("colpali colqwen2"), tied=False, text="vlm_config.text_config"),
    Wrapper(_types("colmodernvbert"), tied=False, default="modernbert", text="vlm_config.text_config"),
    Wrapper(_types("qwen2_5_omni qwen3_omni_moe"), tied=False, text="thinker_config.text_config", within="thinker."),
)

"""Tiny random encoders with WordPiece tokenizers, made in memory."""

from __future__ import annotations

from typing import Any

from vocabx.eval.encoder import Encoder

__all__ = ["PIECES", "tiny_encoder"]

CONTEXT = 24
PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcdef.",
    *(f"##{letter}" for letter in "abcdef"),
    "ab",
    "##cd",
]


def tiny_encoder(architecture: str = "bert", seed: int = 0, *, headless: bool = False) -> Encoder:
    """Return a random encoder of two layers in evaluation mode; `headless` leaves the masked-language head out."""
    import torch
    import transformers

    torch.manual_seed(seed)
    size = {"vocab_size": len(PIECES), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    rest = {"intermediate_size": 32, "initializer_range": 0.5, "pad_token_id": 0}
    if architecture == "roberta":
        config = transformers.RobertaConfig(**size, **rest, max_position_embeddings=CONTEXT + 1)
        model: Any = transformers.RobertaForMaskedLM(config)
    else:
        config = transformers.BertConfig(**size, **rest, max_position_embeddings=CONTEXT)
        model = transformers.BertModel(config) if headless else transformers.BertForMaskedLM(config)
    if not headless:
        with torch.no_grad():
            model.get_output_embeddings().bias.normal_()
    return Encoder(model.eval(), wordpiece())


def wordpiece() -> Any:
    """Return a tokenizer of letters and two longer pieces, with [CLS] and [SEP] around a text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {piece: token for token, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    roles = {f"{role}_token": f"[{role.upper()}]" for role in ("pad", "unk", "cls", "sep", "mask")}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **roles)

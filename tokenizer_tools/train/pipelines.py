"""Pipelines of new tokenizers, one function per kind."""

from __future__ import annotations

from typing import Any

from vocabx.tokenizer_tools.surfaces import Family
from vocabx.tokenizer_tools.train.blueprint import PARTS_OF_WORDS, Blueprint, SpecialToken, isolated

__all__ = ["byte_level_pipeline", "metaspace_pipeline", "sentencepiece_pipeline", "wordpiece_pipeline"]

WORDS = (
    r"[^\r\n\p{L}\p{M}\p{N}]?[\p{L}\p{M}\u200C\u200D]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""A word with the space before it, marks and joiners included; a digit; other signs; line breaks; spaces."""

LONGEST_WORD = 1000
"""Characters in a word before WordPiece gives it up; it is quadratic in them."""

LANGUAGE_MODEL_ROLES = {"unk": "<unk>", "bos": "<s>", "eos": "</s>", "pad": "<pad>"}
NFC = {"type": "NFC"}
SPACES = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
SPACES_BACK = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
MARKED_DECODER = {"type": "Sequence", "decoders": [SPACES_BACK, {"type": "ByteFallback"}, {"type": "Fuse"}]}
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
PAIRS = {"type": "BPE", "dropout": None, "unk_token": None, "fuse_unk": False, "byte_fallback": False}


def byte_level_pipeline(compose: bool) -> Blueprint:
    """Split words with the space before them, digits singly, and read all as bytes."""
    roles = {role: text for role, text in LANGUAGE_MODEL_ROLES.items() if role != "unk"}
    return _blueprint(
        Family.BYTE_LEVEL,
        roles,
        ("bos", "A"),
        normalizer=NFC if compose else None,
        pre_tokenizer={"type": "Sequence", "pretokenizers": [isolated(WORDS), BYTE_LEVEL]},
        decoder=BYTE_LEVEL,
        model=PAIRS,
    )


def metaspace_pipeline(compose: bool, family: Family) -> Blueprint:
    """Write spaces as ▁, add none, cut before each ▁ and around each digit, and fall back to bytes."""
    return _blueprint(
        family,
        LANGUAGE_MODEL_ROLES,
        ("bos", "A"),
        normalizer={"type": "Sequence", "normalizers": [NFC, SPACES]} if compose else SPACES,
        pre_tokenizer=isolated(PARTS_OF_WORDS[True]),
        decoder=MARKED_DECODER,
        model=_marked_model(family),
    )


def sentencepiece_pipeline(family: Family) -> Blueprint:
    """Return what a SentencePiece model does by itself: spaces as ▁, no normaliser, no cuts, bytes to fall back to."""
    # A `.model` file cannot say NFC, so composing is for the corpus alone.
    return _blueprint(
        family,
        LANGUAGE_MODEL_ROLES,
        ("bos", "A"),
        normalizer=SPACES,
        pre_tokenizer=None,
        decoder=MARKED_DECODER,
        model=_marked_model(family),
    )


def wordpiece_pipeline(compose: bool) -> Blueprint:
    """BERT's stages, with upper case and accents kept."""
    clean = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": False,
        "lowercase": False,
    }
    return _blueprint(
        Family.WORDPIECE,
        {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
        ("cls", "A", "sep"),
        normalizer={"type": "Sequence", "normalizers": [clean, NFC]} if compose else clean,
        pre_tokenizer={"type": "BertPreTokenizer"},
        decoder={"type": "WordPiece", "prefix": "##", "cleanup": False},
        model={
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": LONGEST_WORD,
        },
    )


def _marked_model(family: Family) -> dict[str, Any]:
    if family is Family.UNIGRAM:
        return {"type": "Unigram", "unk_id": 0, "byte_fallback": True}
    return {**PAIRS, "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}


def _blueprint(family: Family, roles: dict[str, str], template: tuple[str, ...], **pipeline: Any) -> Blueprint:
    """Put the tokens of roles around text, `A`, and of a second text, `B`."""
    pair = [*template, "B", *(role for role in template if role != "A" and template.index(role) > template.index("A"))]
    if template[0] == "bos":
        pair.insert(template.index("A") + 1, "bos")
    used = sorted({roles[role] for role in template if role != "A"})
    pipeline["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [_step(part, roles, 0) for part in template],
        "pair": [_step(part, roles, int(number >= len(template))) for number, part in enumerate(pair)],
        "special_tokens": {text: {"id": text, "ids": [0], "tokens": [text]} for text in used},
    }
    return Blueprint(
        family,
        {"version": "1.0", "truncation": None, "padding": None, **pipeline},
        special=tuple(SpecialToken(text) for text in roles.values()),
        roles=roles,
        has_bytes=family.marks_spaces,
        single_digits=family is not Family.WORDPIECE,
    )


def _step(part: str, roles: dict[str, str], kind: int) -> dict[str, Any]:
    if part in ("A", "B"):
        return {"Sequence": {"id": part, "type_id": kind}}
    return {"SpecialToken": {"id": roles[part], "type_id": kind}}

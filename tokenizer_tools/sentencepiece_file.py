"""Write the `.model` of SentencePiece beside `tokenizer.json`, where both can say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.sentencepiece_model import build_model, differing_lines
from vocabx.tokenizer_tools.surfaces import Family

__all__ = ["SentencePieceFile", "write_sentencepiece_file"]

DEFAULT_NAME = "tokenizer.model"
NAMES = (DEFAULT_NAME, "spiece.model")
"""Files whose ids are those of `tokenizer.json`; XLM-R's `sentencepiece.bpe.model` numbers its pieces otherwise."""


@dataclass(frozen=True, slots=True)
class SentencePieceFile:
    """What became of the `.model`: the name under which it was written, or why it was not."""

    name: str | None
    reason: str


def write_sentencepiece_file(
    segmenter: FastSegmenter, base: Path, out: Path, probes: Sequence[str]
) -> SentencePieceFile | None:
    """Write the `.model` that engines such as llama.cpp read, if C++ encodes the probes as `segmenter` does.

    A metaspace tokenizer gets one whether or not the base has one, a Unigram tokenizer where the base has one. A file
    that says something else than `tokenizer.json` is worse than none, so it is not written then, and the base's is
    never copied. Spaces around a probe are left off.

    Returns
    -------
    SentencePieceFile, optional
        None for tokenizers of another kind.
    """
    own = next((base / name for name in NAMES if (base / name).is_file()), None)
    if segmenter.family is not Family.METASPACE and (own is None or segmenter.family is not Family.UNIGRAM):
        return None
    # `tokenizers` swallows a space that a text begins with where it puts one there itself, and SentencePiece does not:
    # that difference is the base's own.
    probes = [probe.strip(" ") for probe in probes]
    try:
        model = build_model(segmenter, own.read_bytes() if own else None)
    except TokenizerError as error:
        return SentencePieceFile(None, f"not written: {error}")
    differing = differing_lines(segmenter, model, probes)
    if differing:
        example = probes[differing[0]]
        return SentencePieceFile(
            None, f"not written: {len(differing):,} of {len(probes):,} texts differ, as {example!r}"
        )
    name = own.name if own else DEFAULT_NAME
    (out / name).write_bytes(model)
    return SentencePieceFile(name, f"{name}, equal on {len(probes):,} texts")

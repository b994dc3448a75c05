"""Build the SentencePiece `.model` that gives the same ids as a fast tokenizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vocabx.core.errors import TokenizerError
from vocabx.core.tokens import TokenKind
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.sentencepiece_normalization import read_normalization
from vocabx.tokenizer_tools.surfaces import BYTE_PIECE, MARKER, Family

__all__ = ["build_model", "differing_lines", "read_pieces"]

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
"""SentencePiece's types of pieces. It merges into a piece that is unused, and takes that apart again afterwards."""
UNIGRAM, BPE = 1, 2


def build_model(segmenter: FastSegmenter, template: bytes | None = None) -> bytes:
    """Spell a fast tokenizer as a SentencePiece model, piece i with id i.

    A BPE piece scores minus the place of the first merge that produces it, since SentencePiece merges by the result
    where `tokenizers` merges by the pair; so ids agree when all splits of a piece into two pieces are merges, side by
    side in their order. Unigram scores stay. `differing_lines` tells whether ids agree on a text.

    Parameters
    ----------
    segmenter : FastSegmenter
        Of the family `METASPACE` or `UNIGRAM`.
    template : bytes, optional
        The base's own `.model`. What it says about training and decoding is kept; what decides ids is the pipeline's.

    Raises
    ------
    TokenizerError
        When SentencePiece cannot express a part of the pipeline; the message names it.
    """
    if not segmenter.family.marks_spaces:
        raise TokenizerError(f"A {segmenter.family.value} tokenizer cannot be written as a SentencePiece model.")
    _check_model(segmenter.definition["model"])
    normalization = read_normalization(segmenter.definition)
    model = _parse(template or b"")
    del model.pieces[:]
    model.DiscardUnknownFields()  # such as samples that the base's pieces are tested on when it is opened
    unknown = _unknown_id(segmenter)
    for piece, score, kind in zip(*_pieces(segmenter, unknown), strict=True):
        model.pieces.add(piece=piece, score=score, type=kind)
    _describe_training(model, segmenter, unknown)
    normalization.describe(model)
    return bytes(model.SerializeToString())


def read_pieces(serialized: bytes) -> list[str]:
    """Return the pieces of a `.model` file; piece i has id i.

    Raises
    ------
    TokenizerError
        When it is no SentencePiece model.
    """
    return [piece.piece for piece in _parse(serialized).pieces]


def differing_lines(segmenter: FastSegmenter, model: bytes, lines: Sequence[str]) -> list[int]:
    """Return the indices of the lines to which SentencePiece gives other ids than the fast tokenizer, ascending.

    No special tokens are added. One that is written out in a line counts as text: SentencePiece never reads it as
    more, and `tokenizers` is told to do the same. The known differences, which every conversion has, are spaces at
    the start of a line before `Metaspace` (it swallows one), at the end of a line where the pipeline does not strip
    them, characters that `Precompiled` composes, text around added tokens with `Prepend`, and ties in Unigram.
    """
    from sentencepiece import SentencePieceProcessor
    from tokenizers import Tokenizer

    wanted = SentencePieceProcessor(model_proto=model).encode(list(lines), num_threads=1)
    pairs = enumerate(zip(segmenter.encode(lines), wanted, strict=True))
    suspects = [line for line, (ids, want) in pairs if ids != want]
    if not suspects:
        return []
    reads_text_only = Tokenizer.from_str(segmenter.backend.to_str())
    reads_text_only.encode_special_tokens = True
    texts = [lines[line] for line in suspects]
    encodings = reads_text_only.encode_batch_fast(texts, add_special_tokens=False)
    return [line for line, encoding in zip(suspects, encodings, strict=True) if encoding.ids != wanted[line]]


def _check_model(model: Mapping[str, Any]) -> None:
    """Raise `TokenizerError` for what SentencePiece's own BPE does not have."""
    for name in ("ignore_merges", "continuing_subword_prefix"):
        if model.get(name):
            raise TokenizerError(f"SentencePiece cannot express the setting {name} of the tokenizer's BPE model.")
    if model["type"] == "BPE" and not model["byte_fallback"] and not model["fuse_unk"]:
        raise TokenizerError("SentencePiece always fuses unknown characters; the tokenizer keeps each apart.")


def _unknown_id(segmenter: FastSegmenter) -> int:
    model = segmenter.definition["model"]
    unknown = model.get("unk_id")
    if unknown is None and model.get("unk_token") is not None:
        unknown = segmenter.backend.token_to_id(model["unk_token"])
    if unknown is None:
        unknown = segmenter.roles.get("unk")
    if unknown is None:
        raise TokenizerError("The tokenizer has no unknown token, and a SentencePiece model must have one.")
    return int(unknown)


def _pieces(segmenter: FastSegmenter, unknown: int) -> tuple[list[str], list[float], list[int]]:
    """Spell, score and type every id."""
    model, tokens = segmenter.definition["model"], segmenter.tokens
    pieces = [piece or f"<absent {token}>" for token, piece in enumerate(tokens.pieces)]
    if segmenter.family is Family.UNIGRAM:
        scores = [score for _, score in model["vocab"]] + [0.0] * (len(tokens) - len(model["vocab"]))
        kinds = [NORMAL] * len(tokens)
    else:
        scores, kinds = _merged(pieces, model["merges"])
    for token in np.flatnonzero(tokens.kinds == TokenKind.ABSENT).tolist():
        kinds[token] = UNUSED
    if model["byte_fallback"]:
        kinds = [BYTE if BYTE_PIECE.fullmatch(piece) else kind for piece, kind in zip(pieces, kinds, strict=True)]
    for added in segmenter.definition["added_tokens"]:
        kinds[added["id"]] = CONTROL if added["special"] else USER_DEFINED
        pieces[added["id"]] = added["content"].replace(" ", MARKER)
    for token in segmenter.roles.values():
        kinds[token] = CONTROL
    kinds[unknown] = UNKNOWN
    return pieces, scores, kinds


def _merged(pieces: Sequence[str], merges: Sequence[tuple[str, str]]) -> tuple[list[float], list[int]]:
    """Score the pieces by their first merge, then characters, which no merge makes, below all of them.

    A piece that could only come from a merge that `tokenizers` does not have becomes a control symbol, which
    SentencePiece never makes from text.
    """
    place: dict[str, int] = {}
    for left, right in merges:
        place.setdefault(left + right, len(place))
    below = len(place)
    scores = [-float(place.get(piece, below + token)) for token, piece in enumerate(pieces)]
    can_join = {piece for piece in pieces if piece in place or len(piece) == 1}
    kinds = [CONTROL if piece not in place and _is_joined(piece, can_join) else NORMAL for piece in pieces]
    return scores, kinds


def _is_joined(piece: str, parts: set[str]) -> bool:
    splits = ((piece[:end], piece[end:]) for end in range(1, len(piece)))
    return any(all(len(part) == 1 or part in parts for part in split) for split in splits)


def _describe_training(model: Any, segmenter: FastSegmenter, unknown: int) -> None:
    """Say what kind of model it is, how large, and which pieces have a role."""
    specification = model.trainer_spec
    specification.model_type = UNIGRAM if segmenter.family is Family.UNIGRAM else BPE
    specification.vocab_size = len(model.pieces)
    specification.byte_fallback = segmenter.definition["model"]["byte_fallback"]
    roles = {**segmenter.roles, "unk": unknown}
    for role in ("unk", "bos", "eos", "pad"):
        token = roles.get(role, -1)
        setattr(specification, f"{role}_id", token)
        if token >= 0:
            setattr(specification, f"{role}_piece", model.pieces[token].piece)


def _parse(serialized: bytes) -> Any:
    from google.protobuf.message import DecodeError
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]  # the module makes it when imported
    try:
        model.ParseFromString(serialized)
    except DecodeError as error:
        raise TokenizerError(f"The base's SentencePiece model cannot be read: {error}.") from error
    return model

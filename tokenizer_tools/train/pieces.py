"""Vocabularies learned by SentencePiece: Unigram scores, and whole `.model` files."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.train.learned import Learned, Lesson

__all__ = ["MODEL_FILE", "SentencePieceLearner", "UnigramLearner"]

MODEL_FILE = "tokenizer.model"
BUILT_IN = ("unk", "bos", "eos", "pad")
LONGEST_PART = 1 << 20
HIGHEST_SIZE = re.compile(r"<= (\d+)|smaller than (\d+)")
NORMAL = 1
"""Type of an ordinary piece in a `.model` file."""


@dataclass(frozen=True)
class UnigramLearner:
    """A Unigram language model, by SentencePiece's trainer.

    The `UnigramTrainer` of the `tokenizers` library gives another vocabulary each time, because it sums in the order
    of a hash table; and another size than the one asked for.
    """

    def learn(self, lesson: Lesson) -> Learned:
        """Learn pieces and their scores; see `Learner`."""
        room = lesson.room
        while True:
            proto = train_model(lesson, "unigram", room + 1, {"bos_id": -1, "eos_id": -1, "unk_id": 0})
            found = [(piece.piece, piece.score) for piece in proto.pieces if piece.type == NORMAL]
            kept = [(piece, score) for piece, score in found if piece not in lesson.forbidden]
            if len(found) == len(kept) or len(kept) >= lesson.room or len(found) < room:
                break
            room += len(found) - len(kept)
        return Learned(
            tuple(piece for piece, _ in kept[: lesson.room]), scores=tuple(score for _, score in kept[: lesson.room])
        )


@dataclass(frozen=True)
class SentencePieceLearner:
    """A SentencePiece model, `kind` ``bpe`` or ``unigram``, with the bytes and special tokens of the blueprint."""

    kind: str

    def learn(self, lesson: Lesson) -> Learned:
        """Train the model and take its pieces, in the order of its ids; see `Learner`."""
        blueprint = lesson.blueprint
        settings: dict[str, Any] = {f"{role}_id": -1 for role in BUILT_IN}
        own = []
        for token, text in enumerate(special.text for special in blueprint.special):
            role = next((role for role in BUILT_IN if blueprint.roles.get(role) == text), None)
            if role is None:
                own.append(text)
            else:
                settings |= {f"{role}_id": token, f"{role}_piece": text}
        settings |= {"control_symbols": own, "byte_fallback": True}
        proto = train_model(lesson, self.kind, len(blueprint.first) + lesson.room, settings)
        first = tuple(piece.piece for piece in proto.pieces[: len(blueprint.first)])
        if first != blueprint.first:
            raise TokenizerError(
                "SentencePiece numbers these special tokens in another order: " + ", ".join(map(repr, first[:8])) + "."
            )
        pieces = proto.pieces[len(first) :]
        texts, scores = (tuple(getattr(piece, name) for piece in pieces) for name in ("piece", "score"))
        return Learned(
            texts,
            merges=merges_of(texts) if self.kind == "bpe" else (),
            scores=scores if self.kind == "unigram" else (),
            files={MODEL_FILE: proto.SerializeToString(deterministic=True)},
        )


def train_model(lesson: Lesson, kind: str, size: int, settings: dict[str, Any]) -> Any:
    """Train a SentencePiece model on counted parts of words and return it as a parsed `ModelProto`.

    One thread: the sums of the Unigram trainer depend on how the work is shared out.
    """
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    material = lesson.material
    file = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_counted_parts(lesson),
            model_writer=file,
            input_format="tsv",
            model_type=kind,
            vocab_size=size,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            character_coverage=1.0,
            required_chars="".join(material.alphabet),
            max_sentencepiece_length=lesson.options.longest,
            max_sentence_length=LONGEST_PART,
            split_digits=lesson.blueprint.single_digits,
            num_threads=1,
            minloglevel=2,
            **settings,
        )
    except RuntimeError as error:
        raise _as_sentence(error, size - lesson.room, lesson) from error
    proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]  # the module makes it when imported
    proto.ParseFromString(file.getvalue())
    return proto


def _counted_parts(lesson: Lesson) -> Iterator[str]:
    for part, count in zip(lesson.material.parts, lesson.material.counts.tolist(), strict=True):
        yield f"{part}\t{count}"


def _as_sentence(error: RuntimeError, others: int, lesson: Lesson) -> TokenizerError:
    found = HIGHEST_SIZE.search(str(error))
    if found:
        highest = int(found[1] or found[2])
        return TokenizerError(too_small(highest - others, lesson.room, len(lesson.blueprint.first)))
    return TokenizerError(f"SentencePiece could not train on this corpus: {str(error).strip().splitlines()[-1]}")


def too_small(given: int, wanted: int, others: int, *, merges: bool = False) -> str:
    """Say that the corpus gives fewer tokens than were asked for."""
    return (
        f"The corpus gives only {given:,} of the {wanted:,} tokens of text asked for: ask for at most "
        f"{given + others:,} in all, or give more text{' or a lower minimum frequency' if merges else ''}."
    )


def merges_of(pieces: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return, in the order of the pieces, every way to merge two pieces into a third.

    SentencePiece merges the pair whose result comes first in its list, however that result is split.

    >>> merges_of(("ab", "abc", "a", "b", "c", "bc"))
    (('a', 'b'), ('ab', 'c'), ('a', 'bc'), ('b', 'c'))
    """
    known = set(pieces)
    return tuple(
        (piece[:cut], piece[cut:])
        for piece in pieces
        for cut in range(len(piece) - 1, 0, -1)
        if piece[:cut] in known and piece[cut:] in known
    )

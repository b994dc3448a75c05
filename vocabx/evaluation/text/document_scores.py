"""What documents cost a language model of either kind, measured piece by piece so that nothing is measured twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial, reduce
from operator import add
from typing import Any, Self

import numpy as np

from vocabx import __version__
from vocabx.comparison.results import fingerprint
from vocabx.core.errors import InputError
from vocabx.core.report import Cell
from vocabx.core.say import step
from vocabx.eval.bits_per_byte import score_documents
from vocabx.eval.cost import DocumentCost, Progress, TokenGroup
from vocabx.eval.masked_loss import score_masked
from vocabx.evaluation.parts import Parts
from vocabx.evaluation.text.documents import Documents
from vocabx.evaluation.text.language_models import LanguageModel

__all__ = ["DocumentScores", "Windows", "pieces", "score", "telling"]

DOCUMENTS_AT_ONCE = 1000
"""Documents in a piece, which is what an interrupted evaluation may have to measure again."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How much is read at once; what is None depends on the kind of the model.

    Attributes
    ----------
    window : int, optional
        Tokens; 1024 for a causal model and 256 for a masked one, if its context is not shorter.
    stride : int, optional
        Tokens from a window to the next of a causal model; half a window.
    """

    window: int | None = None
    stride: int | None = None

    def __post_init__(self) -> None:
        if self.window is not None and self.window < 2:
            raise InputError(f"--window is {self.window}, but at least 2 tokens must be read at once.")
        if self.stride is not None and not 0 < self.stride < self.of_decoder[0]:
            raise InputError(f"--stride is {self.stride}; it must be positive and smaller than the window.")

    @property
    def of_decoder(self) -> tuple[int, int]:
        """Window and stride of a causal model."""
        window = self.window or 1024
        return window, self.stride or max(1, window // 2)

    @property
    def of_encoder(self) -> int:
        """Window of a masked model."""
        return self.window or 256

    @property
    def facts(self) -> dict[str, Cell]:
        """What a result says of them."""
        return {"window": self.window or "1024, masked models 256", "stride": self.of_decoder[1]}


@dataclass(frozen=True)
class DocumentScores:
    """What documents cost a model, and how they were read.

    Attributes
    ----------
    cost : DocumentCost
    start : str
        ``bos``, ``eos`` or ``uniform``, as of `Decoder.start`, or ``masked``.
    window, stride : int
        As used; a masked model has no stride, which is 0.
    unknown_bytes : int
        Of what a masked model's tokenizer has no token for.
    old, new : TokenGroup
        The cost by age of the token.
    seconds : float
        That measuring took, opening the model included, be it in an earlier run.
    """

    cost: DocumentCost
    start: str
    window: int
    stride: int
    unknown_bytes: int
    old: TokenGroup
    new: TokenGroup
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        """How many were predicted."""
        return self.old.tokens + self.new.tokens

    def __add__(self, other: Self) -> DocumentScores:
        cost = DocumentCost(
            np.concatenate([self.cost.nats, other.cost.nats]), np.concatenate([self.cost.bytes, other.cost.bytes])
        )
        groups = (_joined(self.old, other.old), _joined(self.new, other.new))
        unknown = self.unknown_bytes + other.unknown_bytes
        seconds = self.seconds + other.seconds
        return DocumentScores(cost, self.start, self.window, self.stride, unknown, *groups, seconds)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, without the seconds, which are those of the part that it is kept in."""
        own = {name: getattr(self, name) for name in ("start", "window", "stride", "unknown_bytes")}
        nats, sizes = self.cost.nats.tolist(), self.cost.bytes.tolist()
        return {**own, "old": asdict(self.old), "new": asdict(self.new), "nats": nats, "bytes": sizes}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        rest = dict(data)
        cost = DocumentCost(np.array(rest.pop("nats"), np.float64), np.array(rest.pop("bytes"), np.int64))
        return cls(cost, **{**rest, "old": TokenGroup(**rest["old"]), "new": TokenGroup(**rest["new"])})


def score(model: LanguageModel, documents: Documents, windows: Windows, parts: Parts) -> DocumentScores:
    """Measure what documents cost a model; pieces that were kept are not measured again."""
    found = []
    for texts, name in pieces(documents, f"{model.name} reads {documents.label}"):
        settings = windows.of_encoder if model.is_masked else windows.of_decoder
        # The checksum of a model does not tell which of its tokens are new.
        state = (model.described.checksum, model.new_ids.tolist(), model.is_masked, model.dtype, model.device)
        mark = fingerprint("cost", __version__, *state, settings, *texts)
        work = partial(_measure, model, texts, windows, name)
        part = parts.recall(mark, work)
        found.append(replace(DocumentScores.from_json(part.content), seconds=part.seconds))
    return reduce(add, found)


def pieces(documents: Documents, name: str) -> Iterator[tuple[Sequence[str], str]]:
    """Yield so many texts at once, and the name of the work with them."""
    total = -(-len(documents.texts) // DOCUMENTS_AT_ONCE)
    for piece in range(total):
        place = f"{name}, {piece + 1} of {total}" if total > 1 else name
        yield documents.texts[piece * DOCUMENTS_AT_ONCE : (piece + 1) * DOCUMENTS_AT_ONCE], place


def telling(model: LanguageModel, name: str) -> Progress:
    """Return a progress that says how far the work of a name is."""
    return lambda done, total: model.say(step(name, f"{done:,} of {total:,}"))


def _measure(model: LanguageModel, texts: Sequence[str], windows: Windows, name: str) -> dict[str, Any]:
    return (_fill_in if model.is_masked else _read)(model, texts, windows, telling(model, name)).to_json()


def _fill_in(model: LanguageModel, texts: Sequence[str], windows: Windows, progress: Progress) -> DocumentScores:
    measured = score_masked(
        model.encoder,
        texts,
        window=windows.of_encoder,
        new_ids=model.new_ids,
        tokens=model.tokens,
        progress=progress,
    )
    cost, old, new = DocumentCost(measured.nats, measured.bytes), _known(measured.old), _known(measured.new)
    return DocumentScores(cost, "masked", measured.window, 0, measured.unknown_bytes, old, new)


def _read(model: LanguageModel, texts: Sequence[str], windows: Windows, progress: Progress) -> DocumentScores:
    window, stride = windows.of_decoder
    measured = score_documents(
        model.decoder.model,
        model.decoder.tokenizer,
        texts,
        window=window,
        stride=stride,
        new_ids=model.new_ids,
        tokens=model.tokens,
        progress=progress,
    )
    cost, old, new = DocumentCost(measured.nats, measured.bytes), _known(measured.old), _known(measured.new)
    return DocumentScores(cost, measured.start, measured.window, measured.stride, 0, old, new)


def _known(group: TokenGroup | None) -> TokenGroup:
    return group or TokenGroup(0, 0.0, None)


def _joined(first: TokenGroup, second: TokenGroup) -> TokenGroup:
    covered = None if first.bytes is None or second.bytes is None else first.bytes + second.bytes
    return TokenGroup(first.tokens + second.tokens, first.nats + second.nats, covered)

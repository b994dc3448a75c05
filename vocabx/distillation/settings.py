"""Settings of a distillation: which tokens learn, from how much text, and what they are to reproduce."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.setting_types import check_types

__all__ = ["BOTH", "CHUNK_KL", "EARLY", "HIDDEN", "KEEP", "NEXT_TOKEN", "OBJECTIVES", "DistillationSettings"]

HIDDEN, CHUNK_KL, BOTH = "hidden", "chunk-kl", "both"
OBJECTIVES = (HIDDEN, CHUNK_KL, BOTH)
KEEP, NEXT_TOKEN = "keep", "next-token"
HEADS = (KEEP, NEXT_TOKEN)
TYPES = ("float32", "bfloat16")
LAST, EARLY = "-1", "early"


@dataclass(frozen=True, slots=True)
class DistillationSettings:
    """How new rows are distilled.

    Attributes
    ----------
    contexts : int
        Snippets that are drawn for each token, at most.
    context_tokens : int
        Old pieces in a snippet.
    layer : str
        The layer after which states are compared, counted from 1; ``"-1"`` is the last with the norm behind it, and
        ``"early"`` a quarter of the way.
    objective : {"hidden", "chunk-kl", "both"}, optional
        What is compared: states, probabilities, or both; see `vocabx.distillation.objective`. By default both where the
        model predicts a next token and its last layer is compared, else states.
    head : {"keep", "next-token"}
        What becomes of the new rows of a head that is not tied: they stay, or learn to predict the new tokens. They are
        never made of input rows.
    most_frequent : int, optional
        Train only so many of the new tokens, those that the corpus has most often.
    snippets : int, optional
        Read no more snippets than so many, drawn at random: frequent tokens have all of their contexts among them, and
        rare ones few or none. By default all that the contexts need.
    epochs : int
        How often each snippet is read.
    batch_size : int
        Snippets in a step.
    learning_rate : float
        Of the first step, as a share of the root mean square of the old rows' entries, so that it suits models of any
        scale. It falls to 0 in a straight line.
    seed : int
        Of the draw.
    dtype : {"float32", "bfloat16"}
        What is computed in; rows are kept in float32.
    device : str, optional
        Where it is computed; by default on a GPU where there is one.
    """

    contexts: int = 25
    context_tokens: int = 50
    layer: str = LAST
    objective: str | None = None
    head: str = KEEP
    most_frequent: int | None = None
    snippets: int | None = None
    epochs: int = 1
    batch_size: int = 16
    learning_rate: float = 0.1
    seed: int = 0
    dtype: str = "float32"
    device: str | None = None

    def __post_init__(self) -> None:
        check_types(self)
        for what, name, known in (
            ("objective", self.objective, OBJECTIVES),
            ("policy for the head", self.head, HEADS),
            ("type to compute in", self.dtype, TYPES),
        ):
            if name is not None and name not in known:
                raise UnknownNameError(what, name, known)
        for name in ("contexts", "epochs", "batch_size", "most_frequent", "snippets"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise InputError(f"{name.replace('_', ' ')} must be at least 1, got {getattr(self, name)}.")
        if self.seed < 0:
            raise InputError(f"The seed must not be negative, got {self.seed}.")
        if self.context_tokens < 2:
            raise InputError(f"A context needs at least 2 old tokens, got {self.context_tokens}.")
        if not 0 < self.learning_rate < 1:
            raise InputError(f"The learning rate must lie between 0 and 1, got {self.learning_rate}.")
        if self.layer not in (LAST, EARLY) and not (self.layer.isdecimal() and int(self.layer) > 0):
            raise InputError(f"The layer must be -1, early or a number from 1 on, got {self.layer!r}.")
        if (self.objective not in (None, HIDDEN) or self.head == NEXT_TOKEN) and self.layer != LAST:
            raise InputError(
                "What the model predicts comes of its last layer; leave out --layer, or take --objective hidden and "
                "--head keep."
            )

    @property
    def uses_head(self) -> bool:
        """Whether anything is predicted."""
        return self.objective in (CHUNK_KL, BOTH) or self.head == NEXT_TOKEN

    def decided(self, is_causal: bool) -> DistillationSettings:
        """Return the settings with an objective, for a model that predicts the next token or does not."""
        predicts = is_causal and self.layer == LAST
        return self if self.objective else replace(self, objective=BOTH if predicts else HIDDEN)

    def depth(self, layers: int) -> int | None:
        """Return how many layers are run before states are compared; None for all and the norm behind them."""
        if self.layer == LAST:
            return None
        depth = max(1, layers // 4) if self.layer == EARLY else int(self.layer)
        if depth > layers:
            raise InputError(f"The model has {layers} layers, and none has number {depth}.")
        return depth

    def to_json(self) -> dict[str, Any]:
        """Return plain data for the record, without the place where it was computed."""
        return {name: value for name, value in asdict(self).items() if name != "device"}

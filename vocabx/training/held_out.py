"""Held-out text: bits per byte of the model in memory, in each of some languages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from vocabx.core.say import Say, step
from vocabx.eval.bits_per_byte import score_documents
from vocabx.eval.encoder import Encoder
from vocabx.eval.masked_loss import score_masked
from vocabx.evaluation.text.documents import Documents
from vocabx.training.settings import MASKED

__all__ = ["HeldOut"]


@dataclass(frozen=True)
class HeldOut:
    """Texts that are measured while a model is trained on others.

    Attributes
    ----------
    texts : sequence of Documents
    tokenizer : transformers tokenizer
    objective : {"causal", "masked"}
    say : callable
    """

    texts: Sequence[Documents]
    tokenizer: Any
    objective: str
    say: Say

    def measure(self, model: Any, when: str) -> dict[str, float]:
        """Return bits per byte by label; the model is then as it was."""
        with _in_evaluation(model):
            return {text.label: self._measure(model, text, f"measuring {text.label}, {when}") for text in self.texts}

    def _measure(self, model: Any, text: Documents, name: str) -> float:
        def progress(done: int, total: int) -> None:
            self.say(step(name, f"{done:,} of {total:,}"))

        if self.objective == MASKED:
            return score_masked(Encoder(model, self.tokenizer), text.texts, progress=progress).value
        return score_documents(model, self.tokenizer, text.texts, progress=progress).value


@contextmanager
def _in_evaluation(model: Any) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)

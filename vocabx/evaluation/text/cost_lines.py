"""What a result says of the cost of documents: scores, paired differences, and how they were read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vocabx.eval.cost import TokenGroup
from vocabx.evaluation.result import Difference, Score
from vocabx.evaluation.text.document_scores import DocumentScores, Windows

__all__ = ["CostLines"]

METRIC = "bits per byte"
STARTS = {
    "bos": "each document is predicted after the tokenizer's BOS, and its end is not predicted",
    "eos": "the tokenizer has no BOS, so each document is predicted after its EOS; its end is not predicted",
    "uniform": "the tokenizer has neither BOS nor EOS, so the first token of each document counts as a uniform draw; "
    "its end is not predicted",
    "masked": "a masked model; each word is predicted from all others, its tokens one after the other with the rest "
    "of the word masked, which is no probability of the text",
}


@dataclass(frozen=True)
class CostLines:
    """Costs of models on texts.

    Attributes
    ----------
    names, labels : sequence of str
        Of the models, the first of which others are compared with, and of the texts.
    measured : mapping of (label, name) to DocumentScores
    seed : int
        Every interval draws the same documents.
    """

    names: Sequence[str]
    labels: Sequence[str]
    measured: Mapping[tuple[str, str], DocumentScores]
    seed: int

    def scores(self) -> Iterator[Score]:
        """Yield the bits per byte of each model and text, and of its old and new tokens where it has new ones."""
        for label in self.labels:
            for name in self.names:
                yield from self.scores_of(label, name)

    def scores_of(self, label: str, name: str) -> Iterator[Score]:
        """Yield those of one model on one text."""
        found = self.measured[label, name]
        cost = found.cost.interval(np.random.default_rng(self.seed))
        count = len(found.cost.bytes)
        yield Score(name, label, METRIC, cost.estimate, cost.low, cost.high, items=count)
        yield Score(name, label, "tokens per byte", found.tokens / int(found.cost.bytes.sum()), items=count)
        if not found.new.tokens:
            return
        for age, group in (("old", found.old), ("new", found.new)):
            if group.bytes:
                yield Score(name, label, f"{METRIC}, {age} tokens", _bits(group), items=group.tokens)
        yield Score(name, label, "share of new tokens", found.new.tokens / found.tokens, items=count)

    def differences(self) -> Iterator[Difference]:
        """Yield how much more the others cost than the first model; there is none between two kinds of model."""
        first, *others = self.names
        for label in self.labels:
            for name in others:
                own, base = self.measured[label, name], self.measured[label, first]
                if _is_masked(own) == _is_masked(base):
                    gap = own.cost.paired_difference(base.cost, np.random.default_rng(self.seed))
                    yield Difference(name, first, label, METRIC, gap.estimate, gap.low, gap.high)

    def notes(self, windows: Windows) -> Iterator[str]:
        """Yield what a reader of the numbers must know."""
        yield "Bits per byte are summed over documents before they are divided; less is better."
        read = {name: self.measured[self.labels[0], name] for name in self.names}
        for start in dict.fromkeys(found.start for found in read.values()):
            alike = ", ".join(name for name, found in read.items() if found.start == start)
            yield f"{alike}: {STARTS[start]}."
        for name, found in read.items():
            asked = windows.of_encoder if _is_masked(found) else windows.of_decoder[0]
            if found.window < asked:
                yield f"{name}: {found.window} tokens were read at once, its context, instead of {asked}."
        if len({_is_masked(found) for found in read.values()}) > 1:
            yield "Masked and causal models do not compare, so there is no difference between them."
        for (label, name), found in self.measured.items():
            if found.unknown_bytes:
                share = found.unknown_bytes / int(found.cost.bytes.sum())
                yield f"{name} has no token for {share:.2%} of the bytes of {label}; each is charged 8 bits besides."


def _is_masked(found: DocumentScores) -> bool:
    return found.start == "masked"


def _bits(group: TokenGroup) -> float:
    return group.nats / (group.bytes or math.nan) / math.log(2)

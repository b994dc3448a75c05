"""What the rows of the table of families are: a blueprint, and how its vocabulary is learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vocabx.tokenizer_tools.surfaces import Family
from vocabx.tokenizer_tools.train import pipelines
from vocabx.tokenizer_tools.train.blueprint import Blueprint
from vocabx.tokenizer_tools.train.learned import Learner
from vocabx.tokenizer_tools.train.pairs import PairLearner, WordPieceLearner
from vocabx.tokenizer_tools.train.pieces import SentencePieceLearner, UnigramLearner

__all__ = ["ByteLevelBpe", "MarkedSpaces", "NewTokenizer", "SentencePiece", "WordPiece"]


class NewTokenizer(Protocol):
    """A row of the table of families."""

    def plan(self, compose: bool) -> tuple[Blueprint, Learner]:
        """Return what the new tokenizer is, but for its vocabulary, and what learns that."""


@dataclass(frozen=True)
class ByteLevelBpe:
    """BPE over bytes."""

    def plan(self, compose: bool) -> tuple[Blueprint, Learner]:
        """See `NewTokenizer`."""
        return pipelines.byte_level_pipeline(compose), PairLearner()


@dataclass(frozen=True)
class MarkedSpaces:
    """BPE or Unigram over text in which ▁ stands for a space."""

    family: Family

    def plan(self, compose: bool) -> tuple[Blueprint, Learner]:
        """See `NewTokenizer`."""
        learner = UnigramLearner() if self.family is Family.UNIGRAM else PairLearner()
        return pipelines.metaspace_pipeline(compose, self.family), learner


@dataclass(frozen=True)
class WordPiece:
    """WordPiece with BERT's stages."""

    def plan(self, compose: bool) -> tuple[Blueprint, Learner]:
        """See `NewTokenizer`."""
        return pipelines.wordpiece_pipeline(compose), WordPieceLearner()


@dataclass(frozen=True)
class SentencePiece:
    """A SentencePiece model of the kind ``bpe`` or ``unigram``."""

    kind: str

    def plan(self, compose: bool) -> tuple[Blueprint, Learner]:
        """See `NewTokenizer`."""
        family = Family.UNIGRAM if self.kind == "unigram" else Family.METASPACE
        return pipelines.sentencepiece_pipeline(family), SentencePieceLearner(self.kind)

"""What a check needs: each need says why the check cannot run, or nothing.

The first group can be met by whoever runs it; the second says what kind of model there is something to check in.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from vocabx.checkpoint.sources.pickled import is_pickled
from vocabx.checkpoint.writing.casting import is_exact
from vocabx.manifest import REPLACE
from vocabx.verification.subject import Subject

__all__ = [
    "Need",
    "alignment",
    "base",
    "base_weights",
    "convex",
    "head",
    "learned",
    "lines",
    "new",
    "own_tokenizer",
    "recorded",
    "source_rows",
    "torch",
    "undropped",
    "unfactorized",
    "unrounded",
    "untrained",
    "weights",
]

Need = Callable[[Subject], str | None]


def base(subject: Subject) -> str | None:
    """Need a base to compare with."""
    return "no base was given to compare with" if subject.base_directory is None else None


def base_weights(subject: Subject) -> str | None:
    """Need a base with its checkpoint."""
    if (missing := base(subject)) is not None:
        return missing
    if subject.base_checkpoint is not None:
        return None
    if subject.base_directory is not None and is_pickled(subject.base_directory):
        return "the base's weights are PyTorch files (.bin), which --trust-pickle (trust_pickle=True) opens"
    return "the base holds no weights"


def source_rows(subject: Subject) -> str | None:
    """Need the rows that new ones were made of: the base's, or the directory's own where old ids still have them."""
    return None if subject.has_own_rows else base_weights(subject)


def lines(subject: Subject) -> str | None:
    """Need text in the source language."""
    return None if subject.lines else "there is no source-language text"


def torch(subject: Subject) -> str | None:
    """Need the optional library that runs the model."""
    return None if find_spec("torch") else "torch is not installed (pip install 'vocabx[torch]')"


def weights(subject: Subject) -> str | None:
    """Need a checkpoint, not only a tokenizer."""
    return "the directory holds a tokenizer and no weights" if subject.is_tokenizer_only else None


def head(subject: Subject) -> str | None:
    """Need an output head of its own, with stored weights."""
    checkpoint = subject.base_checkpoint or subject.checkpoint
    if checkpoint.head is None or checkpoint.tied:
        return "the head is tied to the input"
    return None if "head" in subject.alignments else f"the head's rows are drawn: {subject.manifest.rows.get('head')}"


def alignment(subject: Subject) -> str | None:
    """Need stored weights for at least one matrix."""
    if subject.alignments:
        return None
    return f"the method {subject.manifest.method!r} draws its rows and stores no weights"


def convex(subject: Subject) -> str | None:
    """Need a method that promises convex rows."""
    if not any(tensor.is_made.any() for tensor in subject.vocabulary_rows):
        return "all new rows were given, and the method made none"
    return None if subject.manifest.convex else f"the method {subject.manifest.method!r} does not promise convex rows"


def new(subject: Subject) -> str | None:
    """Need rows that were made."""
    return None if subject.plan.new else "no row is new"


def learned(subject: Subject) -> str | None:
    """Need new tokens that vocabx chose: those of a given tokenizer may be such that no text produces them."""
    if (missing := new(subject)) is not None:
        return missing
    return "the new tokens are those of the given tokenizer" if subject.manifest.command == REPLACE else None


def own_tokenizer(subject: Subject) -> str | None:
    """Need a tokenizer that was made of the base's."""
    return "the tokenizer was replaced" if subject.manifest.command == REPLACE else None


def undropped(subject: Subject) -> str | None:
    """Need all tokens of the base that text produces: new ones may take the places of others."""
    return None if subject.plan.keeps_ids else "tokens of the base were dropped, and new ones take their places"


def unfactorized(subject: Subject) -> str | None:
    """Need embeddings that were not replaced by an approximation."""
    return "the embeddings were factorised, so all rows changed" if subject.manifest.factorization else None


def unrounded(subject: Subject) -> str | None:
    """Need weights that are still the same numbers."""
    tensors = subject.base_checkpoint.tensors.values() if subject.base_checkpoint else ()
    if all(is_exact(tensor.entry.dtype, subject.storage.type_of(tensor.entry)) for tensor in tensors):
        return None
    return f"the weights were rounded to {subject.manifest.dtype}, so the model computes other numbers"


def untrained(subject: Subject) -> str | None:
    """Need weights that are as vocabx wrote them."""
    return "the model was trained" if subject.is_trained else None


def recorded(subject: Subject) -> str | None:
    """Need weights that are as vocabx wrote them, or its record of what it trained of them."""
    return None if subject.manifest.training else untrained(subject)

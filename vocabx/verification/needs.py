"""What a check needs: each need says why the check cannot run, or nothing.

The first group can be met by whoever runs it; the second says what kind of model there is something to check in.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from vocabx.verification.subject import Subject

__all__ = ["Need", "alignment", "base", "base_weights", "convex", "head", "lines", "torch", "untrained", "weights"]

Need = Callable[[Subject], str | None]


def base(subject: Subject) -> str | None:
    """Need a base to compare with."""
    return "no base was given to compare with" if subject.base_directory is None else None


def base_weights(subject: Subject) -> str | None:
    """Need a base with its checkpoint."""
    if (missing := base(subject)) is not None:
        return missing
    return "the base holds no weights" if subject.base_checkpoint is None else None


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
    return None if subject.manifest.convex else f"the method {subject.manifest.method!r} does not promise convex rows"


def untrained(subject: Subject) -> str | None:
    """Need weights that are as vocabx wrote them."""
    return "the model was trained" if subject.after_training else None

"""Everything that can go wrong and that the user can mend.

::

    VocabxError
    ├── InputError             a file, directory, text or option is not what it must be
    │   ├── CorpusError        text that cannot be read or is empty
    │   ├── TokenizerError     a tokenizer that cannot be read, extended or reproduced
    │   ├── CheckpointError    a model directory that cannot be read or changed
    │   └── UnknownNameError   a method or option value that does not exist
    ├── OutputError            a place that cannot be written, or that exists already
    ├── TrainingError          a training that cannot go on, or cannot begin as it is asked for
    └── MissingExtraError      an optional dependency that is not installed

The command line prints one of these as a single sentence and exits with status 1. Anything else that
escapes is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "CheckpointError",
    "CorpusError",
    "InputError",
    "MissingExtraError",
    "OutputError",
    "TokenizerError",
    "TrainingError",
    "UnknownNameError",
    "VocabxError",
    "first_line",
]

MOST_LISTED = 20
"""Names that are listed beside a suggestion."""


class VocabxError(Exception):
    """Base of every error that is reported to the user as one sentence."""


class InputError(VocabxError):
    """A file, directory, text or option is not what it must be."""


class CorpusError(InputError):
    """Text that cannot be read, or that holds nothing."""


class TokenizerError(InputError):
    """A tokenizer that cannot be read, extended or reproduced."""


class CheckpointError(InputError):
    """A model directory that cannot be read or changed."""


class UnknownNameError(InputError):
    """A name that is in no table; the message lists the known ones and suggests the nearest."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=1)
        suggestion = f" Did you mean {close[0]!r}?" if close else ""
        listed = "" if close and len(names) > MOST_LISTED else f" Known: {', '.join(names)}."
        super().__init__(f"There is no {kind} called {name!r}.{suggestion}{listed}")


class OutputError(VocabxError):
    """A place that cannot be written, or that exists already."""


class TrainingError(VocabxError):
    """A training that cannot go on, or cannot begin as it is asked for."""


class MissingExtraError(VocabxError):
    """An optional dependency is not installed; the message holds the command that installs it."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs an optional dependency. Install it with: pip install 'vocabx[{extra}]'")


def first_line(error: BaseException) -> str:
    r"""Return the first line of what an error of another library says, or its kind where it says nothing.

    Examples
    --------
    >>> first_line(ValueError("no such file\nTraceback"))
    'no such file'
    >>> first_line(KeyError())
    'KeyError'
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]

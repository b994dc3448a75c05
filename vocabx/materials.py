"""What methods need besides the base, and whether the user gave it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from vocabx.core.errors import InputError
from vocabx.core.registry import Entry
from vocabx.core.transfer import Materials

__all__ = ["NEEDS", "Need", "check_needs", "existing_file", "missing"]


@dataclass(frozen=True)
class Need:
    """Whether materials meet a need, and the options that do."""

    is_met: Callable[[Materials], bool]
    remedy: str


NEEDS: Mapping[str, Need] = MappingProxyType(
    {
        "target text": Need(lambda given: given.corpus is not None, "--corpus"),
        "source words": Need(
            lambda given: given.source_vectors is not None or given.source_corpus is not None,
            "--source-vectors or --source-corpus",
        ),
        "target words": Need(
            lambda given: given.target_vectors is not None or given.corpus is not None,
            "--target-vectors or --corpus",
        ),
        "multilingual vectors": Need(
            lambda given: given.source_vectors is not None and given.source_vectors == given.target_vectors,
            "--vectors",
        ),
        "dictionary or parallel text": Need(
            lambda given: given.dictionary is not None or given.parallel is not None, "--dictionary or --parallel"
        ),
        "parallel text": Need(lambda given: given.parallel is not None, "--parallel"),
        "donor model": Need(lambda given: given.donor is not None, "--donor"),
        "encoder": Need(lambda given: given.encoder is not None, "--encoder"),
    }
)
"""Every name that a row of the table of methods may need."""


def missing(entry: Entry, given: Materials) -> list[str]:
    """Return the needs of a method that are not met."""
    return [need for need in entry.needs if not NEEDS[need].is_met(given)]


def check_needs(method: str, entry: Entry, given: Materials) -> None:
    """Raise `InputError` unless a method has what it needs."""
    lacking = missing(entry, given)
    if lacking:
        options = ", ".join(NEEDS[need].remedy for need in lacking)
        raise InputError(f"The method {method} needs {' and '.join(lacking)}: give {options}.")


def existing_file(path: str | Path, option: str) -> Path:
    """Return the path of a file that an option names; raise `InputError` where there is none."""
    if not Path(path).is_file():
        raise InputError(f"There is no file {path}. Name another with {option}.")
    return Path(path)

"""Two line-aligned files as pairs of lines."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.errors import CorpusError
from vocabx.core.text_files import decode_text, split_lines
from vocabx.core.transfer import Parallel

__all__ = ["LinePairs", "read_parallel"]

LONGEST = 2000
"""Characters of the longest line that is used. A longer one is a whole text, in which words align badly."""


@dataclass(frozen=True)
class LinePairs:
    """Lines and their translations, with single spaces between words.

    Attributes
    ----------
    source, target : list of str, each of length P
    numbers : ndarray of int64, shape (P,)
        The place of each pair in the files, from 0: pairs that say nothing are left out.
    in_files : int
        How many lines each file has.
    """

    source: list[str]
    target: list[str]
    numbers: Ints
    in_files: int

    def __len__(self) -> int:
        return len(self.source)


def read_parallel(parallel: Parallel, most: int = 0) -> LinePairs:
    """Read the pairs, without those that are blank on a side, the same on both sides, or longer than `LONGEST`.

    Where more than `most` are left, as many are taken, evenly spread; 0 takes all.

    Raises
    ------
    CorpusError
        When the files have different numbers of lines, cannot be read, or no pair is left.
    """
    source, target = _lines(parallel.source), _lines(parallel.target)
    if len(source) != len(target):
        raise CorpusError(
            f"{parallel.source} has {len(source):,} lines and {parallel.target} has {len(target):,}: line n of one "
            "must be the translation of line n of the other."
        )
    kept = [
        number
        for number, (left, right) in enumerate(zip(source, target, strict=True))
        if left and right and left != right and max(len(left), len(right)) <= LONGEST
    ]
    if not kept:
        raise CorpusError(
            f"{parallel.source} and {parallel.target} hold no pair of a line and its translation: a side is blank, "
            f"both are the same, or they are longer than {LONGEST:,} characters."
        )
    if 0 < most < len(kept):
        kept = [kept[place * len(kept) // most] for place in range(most)]
    return LinePairs(
        source=[source[number] for number in kept],
        target=[target[number] for number in kept],
        numbers=np.array(kept, np.int64),
        in_files=len(source),
    )


def _lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (EOFError, zlib.error) as error:
        raise CorpusError(f"{path} cannot be read as gzip: it is cut off or damaged.") from error
    return [" ".join(line.split()) for line in split_lines(decode_text(content, path))]

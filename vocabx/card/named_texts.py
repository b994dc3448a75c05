"""How a card names texts and says how long they are."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["spell_bytes", "spell_files"]

MOST_FILES = 5


def spell_files(files: Sequence[str]) -> str:
    """Name the first few files.

    >>> spell_files([f"{number}.txt" for number in range(7)])
    '`0.txt`, `1.txt`, `2.txt`, `3.txt`, `4.txt` and 2 more'
    """
    named = ", ".join(f"`{file}`" for file in files[:MOST_FILES])
    return named + (f" and {len(files) - MOST_FILES:,} more" if len(files) > MOST_FILES else "")


def spell_bytes(count: int) -> str:
    """Say a number of bytes in MB, or in kB where it is below a tenth of one.

    >>> [spell_bytes(count) for count in (12_345_678, 100_000, 38_140)]
    ['12.3 MB', '0.1 MB', '38.1 kB']
    """
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"

"""Small translated texts: files of them, and lines of which the right links are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vocabx.core.transfer import Parallel

__all__ = ["cipher", "write_parallel"]


def write_parallel(
    folder: Path, source: Sequence[str], target: Sequence[str], links: Sequence[str] | None = None
) -> Parallel:
    """Write lines to files."""
    paths = [folder / name for name in ("text.en", "text.ko", "links")]
    for path, lines in zip(paths, (source, target, links or ()), strict=True):
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return Parallel(paths[0], paths[1], paths[2] if links is not None else None)


def cipher(lines: int = 300, seed: int = 0) -> tuple[list[str], list[str]]:
    """Return lines of words ``w0`` to ``w39`` and the same lines with the words ``v0`` to ``v39``, in order."""
    rng = np.random.default_rng(seed)
    numbers = [rng.integers(0, 40, rng.integers(2, 9)).tolist() for _ in range(lines)]
    source, target = ([" ".join(f"{letter}{n}" for n in line) for line in numbers] for letter in "wv")
    return source, target

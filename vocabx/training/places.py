"""Places: where the output goes, and whether it may."""

from __future__ import annotations

from pathlib import Path

from vocabx.core.errors import OutputError
from vocabx.manifest import FILE_NAME
from vocabx.training.record import RECORD_FILE

__all__ = ["check_cache", "check_output", "check_replaced", "stage_place"]


def check_output(out: Path, force: bool, directory: Path) -> None:
    """Raise `OutputError`, before any work, where the output of a model's directory could not take its place."""
    real, base = out.resolve(), directory.resolve()
    if real == base or base in real.parents or real in base.parents:
        raise OutputError(f"{out} overlaps {directory}, which is read. Choose another place for the output.")
    if not out.exists() and not out.is_symlink():
        return
    if not force:
        raise OutputError(f"{out} exists already. Choose another place, or replace it with --force (force=True).")
    check_replaced(out)


def check_cache(cache: Path | None, out: Path, directory: Path) -> None:
    """Raise `OutputError` where tokens that are kept would lie in what is written, or in what is read."""
    if cache is None:
        return
    real = cache.resolve()
    for place in (out.resolve(), directory.resolve()):
        if real == place or place in real.parents:
            raise OutputError(f"The token cache {cache} lies in {place}. Name another directory.")


def check_replaced(out: Path) -> None:
    """Raise `OutputError` where `out` holds anything but an earlier output of vocabx."""
    is_empty = out.is_dir() and not any(out.iterdir())
    ours = any((out / name).is_file() for name in (FILE_NAME, RECORD_FILE))
    if out.exists() and not is_empty and not ours:
        raise OutputError(f"{out} was not written by vocabx and is not replaced. Choose another place, or remove it.")


def stage_place(out: Path, stage: int) -> Path:
    """Return where the model after a stage is written."""
    return out.with_name(f"{out.name}-stage-{stage}")

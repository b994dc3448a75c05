"""Make a directory appear at once and whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vocabx.checkpoint.staging.interruptions import is_interruption, sigterm_as_exit
from vocabx.checkpoint.staging.journal import Journal
from vocabx.checkpoint.staging.output_errors import output_errors
from vocabx.checkpoint.staging.renames import exchange, rename_to_new
from vocabx.checkpoint.staging.room import Room, open_room, remove, room_path
from vocabx.core.errors import OutputError
from vocabx.core.say import Say, say_nothing

__all__ = ["Staging", "open_staging", "staged_directory", "synchronize"]

FILES_AT_ONCE = 4


@dataclass(frozen=True)
class Staging:
    """A directory that becomes the target, and the journal of its finished files."""

    directory: Path
    journal: Journal


@contextmanager
def staged_directory(target: Path, force: bool = False, protect: Sequence[Path] = ()) -> Iterator[Path]:
    """Yield a hidden directory beside `target` that takes its name when the block ends well, and vanishes otherwise.

    An existing target is an error before any work, unless `force` replaces it at the very end. `protect` names
    directories, such as the base model's, that the target must not be, be inside of, or contain. SIGTERM ends the
    block like an interrupt from the keyboard. Another run with the same target is an error.
    """
    with open_staging(target, force, protect) as staging:
        yield staging.directory


@contextmanager
def open_staging(
    target: Path,
    force: bool = False,
    protect: Sequence[Path] = (),
    *,
    check_replaced: Callable[[], None] = lambda: None,
    say: Say = say_nothing,
) -> Iterator[Staging]:
    """Do the same with a journal: a block that is stopped leaves the files that it finished to the next one.

    `check_replaced` objects to a target that must not be replaced; `say` hears what an earlier run has left.
    """
    target = Path(os.path.abspath(target))
    _check_overlap(target, protect)
    if not os.path.lexists(room_path(target)):
        _check_absent(target, force)
    absent = [folder for folder in target.parents if not folder.exists()]
    with sigterm_as_exit(), output_errors(target):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open_room(target) as room:
                if _restore(room, target):
                    say(f"{target} is back: a run that was killed had moved it away")
                remove(room.previous)
                journal = Journal(room, say)
                try:
                    _check_absent(target, force)
                    check_replaced()
                    room.output.mkdir()
                    yield Staging(room.output, journal)
                    synchronize(room.output)
                    _check_absent(target, force)  # it may have appeared while the work was done
                    check_replaced()
                    journal.retire()
                    _publish(room, target)
                except BaseException as error:
                    _restore(room, target)
                    _leave(room, journal, error)
                    raise
        finally:
            if not os.path.lexists(target):
                _remove_empty(absent)


def synchronize(path: Path, *, recursive: bool = True) -> None:
    """Have the disk hold a file, or a directory and all that is in it."""
    if recursive and path.is_dir():
        # Together they take the time of the largest; one by one each waits for the journal.
        with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
            list(pool.map(synchronize, path.iterdir()))
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _publish(room: Room, target: Path) -> None:
    """Give the output its name; what had it before is left in the room."""
    if not os.path.lexists(target):
        try:
            rename_to_new(room.output, target)
        except FileExistsError:
            raise _exists(target) from None
    elif not exchange(room.output, target):
        target.rename(room.previous)  # a run that is killed here is mended by the next one
        room.output.rename(target)
    synchronize(target.parent, recursive=False)


def _restore(room: Room, target: Path) -> bool:
    """Put back what a replacement that was cut off has moved away."""
    if not os.path.lexists(room.previous) or os.path.lexists(target):
        return False
    room.previous.rename(target)
    return True


def _leave(room: Room, journal: Journal, error: BaseException) -> None:
    """Keep the room of a block that failed for the next run, where that has a use for it."""
    # What an earlier run has finished is not this one's to remove before it knows that its job is another.
    if room.is_found and (is_interruption(error) or not journal.has_begun):
        journal.gather()
        room.kept = journal.count > 0
    if room.kept and is_interruption(error):
        error.add_note(
            f"Finished weight files ({journal.count}, of {journal.size / 1e6:,.0f} MB) are kept in {room.path}: run "
            "the same command again to go on, or remove that directory."
        )


def _check_overlap(target: Path, protect: Sequence[Path]) -> None:
    real = target.resolve()
    for directory in (path.resolve() for path in protect):
        if real == directory or directory in real.parents or real in directory.parents:
            raise OutputError(f"{target} overlaps {directory}, which is read. Choose another place for the output.")


def _check_absent(target: Path, force: bool) -> None:
    if os.path.lexists(target) and not force:
        raise _exists(target)


def _exists(target: Path) -> OutputError:
    return OutputError(f"{target} exists already. Choose another place, or replace it with --force (force=True).")


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders, innermost first, as long as they are empty."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return

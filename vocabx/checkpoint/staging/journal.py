"""Journal: which files of a job are finished, so that a run that was cut off can be gone on with."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vocabx.checkpoint.staging.room import Room, remove
from vocabx.core.say import Say, say_nothing

__all__ = ["Journal"]

FORMAT = 1

Stamp = Mapping[str, Any]


class Journal:
    """The finished files of one job, each a line that is written once the disk holds the file.

    A job is named by all that decides the bytes of its files. Files that an earlier run of the same job finished may be
    taken over; a file counts only while it has the inode, the size and the time that its line names.
    """

    def __init__(self, room: Room, say: Say = say_nothing) -> None:
        self._room, self._say = room, say
        self._job, self._lines = _read(room.journal)
        self.has_begun = False
        self.gather()

    @property
    def names(self) -> frozenset[str]:
        """Names of the finished files."""
        return frozenset(self._lines)

    @property
    def count(self) -> int:
        """Number of finished files."""
        return len(self._lines)

    @property
    def size(self) -> int:
        """Their bytes."""
        return sum(line["size"] for line in self._lines.values())

    def begin(self, job: str | None) -> None:
        """Say what the job is; what another one has left is removed. A job of None cannot be gone on with."""
        self.has_begun = True
        if self._lines and job == self._job:
            self._say(f"going on; weight files that an earlier run finished: {self.count}")
        else:
            if self._lines:
                self._say("what an earlier run of another job had finished is removed")
            self._lines = {}
            remove(self._room.finished)
        self._job = job
        self._write_whole()

    def claim(self, path: Path) -> bool:
        """Move a finished file to its place in the output; return False where there is none and it is to be made."""
        if path.name not in self._lines or not self.has_begun:
            return False
        (self._room.finished / path.name).rename(path)
        return True

    def finish(self, path: Path) -> None:
        """Have the disk hold a file of the output, and note that it is finished."""
        if self._job is None:
            return
        stamp = _synchronized(path)
        _synchronized(path.parent)
        self._append({"file": path.name, **stamp})
        self._lines[path.name] = stamp

    def retire(self) -> None:
        """Forget all files, before the output takes its place: then what has their names may be something else."""
        self._lines = {}
        self._room.journal.unlink(missing_ok=True)

    def gather(self) -> None:
        """Put the finished files aside and remove all else that was made."""
        aside = self._room.finished
        if self._lines:
            aside.mkdir(exist_ok=True)
        self._lines = {name: stamp for name, stamp in self._lines.items() if self._put_aside(name, stamp)}
        remove(self._room.output)
        for entry in aside.iterdir() if self._lines else (aside,):
            if entry.name not in self._lines:
                remove(entry)

    def _put_aside(self, name: str, stamp: Stamp) -> bool:
        """Whether a finished file is there; a run may have been cut off while it took files over."""
        if _stamp(self._room.output / name) == stamp:
            (self._room.output / name).rename(self._room.finished / name)
        return _stamp(self._room.finished / name) == stamp

    def _write_whole(self) -> None:
        whole = self._room.path / "journal.new"
        files = [{"file": name, **stamp} for name, stamp in self._lines.items()]
        lines = [{"format": FORMAT, "job": self._job}, *files]
        whole.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        _synchronized(whole)
        whole.replace(self._room.journal)

    def _append(self, line: object) -> None:
        with self._room.journal.open("a") as file:
            file.write(f"{json.dumps(line)}\n")
            file.flush()
            os.fsync(file.fileno())


def _read(path: Path) -> tuple[str | None, dict[str, Stamp]]:
    """Read a job and its finished files, up to a line that was cut short."""
    try:
        head, *lines = path.read_text().split("\n")[:-1]
        content = json.loads(head)
        job = content["job"] if content["format"] == FORMAT else None
    except (KeyError, OSError, TypeError, ValueError):
        return None, {}
    return job, dict(_stamps(lines)) if job else {}


def _stamps(lines: list[str]) -> Iterator[tuple[str, Stamp]]:
    for line in lines:
        try:
            stamp = json.loads(line)
            yield stamp.pop("file"), stamp
        except (AttributeError, KeyError, TypeError, ValueError):
            return


def _stamp(path: Path) -> Stamp | None:
    """Return what tells a file from another of its name; None where there is none."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return _stamp_of(status) if stat.S_ISREG(status.st_mode) else None


def _stamp_of(status: os.stat_result) -> Stamp:
    return {"inode": status.st_ino, "size": status.st_size, "modified": status.st_mtime_ns}


def _synchronized(path: Path) -> Stamp:
    """Have the disk hold a file or a directory's names; return the file's stamp."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
        return _stamp_of(os.fstat(handle))
    finally:
        os.close(handle)

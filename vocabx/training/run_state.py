"""The state of a run: a hidden folder beside its output, from which the same command goes on."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vocabx.checkpoint.staging.atomic import synchronize
from vocabx.checkpoint.staging.output_errors import output_errors
from vocabx.core.errors import OutputError, TrainingError
from vocabx.core.say import Say, say_nothing
from vocabx.training.curve import Curve
from vocabx.training.decisions import changes

__all__ = ["RunState", "locked_state", "note_whole", "state_folder"]

RUN, LOCK, CURVE, FINISHED = "run.json", "lock", "curve.jsonl", "finished.json"
WHOLE = "whole"
FORMAT = 3
"""Of what decides a run; one that was begun with another is not gone on with."""
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class RunState:
    """A run's folder.

    It holds what decides the run, the tokens of the corpus, the curve, the weights after the last finished stage, and
    the saved states of the stage that goes on.
    """

    folder: Path

    @property
    def curve(self) -> Curve:
        """What was measured."""
        return Curve(self.folder / CURVE)

    @property
    def tokens(self) -> Path:
        """Where the corpora are kept as tokens."""
        return self.folder / "tokens"

    @property
    def logs(self) -> Path:
        """Where TensorBoard's files are."""
        return self.folder / "runs"

    def stage(self, number: int) -> Path:
        """Where the saved states of a stage are."""
        return self.folder / f"stage-{number}"

    def check(self, decided: Mapping[str, Any], force: bool) -> None:
        """Make sure that a run with these decisions may be gone on with, or begun.

        Raises
        ------
        TrainingError
            When a run with other decisions is here, unless `force` says that it may be removed.
        """
        found = self._read(RUN)
        changed = [] if found is None else changes(found, _plain(decided))
        if changed and not force:
            more = [f"and {len(changed) - MOST_NAMED} more"] if len(changed) > MOST_NAMED else []
            raise TrainingError(
                f"{self.folder} holds a run that was begun otherwise: {'; '.join([*changed[:MOST_NAMED], *more])}. "
                "Give what it was begun with to go on, or --force (force=True) to begin anew."
            )

    def begin(self, decided: Mapping[str, Any], say: Say = say_nothing) -> None:
        """Note what decides the run, once nothing but training is left to do; a run of other decisions is removed.

        Not before: a run that `force` gives up is still there if its successor cannot begin.
        """
        found, wanted = self._read(RUN), _plain(decided)
        if found != wanted:
            if found is not None:
                say(f"giving up the run that was begun otherwise: {'; '.join(changes(found, wanted))}")
            self.clear()
            self._write(RUN, wanted)

    def finished(self) -> tuple[int, Path | None]:
        """Return how many stages are finished, and the file of the weights after the last of them."""
        content = self._read(FINISHED)
        if content is None or not (self.folder / content["weights"]).is_file():
            return 0, None
        return int(content["stages"]), self.folder / content["weights"]

    def weights_after(self, number: int) -> Path:
        """Where the weights after a stage are to be written, before `finish` is told."""
        return self.folder / f"after-stage-{number}.safetensors"

    def trained(self) -> list[int]:
        """Return how many numbers each finished stage has trained."""
        return list((self._read(FINISHED) or {}).get("trained", ()))

    def finish(self, number: int, trained: int) -> None:
        """Note that the weights after a stage are written, and remove what only it has needed."""
        _, before = self.finished()
        after = self.weights_after(number)
        synchronize(after)
        content = {"stages": number, "weights": after.name, "trained": [*self.trained()[: number - 1], trained]}
        self._write(FINISHED, content)
        shutil.rmtree(self.stage(number), ignore_errors=True)
        if before is not None and before != after:
            before.unlink(missing_ok=True)

    def note_kept(self, number: int) -> None:
        """Note that the model after a stage is about to be written for this run, which may replace it from then on."""
        self._kept(number).touch()

    def has_kept(self, number: int) -> bool:
        """Whether the model after a stage is of this run, or of the one that it goes on with."""
        return self._kept(number).exists()

    def _kept(self, number: int) -> Path:
        return self.folder / f"kept-stage-{number}"

    def saved_state(self, number: int) -> tuple[int, Path | None]:
        """Return step and folder of the last whole state of a stage; what was cut off while it was saved is removed."""
        folder = self.stage(number)
        found = sorted(folder.glob("checkpoint-*"), key=lambda path: _step(path), reverse=True)
        for path in found:
            if _step(path) > 0 and (path / WHOLE).is_file():
                return _step(path), path
            shutil.rmtree(path, ignore_errors=True)
        return 0, None

    def clear(self) -> None:
        """Remove everything but the lock, and the tokens, which know what they were made of."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.name == LOCK or path == self.tokens:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove all of it, once the output is written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            content = json.loads((self.folder / name).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        staged = self.folder / f"{name}.new"
        staged.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")
        synchronize(staged)
        staged.replace(self.folder / name)


def note_whole(folder: Path) -> None:
    """Note that a saved state is whole and on the disk, so that not even a power failure takes a part of it."""
    synchronize(folder)
    (folder / WHOLE).touch()
    synchronize(folder, recursive=False)


def state_folder(out: Path) -> Path:
    """Return the hidden folder beside an output."""
    out = Path(os.path.abspath(out))
    return out.with_name(f".{out.name}.pretraining")


@contextmanager
def locked_state(out: Path, *, is_first: bool = True) -> Iterator[RunState]:
    """Yield the state of the run that writes `out`, for this process alone; of several, the first holds the lock.

    Raises
    ------
    OutputError
        When another run writes the same output, or the folder cannot be made or written.
    """
    state = RunState(state_folder(out))
    if not is_first:
        yield state
        return
    is_new = not state.folder.exists()
    try:
        state.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(state.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise OutputError(f"{state.folder} cannot be made: {error.strerror}. Choose another --out.") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise OutputError(
            f"Another run is training {out} just now. Wait until it ends, or choose another place for the output."
        ) from None
    try:
        with output_errors(state.folder / RUN):
            yield state
    finally:
        if is_new and not (state.folder / RUN).exists():
            state.remove()  # nothing was begun
        os.close(handle)


def _plain(decided: Mapping[str, Any]) -> dict[str, Any]:
    """Return what JSON gives back."""
    content: dict[str, Any] = json.loads(json.dumps({"format": FORMAT, **decided}))
    return content


def _step(path: Path) -> int:
    number = path.name.rpartition("-")[2]
    return int(number) if number.isdigit() else 0

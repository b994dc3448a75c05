"""Commands in forks of a process that has imported everything, killed at a moment or before a step of theirs."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Ended", "run", "run_and_kill_after", "run_and_kill_at_step", "warm_up", "without_renames_with_flags"]

WRITING = b"checkpoint\n"
"""What a command says on stderr when it starts to write."""
STEPS = {
    "open",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.truncate",
    "shutil.copyfile",
    "shutil.rmtree",
    "fcntl.flock",
    "fcntl.ioctl",
}
"""Audited events after or before which the disk may look otherwise."""

Hook = Callable[[], None]


@dataclass(frozen=True)
class Ended:
    """How a command ended: its status, negative for a signal, what it said on stderr, and the moments it took."""

    status: int
    said: str
    seconds: float
    seconds_of_writing: float

    @property
    def taken_over(self) -> int:
        """Number of weight files that it took over from an earlier run."""
        found = re.search(r"an earlier run finished: (\d+)", self.said)
        return int(found[1]) if found else 0


def warm_up() -> None:
    """Import what a command imports, so that a fork starts at once."""
    sys.modules["torch"] = None  # type: ignore[assignment]  # not needed here, and the slowest of all imports
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from transformers import AutoTokenizer, PreTrainedTokenizerFast  # noqa: F401

    import vocabx.cli
    import vocabx.directories
    import vocabx.tokenizer_tools.extend
    import vocabx.tokenizer_tools.sentencepiece_file  # noqa: F401


def run(arguments: Sequence[str], hook: Hook | None = None) -> Ended:
    """Run a command to its end."""
    return _Command(arguments, hook).ended()


def run_and_kill_after(
    arguments: Sequence[str], seconds: float, *, of_writing: bool, hook: Hook | None = None
) -> Ended:
    """Kill a command some time after it was started, or after it has started to write."""
    command = _Command(arguments, hook)
    if of_writing:
        command.wait_for(WRITING)
    command.wait(seconds)
    os.kill(command.process, signal.SIGKILL)
    return command.ended()


def run_and_kill_at_step(arguments: Sequence[str], step: int, hook: Hook | None = None) -> Ended:
    """Let a command kill itself right before a step that concerns files, counted from when it starts to write."""

    def prepare() -> None:
        if hook:
            hook()
        left = step

        def audit(event: str, values: tuple[object, ...]) -> None:
            nonlocal left
            if event in STEPS and _Writing.has_begun:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(audit)

    return run(arguments, prepare)


def without_renames_with_flags() -> None:
    """Let this process have a file system that cannot exchange two names."""
    from vocabx.checkpoint.staging import renames

    def refuse(source: bytes, target: bytes, flag: int) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1

    renames._system_rename = lambda: refuse  # type: ignore[assignment]


class _Writing:
    has_begun = False


class _Command:
    def __init__(self, arguments: Sequence[str], hook: Hook | None) -> None:
        self._start = time.perf_counter()
        self._writing = self._start
        self._said = b""
        self._pipe, sink = os.pipe()
        self.process = os.fork()
        if not self.process:
            self._become(arguments, hook, sink)
        os.close(sink)

    def _become(self, arguments: Sequence[str], hook: Hook | None, sink: int) -> None:
        status = 99
        try:
            os.dup2(sink, 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            # Not those of a test runner, which may have put others there.
            sys.stdout, sys.stderr = (open(number, "w", closefd=False, buffering=1) for number in (1, 2))  # noqa: SIM115
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            from vocabx import progress
            from vocabx.cli import main

            say = progress.StderrProgress.__call__

            def note(self: progress.StderrProgress, message: str) -> None:
                _Writing.has_begun |= message == WRITING.decode().strip()
                say(self, message)

            progress.StderrProgress.__call__ = note  # type: ignore[method-assign]
            if hook:
                hook()
            main.main(list(arguments), prog_name="vocabx")
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _read(self, timeout: float | None = None) -> bool:
        """Read what was said; return whether there may be more."""
        import select

        ready, _, _ = select.select([self._pipe], [], [], timeout)
        if not ready:
            return False
        data = os.read(self._pipe, 65536)
        if WRITING in self._said + data and WRITING not in self._said:
            self._writing = time.perf_counter()
        self._said += data
        return bool(data)

    def wait_for(self, line: bytes) -> None:
        while line not in self._said and self._read():
            pass

    def wait(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0 and self._read(left):
            pass

    def ended(self) -> Ended:
        while self._read():
            pass
        os.close(self._pipe)
        _, status = os.waitpid(self.process, 0)
        end = time.perf_counter()
        said = self._said.decode(errors="replace")
        return Ended(os.waitstatus_to_exitcode(status), said, end - self._start, end - self._writing)

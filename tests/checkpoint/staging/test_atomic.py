from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.checkpoint.models import checksums
from tests.checkpoint.stopped import die, killed, without_flags
from vocabx.checkpoint.staging.atomic import open_staging, staged_directory
from vocabx.core.errors import OutputError

ROOT = Path(__file__).parents[3]

WAITING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts with it ignored
import resource, sys, time
from pathlib import Path
from vocabx.checkpoint.staging.atomic import staged_directory
with staged_directory(Path(sys.argv[1]), force=True) as out:
    (out / "model.safetensors").write_bytes(b"half")
    print("ready", flush=True)
    time.sleep(60)
"""

LIMITED = """
import resource, sys
from pathlib import Path
from tests.checkpoint.models import PLAN, llama_tensors, mean_row, random_alignment, save_model
from vocabx.checkpoint import open_checkpoint, staged_directory, write_checkpoint
from vocabx.core.errors import OutputError
from vocabx.core.initialization import Initialization
directory = Path(sys.argv[1])
checkpoint = open_checkpoint(save_model(directory / "source", llama_tensors()))
limit = (directory / "source" / "model.safetensors").stat().st_size + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with staged_directory(directory / "target") as out:
        rule = Initialization.shared(random_alignment())
        write_checkpoint(checkpoint, PLAN, rule, out, padding=mean_row())
except OutputError as error:
    print(error)
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def existing(directory: Path) -> Path:
    target = directory / "target"
    target.mkdir()
    (target / "precious").write_text("kept")
    return target


def test_a_directory_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "some" / "where" / "target"
    with staged_directory(target) as out:
        (out / "sub").mkdir()
        (out / "sub" / "file").write_text("done")
        assert out.parent == target.parent / ".target.incomplete"
        assert not target.exists()
    assert (target / "sub" / "file").read_text() == "done"
    assert os.listdir(target.parent) == ["target"]
    ordinary = tmp_path / "ordinary"
    ordinary.mkdir()
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


@pytest.mark.parametrize("kind", ["file", "empty directory", "full directory", "dangling link"])
def test_what_exists_is_refused_before_any_work(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    if kind == "file":
        target.write_text("kept")
    elif kind == "dangling link":
        target.symlink_to(tmp_path / "nowhere")
    else:
        existing(tmp_path) if kind == "full directory" else target.mkdir()
    with pytest.raises(OutputError, match=r"target exists already.*--force"), staged_directory(target):
        pytest.fail("work was done")
    assert os.listdir(tmp_path) == ["target"]


@pytest.mark.parametrize("flags", [True, False], ids=["at once", "in two steps"])
@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_force_replaces_at_the_very_end(
    tmp_path: Path, kind: str, flags: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not flags:
        without_flags(monkeypatch)
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("kept")
    if kind == "file":
        target.write_text("old")
    elif kind == "link":
        target.symlink_to(elsewhere)
    else:
        existing(tmp_path)
    with staged_directory(target, force=True) as out:
        (out / "new").write_text("new")
        assert target.exists()
    assert os.listdir(target) == ["new"]
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "target"]
    assert (elsewhere / "precious").read_text() == "kept"


@pytest.mark.parametrize("error", [ValueError("inside"), KeyboardInterrupt("inside"), SystemExit("inside")])
@pytest.mark.parametrize("force", [False, True])
def test_an_exception_leaves_nothing_and_touches_nothing(tmp_path: Path, error: BaseException, force: bool) -> None:
    target = existing(tmp_path) if force else tmp_path / "target"
    before = checksums(tmp_path)

    def fail() -> None:
        with staged_directory(target, force) as out:
            (out / "half").write_text("half")
            raise error

    with pytest.raises(type(error), match="inside"):
        fail()
    assert checksums(tmp_path) == before
    assert os.listdir(tmp_path) == (["target"] if force else [])


@pytest.mark.parametrize("number", [None, errno.EINVAL], ids=["no such call", "a file system without it"])
def test_an_output_that_a_killed_run_had_moved_away_comes_back_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int | None
) -> None:
    target, heard = existing(tmp_path), list[str]()
    without_flags(monkeypatch, number)
    rename = Path.rename

    def move_away_and_die(self: Path, new: Path) -> None:
        rename(self, new)
        die()

    def run() -> None:
        monkeypatch.setattr(Path, "rename", move_away_and_die)
        with staged_directory(target, force=True):
            pass

    assert killed(run)
    assert not target.exists()
    with pytest.raises(OutputError, match="exists already"), open_staging(target, say=heard.append):
        pytest.fail("work was done")
    assert heard == [f"{target} is back: a run that was killed had moved it away"]
    assert os.listdir(tmp_path) == ["target"]
    assert os.listdir(target) == ["precious"]


@pytest.mark.parametrize("flags", [True, False], ids=["at once", "in two steps"])
def test_what_a_run_that_was_killed_after_replacing_has_left_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: bool
) -> None:
    target = existing(tmp_path)
    if not flags:
        without_flags(monkeypatch)

    def run() -> None:
        with staged_directory(target, force=True) as out:
            (out / "new").touch()
            monkeypatch.setattr("vocabx.checkpoint.staging.room._empty", die)

    assert killed(run)
    assert os.listdir(target) == ["new"]
    with staged_directory(target, force=True) as out:
        assert os.listdir(out) == []
    assert os.listdir(tmp_path) == ["target"]


def test_the_previous_output_comes_back_when_the_last_step_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = existing(tmp_path)
    rename = Path.rename

    def fail_for_the_stage(self: Path, new: Path) -> Path:
        if self.name == "output":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, new)

    without_flags(monkeypatch)
    monkeypatch.setattr(Path, "rename", fail_for_the_stage)
    with pytest.raises(OutputError, match=r"cannot be written\. The disk reports an error"):  # noqa: SIM117
        with staged_directory(target, force=True):
            pass
    assert os.listdir(tmp_path) == ["target"]
    assert (target / "precious").read_text() == "kept"


def test_a_target_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with pytest.raises(OutputError, match="exists already"), staged_directory(target):
        existing(tmp_path)
    assert os.listdir(target) == ["precious"]


def test_what_must_not_be_replaced_is_looked_at_once_more_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "target"

    def check() -> None:
        if target.exists():
            raise OutputError("precious")

    with pytest.raises(OutputError, match="precious"), open_staging(target, force=True, check_replaced=check):
        existing(tmp_path)
    assert os.listdir(target) == ["precious"]
    assert os.listdir(tmp_path) == ["target"]


@pytest.mark.parametrize("name", ["\ub300" * 80, "x" * 255], ids=["letters of three bytes", "ascii"])
def test_the_longest_names_are_written(tmp_path: Path, name: str) -> None:
    with staged_directory(tmp_path / name):
        assert os.listdir(tmp_path) != [name]
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("place", ["source", "source/inside", "link/inside", "."])
@pytest.mark.parametrize("force", [False, True])
def test_the_source_is_protected(tmp_path: Path, place: str, force: bool) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "link").symlink_to(source)
    with (
        pytest.raises(OutputError, match=r"overlaps .*source, which is read"),
        staged_directory(tmp_path / place, force, protect=[source]),
    ):
        pytest.fail("work was done")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "The disk is full"),
        (errno.EDQUOT, "quota is used up"),
        (errno.EFBIG, "larger than the system allows"),
        (errno.EACCES, "You may not write there"),
        (errno.EROFS, "mounted read-only"),
    ],
)
def test_a_refusal_of_the_system_is_a_sentence(tmp_path: Path, number: int, advice: str) -> None:
    with (
        pytest.raises(OutputError, match=rf"target cannot be written\. .*{advice}"),
        staged_directory(tmp_path / "target"),
    ):
        raise OSError(number, os.strerror(number))
    assert os.listdir(tmp_path) == []


def test_errors_about_other_files_are_left_alone(tmp_path: Path) -> None:
    with (
        pytest.raises(PermissionError, match="elsewhere"),
        staged_directory(tmp_path / "target"),
    ):
        raise PermissionError(errno.EACCES, "Permission denied", "/elsewhere/model.safetensors")
    with pytest.raises(ConnectionError, match="not ours"), staged_directory(tmp_path / "target"):
        raise ConnectionError("not ours")


def test_a_file_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="target cannot be written"), staged_directory(tmp_path / "file" / "target"):
        pytest.fail("work was done")


@pytest.mark.parametrize("limit", [-4000, 10, 2000])
def test_a_file_that_grows_too_large_leaves_nothing(tmp_path: Path, limit: int) -> None:
    process = start(LIMITED, tmp_path, limit)
    output, errors = process.communicate(timeout=60)
    assert "target cannot be written. A file would be larger than the system allows" in output, errors
    assert os.listdir(tmp_path) == ["source"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGINT, -signal.SIGINT)])
def test_a_signal_leaves_nothing_and_touches_nothing(tmp_path: Path, number: signal.Signals, code: int) -> None:
    before = checksums(existing(tmp_path))
    with start(WAITING, tmp_path / "target") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(timeout=60) == code
    assert os.listdir(tmp_path) == ["target"]
    assert checksums(tmp_path / "target") == before


def test_a_killed_process_leaves_the_target_alone_and_nothing_that_loads(tmp_path: Path) -> None:
    before = checksums(existing(tmp_path))
    with start(WAITING, tmp_path / "target") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    assert checksums(tmp_path / "target") == before
    assert not list(tmp_path.rglob("config.json"))


def test_the_handler_of_sigterm_is_put_back(tmp_path: Path) -> None:
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with staged_directory(tmp_path / "target"):
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with staged_directory(tmp_path / "target"):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_it_works_in_another_thread(tmp_path: Path) -> None:
    def work() -> None:
        with staged_directory(tmp_path / "target"):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert (tmp_path / "target").is_dir()


def test_sigterm_ends_the_block_like_an_exit(tmp_path: Path) -> None:
    def terminate() -> None:
        with staged_directory(tmp_path / "target"):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)

    with pytest.raises(SystemExit, match="143"):
        terminate()
    assert os.listdir(tmp_path) == []


def test_folders_made_for_a_target_that_fails_vanish_and_those_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(ValueError, match="no"), staged_directory(tmp_path / "there" / "new" / "deep" / "target"):
        raise ValueError("no")
    assert list((tmp_path / "there").iterdir()) == []

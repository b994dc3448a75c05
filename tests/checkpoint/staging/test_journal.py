from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.checkpoint.stopped import die, killed
from vocabx.checkpoint.staging.atomic import Staging, open_staging
from vocabx.checkpoint.staging.journal import Journal
from vocabx.checkpoint.staging.room import open_room

Write = Callable[[Staging], None]


def finish(staging: Staging, *names: str, job: str | None = "job") -> None:
    """Write files that are not there already, and note them."""
    staging.journal.begin(job)
    for name in names:
        path = staging.directory / name
        if not staging.journal.claim(path):
            path.write_text(f"{name} of {job}")
            staging.journal.finish(path)


def die_after(target: Path, *names: str, job: str | None = "job", half: str | None = None) -> None:
    def run() -> None:
        with open_staging(target) as staging:
            finish(staging, *names, job=job)
            if half:
                (staging.directory / half).write_text("half of")
            die()

    assert killed(run)


def claimed(target: Path, *names: str, job: str | None = "job") -> list[str]:
    """Run to the end, and return which files were taken over from an earlier run."""
    with open_staging(target) as staging:
        staging.journal.begin(job)
        taken = [name for name in names if staging.journal.claim(staging.directory / name)]
        for name in set(names) - set(taken):
            (staging.directory / name).write_text(f"{name} of {job}")
    assert {path.name: path.read_text() for path in target.iterdir()} == {name: f"{name} of {job}" for name in names}
    assert os.listdir(target.parent) == [target.name]
    shutil.rmtree(target)
    return taken


def test_finished_files_are_taken_over_and_others_made_again(tmp_path: Path) -> None:
    die_after(tmp_path / "target", "one", "two", half="three")
    assert not (tmp_path / "target").exists()
    assert claimed(tmp_path / "target", "one", "two", "three") == ["one", "two"]


def test_a_file_that_is_no_longer_wanted_is_not_in_the_output(tmp_path: Path) -> None:
    die_after(tmp_path / "target", "one", "two")
    assert claimed(tmp_path / "target", "two") == ["two"]


@pytest.mark.parametrize(("before", "after"), [("job", "another"), (None, None), ("job", None), (None, "job")])
def test_another_job_starts_anew(tmp_path: Path, before: str | None, after: str | None) -> None:
    die_after(tmp_path / "target", "one", job=before)
    assert claimed(tmp_path / "target", "one", job=after) == []


def test_a_chain_of_killed_runs_goes_on_each_time(tmp_path: Path) -> None:
    names = ["one", "two", "three"]
    for count in (1, 2, 3):
        die_after(tmp_path / "target", *names[:count])
    assert claimed(tmp_path / "target", *names) == names


def test_a_run_that_is_killed_while_it_takes_files_over_loses_none(tmp_path: Path) -> None:
    die_after(tmp_path / "target", "one", "two")

    def run() -> None:
        with open_staging(tmp_path / "target") as staging:
            staging.journal.begin("job")
            assert staging.journal.claim(staging.directory / "one")
            die()

    assert killed(run)
    assert claimed(tmp_path / "target", "one", "two") == ["one", "two"]


@pytest.mark.parametrize("damage", ["changed", "replaced", "removed", "a link"])
def test_a_finished_file_that_is_no_longer_the_same_is_made_again(tmp_path: Path, damage: str) -> None:
    target, spare = tmp_path / "place" / "target", tmp_path / "spare"
    target.parent.mkdir()
    die_after(target, "one", "two")
    file = target.parent / ".target.incomplete" / "output" / "one"
    if damage == "changed":
        file.write_text("One of job")
    else:
        file.rename(spare)
        if damage == "replaced":
            shutil.copy2(spare, file)
        elif damage == "a link":
            file.symlink_to(spare)
    assert claimed(target, "one", "two") == ["two"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]\n", '{"format": 2, "job": "job"}\n', '{"job": "job"}\n', "null\n", "\x80"]
)
def test_a_journal_that_cannot_be_read_vouches_for_nothing(tmp_path: Path, text: str) -> None:
    die_after(tmp_path / "target", "one")
    (tmp_path / ".target.incomplete" / "journal").write_bytes(text.encode("latin-1"))
    assert claimed(tmp_path / "target", "one") == []


def test_a_journal_that_is_cut_short_vouches_for_the_lines_that_are_whole(tmp_path: Path) -> None:
    with open_room(tmp_path / "target") as room:
        journal = Journal(room)
        room.output.mkdir()
        journal.begin("job")
        for name in ("one", "two"):
            (room.output / name).touch()
            journal.finish(room.output / name)
        whole = room.journal.read_bytes()
        ends = [end for end, byte in enumerate(whole, 1) if byte == ord("\n")]
        assert len(ends) == 3
        for length in range(len(whole), -1, -1):
            room.journal.write_bytes(whole[:length])
            assert Journal(room).count == sum(length >= end for end in ends[1:]), length


def test_the_disk_holds_a_file_before_its_line_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synchronized: list[str] = []
    fsync, append = os.fsync, Journal._append

    def note(handle: int) -> None:
        synchronized.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        fsync(handle)

    def note_line(self: Journal, line: object) -> None:
        synchronized.append("a line")
        append(self, line)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(Journal, "_append", note_line)
    with open_staging(tmp_path / "target") as staging:
        finish(staging, "one")
        assert synchronized == ["journal.new", "one", "output", "a line", "journal"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)], ids=["an interrupt", "SIGTERM"])
def test_a_run_that_is_stopped_says_how_to_go_on(tmp_path: Path, error: BaseException) -> None:
    def run() -> None:
        with open_staging(tmp_path / "target") as staging:
            finish(staging, "one", "two")
            (staging.directory / "three").write_text("half")
            raise error

    with pytest.raises(type(error)) as raised:
        run()
    (note,) = raised.value.__notes__
    assert note.startswith(f"Finished weight files (2, of 0 MB) are kept in {tmp_path / '.target.incomplete'}: ")
    assert "run the same command again to go on" in note
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    room = ".target.incomplete"
    assert left == {f"{room}/lock", f"{room}/journal", f"{room}/finished/one", f"{room}/finished/two"}
    assert claimed(tmp_path / "target", "one", "two", "three") == ["one", "two"]


@pytest.mark.parametrize("error", [ValueError("wrong"), SystemExit(1)])
def test_an_error_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    die_after(tmp_path / "target", "one")

    def run() -> None:
        with open_staging(tmp_path / "target") as staging:
            finish(staging, "one", "two")
            raise error

    with pytest.raises(type(error)):
        run()
    assert os.listdir(tmp_path) == []


def test_an_error_before_the_job_is_known_leaves_what_an_earlier_run_had_finished(tmp_path: Path) -> None:
    die_after(tmp_path / "target", "one")
    with suppress(ValueError), open_staging(tmp_path / "target") as staging:
        (staging.directory / "tokenizer.json").touch()
        raise ValueError("a slip of the pen")
    assert claimed(tmp_path / "target", "one") == ["one"]


def test_an_output_without_a_journal_has_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    die_after(tmp_path / "target", "one")
    with open_staging(tmp_path / "target") as staging:
        (staging.directory / "tokenizer.json").touch()
    assert os.listdir(tmp_path / "target") == ["tokenizer.json"]
    assert os.listdir(tmp_path) == ["target"]


def test_what_becomes_of_a_killed_run_is_said(tmp_path: Path) -> None:
    heard: list[str] = []
    die_after(tmp_path / "target", "one", "two")
    with suppress(KeyboardInterrupt), open_staging(tmp_path / "target", say=heard.append) as staging:
        finish(staging, "one")
        raise KeyboardInterrupt
    assert heard == ["going on; weight files that an earlier run finished: 2"]
    heard.clear()
    with open_staging(tmp_path / "target", say=heard.append) as staging:
        finish(staging, "one", job="another")
    assert heard == ["what an earlier run of another job had finished is removed"]

from __future__ import annotations

import sys

import pytest

from vocabx.core.say import step
from vocabx.progress import StderrProgress
from vocabx.stages import Stages


def pretend_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)


def test_elsewhere_than_on_a_terminal_each_step_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    progress = StderrProgress()
    for message in ("opening", step("counting", "1 line"), step("counting", "2 lines"), "done: 3 lines"):
        progress(message)
    progress.close()
    assert capsys.readouterr() == ("", "opening\ncounting\ndone: 3 lines\n")


def test_on_a_terminal_one_line_changes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_terminal(monkeypatch)
    progress = StderrProgress()
    progress(step("counting", "1 line"))
    progress("done")
    progress.close()
    assert capsys.readouterr() == ("", "\r\033[Kcounting: 1 line\r\033[Kdone\r\033[K")


def test_nothing_is_said_when_asked_to_be_quiet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_terminal(monkeypatch)
    progress = StderrProgress(quiet=True)
    progress("counting")
    progress.close()
    assert capsys.readouterr() == ("", "")


def test_a_counter_speaks_at_every_tenth() -> None:
    said: list[str] = []
    count = Stages(said.append).counter(10_000_000)
    for _ in range(100):
        count(100_000)
    assert said == [f"{tenth}0% of 10 MB written" for tenth in range(1, 11)]


def test_a_counter_of_nothing_keeps_quiet() -> None:
    said: list[str] = []
    Stages(said.append).counter(0)(0)
    assert said == []


def test_a_stage_that_fails_is_not_finished() -> None:
    stages = Stages()
    with pytest.raises(ValueError, match="stop"), stages("one"):
        raise ValueError("stop")
    with stages("two"):
        pass
    assert [stage.name for stage in stages.finished] == ["two"]
    assert stages.table().columns == ("stage", "seconds", "peak memory so far, MB")

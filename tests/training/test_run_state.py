"""The folder from which a run is gone on with, and the curve in it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from vocabx.core.errors import OutputError, TrainingError
from vocabx.training.curve import Curve, Point
from vocabx.training.run_state import RunState, locked_state, note_whole, state_folder


def checkpoint(state: RunState, stage: int, step: int, *, whole: bool = True) -> Path:
    folder = state.stage(stage) / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "trainer_state.json").write_text("{}")
    if whole:
        note_whole(folder)
    return folder


def test_what_was_decided_otherwise_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    with locked_state(tmp_path / "out") as state:
        state.begin({"settings": {"seed": 1, "length": 8, "batch_size": 2, "tokens": 64}})
        before = sorted(state.folder.rglob("*"))
        other = {"settings": {"seed": 2, "length": 16, "batch_size": 4, "tokens": 128}}
        with pytest.raises(
            TrainingError,
            match="--seed was 1 and is 2; --length was 8 and is 16; --batch-size was 2 and is 4; and 1 more",
        ):
            state.check(other, force=False)
        assert sorted(state.folder.rglob("*")) == before


def test_force_removes_a_run_that_was_begun_otherwise_and_no_other(tmp_path: Path) -> None:
    with locked_state(tmp_path / "out") as state:
        state.begin({"processes": 1})
        kept = checkpoint(state, 1, 4)
        state.check({"processes": 1}, force=True)
        assert kept.exists()
        state.check({"processes": 2}, force=True)
        assert kept.exists()  # until its successor begins
        state.begin({"processes": 2})
        assert not kept.exists()


def test_what_is_left_of_a_run_that_no_longer_says_what_it_was_is_not_gone_on_with(tmp_path: Path) -> None:
    with locked_state(tmp_path / "out") as state:
        state.begin({"seed": 1})
        left = checkpoint(state, 1, 4)
        (state.folder / "run.json").unlink()
        state.begin({"seed": 1})
        assert not left.exists()


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="The disk is full"), locked_state(tmp_path / "out"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    with locked_state(tmp_path / "out"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_two_runs_do_not_write_one_output(tmp_path: Path) -> None:
    with (
        locked_state(tmp_path / "out"),
        pytest.raises(OutputError, match="Another run is training"),
        locked_state(tmp_path / "out"),
    ):
        pass
    assert state_folder(tmp_path / "out").parent == tmp_path


def test_the_last_whole_state_is_found_and_what_was_cut_off_is_removed(tmp_path: Path) -> None:
    state = RunState(tmp_path)
    checkpoint(state, 1, 2)
    whole = checkpoint(state, 1, 10)
    cut = checkpoint(state, 1, 12, whole=False)
    assert state.saved_state(1) == (10, whole)
    assert not cut.exists()
    assert state.saved_state(2) == (0, None)


def test_a_finished_stage_keeps_its_weights_and_nothing_else(tmp_path: Path) -> None:
    state = RunState(tmp_path)
    for number in (1, 2):
        checkpoint(state, number, 3)
        state.weights_after(number).write_bytes(b"weights")
        state.finish(number, 100 * number)
        assert state.finished() == (number, state.weights_after(number))
    assert not state.stage(2).exists()
    assert not state.weights_after(1).exists()
    assert state.trained() == [100, 200]


def test_a_curve_is_cut_where_the_run_goes_on(tmp_path: Path) -> None:
    curve = Curve(tmp_path / "curve.jsonl")
    points = [Point(1, step, step, step, 0.0, 1.0, 0.1, {"ko": 2.0}) for step in (0, 1, 2)]
    points += [Point(2, step, 2 + step, 2 + step, 0.0, 1.0) for step in (1, 2)]
    for point in points:
        curve.add(point)
    with curve.file.open("a") as file:
        file.write('{"stage": 2, "st')
    assert curve.points() == points
    curve.cut(2, 1)
    assert curve.points() == points[:4]
    curve.cut(1, 0)
    assert curve.points() == points[:1]
    assert curve.summary()["bits_per_byte_before"] == {"ko": 2.0}


@pytest.mark.parametrize(
    ("losses", "first", "last"),
    [([], None, None), ([3.0], 3.0, 3.0), ([5.0, *[4.0] * 9, 2.0, 3.0], 4.5, 2.5)],
)
def test_the_loss_of_a_run_is_the_mean_over_a_tenth_of_the_curve(
    tmp_path: Path, losses: list[float], first: float | None, last: float | None
) -> None:
    curve = Curve(tmp_path / "curve.jsonl")
    curve.add(Point(1, 0, 0, 0, 0.0, bits_per_byte={"ko": 2.0}))
    for step, loss in enumerate(losses, 1):
        curve.add(Point(1, step, step, step, 0.0, loss))
    summary = curve.summary()
    assert (summary["loss_of_first_tenth"], summary["loss_of_last_tenth"]) == (first, last)

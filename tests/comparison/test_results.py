from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vocabx.comparison.results import NOT_KEPT, Measured, Results, Side, check_place, fingerprint
from vocabx.core.errors import OutputError
from vocabx.eval.cost import DocumentCost
from vocabx.eval.greedy import GreedyFlips


def measured(label: str = "focus:how=a/b c", seed: int = 0) -> Measured:
    cost = DocumentCost(np.array([0.1, 1 / 3]), np.array([3, 4]))
    return Measured(label, 5, seed, {"target": Side(cost, 7, 2)}, GreedyFlips(9, 1, 0), 1.5, (3.0, 2.5))


def test_what_is_kept_is_found_again_to_the_bit(tmp_path: Path) -> None:
    results, one = Results(tmp_path / "out"), measured()
    results.keep(one, "mark")
    found = results.find(one.label, 5, 0, "mark")
    assert found is not None
    assert found.to_json() == one.to_json()
    assert found.sides["target"].cost.nats.tobytes() == one.sides["target"].cost.nats.tobytes()
    assert [file.name for file in (tmp_path / "out" / "results").iterdir()] == [
        "focus_how=a_b_c.5-steps.seed-0.mark.json"
    ]


def test_another_fingerprint_label_seed_or_number_of_steps_is_not_found(tmp_path: Path) -> None:
    results, one = Results(tmp_path), measured()
    results.keep(one, "mark")
    for asked in (("mean", 5, 0, "mark"), (one.label, 4, 0, "mark"), (one.label, 5, 1, "mark"), (one.label, 5, 0, "m")):
        assert results.find(*asked) is None


def test_names_that_begin_alike_do_not_pass_for_each_other(tmp_path: Path) -> None:
    results, one = Results(tmp_path), measured()
    results.keep(one, "123456789012-this")
    assert results.find(one.label, 5, 0, "123456789012-that") is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"fingerprint": "mark"}', '{"fingerprint": "mark", "label": 1}'])
def test_a_broken_file_is_measured_again(tmp_path: Path, content: str) -> None:
    results, one = Results(tmp_path), measured()
    results.keep(one, "mark")
    (file,) = (tmp_path / "results").iterdir()
    file.write_text(content)
    assert results.find(one.label, 5, 0, "mark") is None


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results, one = Results(tmp_path), measured()
    results.keep(one, "mark")
    (file,) = (tmp_path / "results").iterdir()
    before = file.read_bytes()

    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match=r"cannot be written: No space left on device\. Choose another --out"):
        results.keep(one, "mark")
    assert [(path, path.read_bytes()) for path in (tmp_path / "results").iterdir()] == [(file, before)]
    assert json.loads(before)["label"] == one.label


def test_without_a_folder_nothing_is_kept() -> None:
    NOT_KEPT.keep(measured(), "mark")
    assert NOT_KEPT.find(measured().label, 5, 0, "mark") is None


def test_a_fingerprint_tells_its_parts_apart(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * 10)
    prints = {
        fingerprint("ab", "c"),
        fingerprint("a", "bc"),
        fingerprint(["ab", "c"]),
        fingerprint({"a": 1}),
        fingerprint({"a": 2}),
        fingerprint(file),
    }
    assert len(prints) == 6
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


@pytest.mark.parametrize("change", ["first", "last", "size"])
def test_a_fingerprint_sees_the_beginning_the_end_and_the_size_of_a_large_file(tmp_path: Path, change: str) -> None:
    file, content = tmp_path / "a", bytearray(5 << 20)
    file.write_bytes(content)
    before = fingerprint(file)
    assert before == fingerprint(file)
    if change == "size":
        content.append(0)
    else:
        content[0 if change == "first" else -1] = 1
    file.write_bytes(content)
    assert fingerprint(file) != before


def test_a_place_may_be_absent_empty_or_hold_what_a_comparison_leaves(tmp_path: Path) -> None:
    check_place(tmp_path / "a" / "b", make=False)
    assert not (tmp_path / "a").exists()
    check_place(tmp_path / "a" / "b", make=True)
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "a" / "b" / "cache").mkdir()
    check_place(tmp_path / "a" / "b", make=True)
    Results(tmp_path / "a" / "b").keep(measured(), "mark")
    (tmp_path / "a" / "b" / "picture.png").write_bytes(b"")
    check_place(tmp_path / "a" / "b", make=True)


@pytest.mark.parametrize("name", ["notes.txt", "results/notes.txt", "results"])
def test_a_place_that_holds_something_else_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine", "utf-8")
    for make in (True, False):
        with pytest.raises(OutputError, match=r"holds other files.*another --out|is a file.*another --out"):
            check_place(tmp_path, make=make)


def test_a_place_that_may_not_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(OutputError, match=f"You may not write into {tmp_path}"):
        check_place(tmp_path / "new", make=False)

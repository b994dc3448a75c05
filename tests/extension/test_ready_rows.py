from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import vocabx
from tests.checkpoint.models import checksums, load_model
from tests.extension.bases import HEAD, INPUT, WIDTH, learning, save_base
from vocabx.core.errors import InputError
from vocabx.ready_rows import ReadyRows
from vocabx.stages import Stages


@pytest.fixture
def extended(tmp_path: Path) -> tuple[Path, Any, Any]:
    """A base, an extension of it, and how to extend it so."""
    base, text = save_base(tmp_path / "base"), learning(tmp_path)
    return base, vocabx.extend(base, out=tmp_path / "plain", **text), text


def drawn(count: int, seed: int = 0, width: int = WIDTH) -> Any:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def pieces_of(extension: Any) -> list[str]:
    return [token.piece for token in extension.manifest.new_tokens]


def test_rows_are_written_where_their_pieces_are_whatever_their_order(
    extended: tuple[Path, Any, Any], tmp_path: Path
) -> None:
    base, extension, text = extended
    pieces, ids = pieces_of(extension), extension.plan.new_ids
    order = np.random.default_rng(1).permutation(len(ids))
    given = {"input": drawn(len(ids)), "head": drawn(len(ids), 1)}
    np.savez(tmp_path / "rows.npz", pieces=np.array(pieces)[order], **{n: m[order] for n, m in given.items()})
    vocabx.extend(base, out=tmp_path / "out", rows=tmp_path / "rows.npz", **text)
    written, plain = load_model(tmp_path / "out"), load_model(tmp_path / "plain")
    for name, matrix in ((INPUT, given["input"]), (HEAD, given["head"])):
        assert (written[name][ids] == matrix).all()
        assert (written[name][: ids[0]] == plain[name][: ids[0]]).all()
    assert vocabx.verify(tmp_path / "out", base).passed


def test_what_the_file_lacks_is_made_by_the_method_and_counted(extended: tuple[Path, Any, Any], tmp_path: Path) -> None:
    base, extension, text = extended
    ids = extension.plan.new_ids
    rows = drawn(12)
    save_file({"input": rows, "ids": np.array([*ids[5:15], 3, 4])}, tmp_path / "rows.safetensors")
    stages = Stages()
    made = vocabx.extend(base, out=tmp_path / "out", rows=tmp_path / "rows.safetensors", stages=stages, **text)
    written, plain = load_model(tmp_path / "out"), load_model(tmp_path / "plain")
    assert (written[INPUT][ids[5:15]] == rows[:10]).all()
    others = [*ids[:5], *ids[15:]]
    assert (written[INPUT][others] == plain[INPUT][others]).all()
    assert (written[INPUT][: ids[0]] == plain[INPUT][: ids[0]]).all()  # rows for kept tokens change nothing
    assert (written[HEAD] == plain[HEAD]).all()
    told = made.report(stages).facts["ready-made rows"]
    assert told == f"10 of {len(ids)} new tokens, the others by constituents; 2 rows of the file are for no new token"
    record = json.loads((tmp_path / "out" / "vocabx.json").read_text())
    assert f"given=10, made={len(ids) - 10}" in record["rows"]["input"]
    assert record["rows"]["head"].endswith(".npz")
    assert not record["convex"]
    assert vocabx.verify(tmp_path / "out", base).passed


def test_two_runs_write_the_same_bytes_and_no_path(extended: tuple[Path, Any, Any], tmp_path: Path) -> None:
    base, extension, text = extended
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        np.savez(tmp_path / folder / "r.npz", input=drawn(40), ids=extension.plan.new_ids)
        vocabx.extend(base, out=tmp_path / folder / "out", rows=tmp_path / folder / "r.npz", **text)
    assert checksums(tmp_path / "one" / "out") == checksums(tmp_path / "two" / "out")
    assert str(tmp_path) not in (tmp_path / "one" / "out" / "vocabx.json").read_text()


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"head": drawn(1), "ids": [700]}, "must hold input, .* it holds head, ids"),
        ({"input": drawn(1), "ids": [700], "more": [1]}, "nothing else; it holds ids, input, more"),
        ({"input": drawn(1)}, "it needs ids or pieces"),
        ({"input": drawn(2), "ids": [700]}, "holds 2 of input, 1 of ids"),
        ({"input": drawn(2), "head": drawn(1), "ids": [700, 701]}, "2 of input, 1 of head, 2 of ids"),
        ({"input": drawn(1)[0], "ids": [700]}, r"one row per token, and has shape \(16,\)"),
        ({"input": drawn(1, width=8), "ids": [700]}, "input has rows of 8 numbers, and the base's have 16"),
        ({"input": drawn(1), "ids": [[700]]}, r"ids must be a list of whole numbers, not int64 of shape \(1, 1\)"),
        ({"input": drawn(1), "ids": [700.5]}, "ids must be a list of whole numbers, not float64"),
        ({"input": drawn(1) * np.inf, "ids": [700]}, "row 0 of input is not finite"),
        ({"input": np.ones((1, 16), int), "ids": [700]}, "input is of type int64, and rows are floats"),
        ({"input": drawn(2), "ids": [700, 700]}, "two rows for the token"),
        ({"input": drawn(1), "ids": [7000]}, "a row for id 7000, and the new tokenizer has 740 ids"),
        ({"input": drawn(1), "ids": [-2]}, "a row for id -2"),
        ({"input": drawn(1), "ids": [5]}, "names none of the 40 new tokens; it was made for others"),
        ({"input": drawn(1), "pieces": ["nothing"]}, "names none of the 40 new tokens"),
        ({"input": drawn(1), "ids": [700], "pieces": ["nothing"]}, "another tokenizer: its id 700 is 'nothing'"),
        ({"input": drawn(1), "bias": np.ones(1), "ids": [700]}, "holds bias rows, and the base has no bias"),
    ],
)
def test_rows_that_do_not_fit_are_refused_and_nothing_is_written(
    arrays: dict[str, Any], match: str, extended: tuple[Path, Any, Any], tmp_path: Path
) -> None:
    base, _, text = extended
    given: dict[str, Any] = {name: np.array(array) for name, array in arrays.items()}
    np.savez(tmp_path / "rows.npz", **given)
    with pytest.raises(InputError, match=match):
        vocabx.extend(base, out=tmp_path / "out", rows=tmp_path / "rows.npz", **text)
    assert not (tmp_path / "out").exists()


def test_head_rows_for_a_tied_model_are_refused(tmp_path: Path) -> None:
    base, text = save_base(tmp_path / "base", tied=True), learning(tmp_path)
    np.savez(tmp_path / "rows.npz", input=drawn(1), head=drawn(1), ids=[700])
    with pytest.raises(InputError, match="holds head rows, and the base has no head of its own"):
        vocabx.extend(base, out=tmp_path / "out", rows=tmp_path / "rows.npz", **text)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"\x05\x00\x00\x00\x00\x00\x00\x00{}}}}"])
@pytest.mark.parametrize("name", ["rows.npz", "rows.safetensors"])
def test_a_damaged_file_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as rows"):
        ReadyRows.open(tmp_path / name)


def test_a_file_that_is_not_there_is_said_before_any_work(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base")
    with pytest.raises(InputError, match=r"There is no file .*nowhere.npz. Name another with --rows"):
        vocabx.extend(base, out=tmp_path / "out", rows=tmp_path / "nowhere.npz", **learning(tmp_path))
    (tmp_path / "rows.csv").touch()
    with pytest.raises(InputError, match=r"must end in .safetensors or .npz"):
        ReadyRows.open(tmp_path / "rows.csv")


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", input=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="cannot be read as rows: Object arrays cannot be loaded"):
        ReadyRows.open(tmp_path / "rows.npz")


def test_a_row_that_overflows_the_bases_type_is_refused(tmp_path: Path) -> None:
    base, text = save_base(tmp_path / "base", dtype=np.float16), learning(tmp_path)
    np.savez(tmp_path / "rows.npz", input=drawn(1) * 1e6, ids=[700])
    with pytest.raises(InputError, match="not finite when stored"):
        vocabx.extend(base, out=tmp_path / "out", rows=tmp_path / "rows.npz", **text)

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
from vocabx.explanation import Explainer
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
    assert record["given_rows"] == {"input": 10, "head": 0}
    assert [token["id"] for token in record["new_tokens"] if token["origin"] == "given"] == ids[5:15].tolist()
    assert record["rows"]["input"] == record["rows"]["head"] == "vocabx-rows.npz"
    assert vocabx.verify(tmp_path / "out", base).passed


def evidence(out: Path, base: Path) -> dict[str, tuple[str, str]]:
    """Status and evidence of each check."""
    return {finding.name: (finding.status.value, finding.evidence) for finding in vocabx.verify(out, base).findings}


def test_weights_are_judged_of_the_rows_that_the_method_made(extended: tuple[Path, Any, Any], tmp_path: Path) -> None:
    base, extension, text = extended
    ids = extension.plan.new_ids
    np.savez(tmp_path / "rows.npz", input=drawn(10) * 9, head=drawn(10) * 9, ids=ids[5:15])
    made = vocabx.extend(base, out=tmp_path / "out", rows=tmp_path / "rows.npz", **text)
    assert made.manifest.convex
    diagnostics = made.diagnosis.diagnostics
    assert (diagnostics.origins["given"], sum(diagnostics.origins.values())) == (10, len(ids))
    assert [(m.given, m.outside) for m in (diagnostics.input, diagnostics.head) if m] == [(10, 0.0), (10, 0.0)]
    assert diagnostics.loss_bound is None
    assert any(
        warning.startswith("10 of the rows that new tokens are predicted") for warning in made.diagnosis.warnings
    )
    found = evidence(tmp_path / "out", base)
    assert {status for status, _ in found.values()} <= {"pass", "not run"}
    told = f"{INPUT}: 30 of 30 (10 more were given); {HEAD}: 30 of 30 (10 more were given)"
    assert found["rows equal the stored weights applied"] == ("pass", f"the same are {told}")
    assert "where 10 given ones are left out" in found["stored weights are convex"][1]
    assert found["no new token wins on a probe"][0] == "pass"
    assert "10 rows that were given are left out" in found["no new token wins on a probe"][1]
    tensors = load_model(tmp_path / "out")
    tensors[INPUT][ids[20]] += 1
    save_file(tensors, tmp_path / "out" / "model.safetensors", metadata={"format": "pt"})
    assert evidence(tmp_path / "out", base)["rows equal the stored weights applied"][0] == "fail"


def test_where_all_rows_are_given_there_are_none_to_judge(extended: tuple[Path, Any, Any], tmp_path: Path) -> None:
    base, extension, text = extended
    ids = extension.plan.new_ids
    np.savez(tmp_path / "rows.npz", input=drawn(len(ids)), head=drawn(len(ids)), ids=ids)
    made = vocabx.extend(base, out=tmp_path / "out", rows=tmp_path / "rows.npz", **text)
    assert made.manifest.is_all_given
    found = evidence(tmp_path / "out", base)
    reason = ("not run", "all new rows were given, and the method made none")
    assert found["stored weights are convex"] == found["no new token wins on a probe"] == reason
    assert found["head rows are made of head rows"] == ("not run", "all new rows of the head were given")


@pytest.mark.parametrize("length", [1e30, 1e-30])
def test_one_row_of_absurd_length_is_found_and_named(
    length: float, extended: tuple[Path, Any, Any], tmp_path: Path
) -> None:
    base, extension, text = extended
    token = int(extension.plan.new_ids[7])
    np.savez(tmp_path / "rows.npz", input=drawn(1) * length, ids=[token])
    vocabx.extend(base, out=tmp_path / "out", rows=tmp_path / "rows.npz", **text)
    (finding,) = [each for each in vocabx.verify(tmp_path / "out", base).findings if "vanishing" in each.name]
    assert finding.status.value == "fail"
    assert len(finding.details) == 1
    assert finding.details[0].startswith(f"{INPUT}, row {token} ")


def test_a_given_row_is_explained_as_such(extended: tuple[Path, Any, Any], tmp_path: Path) -> None:
    base, extension, text = extended
    given, made = map(str, extension.plan.new_ids[:2].tolist())
    np.savez(tmp_path / "rows.npz", input=drawn(1), ids=[int(given)])
    vocabx.extend(base, out=tmp_path / "out", rows=tmp_path / "rows.npz", **text)
    explainer = Explainer.open(tmp_path / "out")
    report = explainer.explain(given)
    assert report.facts["row"] == "given"
    titles = ["head row: weights of source tokens", "nearest source rows"]
    assert [table.title for table in report.tables] == titles
    assert explainer.explain(made).tables[0].title == "row: weights of source tokens"


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
        (
            {"input": drawn(1), "ids": [5]},
            r"names none of the 40 new tokens; .*tokenizer spells it: the first new one is '",
        ),
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
    with pytest.raises(InputError, match=r"cannot be read as rows: it holds Python objects, which are not opened\.$"):
        ReadyRows.open(tmp_path / "rows.npz")


def test_a_row_that_overflows_the_bases_type_is_refused(tmp_path: Path) -> None:
    base, text = save_base(tmp_path / "base", dtype=np.float16), learning(tmp_path)
    np.savez(tmp_path / "rows.npz", input=drawn(1) * 1e6, ids=[700])
    with pytest.raises(InputError, match="not finite when stored"):
        vocabx.extend(base, out=tmp_path / "out", rows=tmp_path / "rows.npz", **text)

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.made import result
from vocabx.core.errors import InputError, OutputError
from vocabx.evaluation.result import DataFile, Difference, EvaluatedModel, Result, Score

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
MAYBE = st.none() | FINITE


@st.composite
def results(draw: st.DrawFn) -> Result:
    """Draw results that can be spelt without loss: all numbers are finite."""
    models = draw(
        st.lists(st.builds(EvaluatedModel, TEXTS, TEXTS, st.none() | TEXTS, MAYBE), unique_by=lambda m: m.name)
    )
    scores, differences = list[Score](), list[Difference]()
    if models:
        names = st.sampled_from([model.name for model in models])
        whole = st.none() | st.integers(0)
        scores = draw(st.lists(st.builds(Score, names, TEXTS, TEXTS, FINITE, MAYBE, MAYBE, MAYBE, whole)))
        differences = draw(st.lists(st.builds(Difference, names, names, TEXTS, TEXTS, FINITE, MAYBE, MAYBE)))
    return Result(
        draw(TEXTS),
        tuple(models),
        tuple(scores),
        tuple(differences),
        tuple(draw(st.lists(st.builds(DataFile, TEXTS, st.integers(0), TEXTS)))),
        draw(st.dictionaries(TEXTS, st.none() | st.booleans() | st.integers() | FINITE | TEXTS)),
        draw(st.none() | st.integers()),
        draw(st.dictionaries(TEXTS, TEXTS)),
        draw(st.none() | TEXTS),
        draw(TEXTS),
        tuple(draw(st.lists(TEXTS))),
    )


@given(results())
def test_what_was_written_is_read(drawn: Result) -> None:
    assert Result.from_json(json.loads(json.dumps(drawn.to_json(), allow_nan=False))) == drawn


def test_a_file_is_written_whole_and_read(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "result.json"
    for made in (result(), result(seed=4)):
        made.save(file)
        assert Result.load(file) == made
    assert [path.name for path in file.parent.iterdir()] == ["result.json"]
    assert "한" in _saved(result(kind="한"), tmp_path)


def _saved(made: Result, folder: Path) -> str:
    made.save(folder / "result.json")
    return (folder / "result.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_null_and_comes_back_as_not_a_number(number: float, tmp_path: Path) -> None:
    score = Score("base", "boolq", "acc", number, number, number)
    content = _saved(result(scores=(score,), settings={"limit": number}), tmp_path)
    assert json.loads(content, parse_constant=pytest.fail)["scores"][0]["value"] is None
    (read,) = Result.load(tmp_path / "result.json").scores
    assert math.isnan(read.value)
    assert (read.low, read.high) == (None, None)


def test_a_place_that_cannot_be_written_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "result.json").mkdir()
    with pytest.raises(OutputError, match=r"The result cannot be written to .*result.json: "):
        result().save(tmp_path / "result.json")
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    with pytest.raises(OutputError, match="cannot be written"):
        result().save(Path("/dev/null/result.json"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"", "is not JSON"),
        (b"[]", "is not a result of `vocabx evaluate`"),
        (b"{}", "is not a result of `vocabx evaluate`"),
        (b"7", "is not a result of `vocabx evaluate`"),
    ],
)
def test_a_file_that_is_something_else_is_a_sentence(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        Result.load(tmp_path / "result.json")


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"result.json cannot be read: No such file"):
        Result.load(tmp_path / "result.json")


def damage(content: dict[str, Any], path: str, value: object) -> None:
    """Put a value at a place in plain data, or take it away where the value is `damage` itself."""
    *above, last = (int(part) if part.isdigit() else part for part in path.split("."))
    place: Any = content
    for part in above:
        place = place[part]
    if value is damage:
        del place[last]
    else:
        place[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", 2),
        ("format", damage),
        ("kind", damage),
        ("kind", 7),
        ("models", None),
        ("models", ["base", "changed"]),
        ("models.0.name", 7),
        ("models.1.name", "base"),
        ("scores", "many"),
        ("scores.0.value", "0.5"),
        ("scores.0.low", [0.5]),
        ("scores.0.items", 1.5),
        ("scores.0.model", "other"),
        ("scores.0.new", 1),
        ("scores.0.task", damage),
        ("differences.0.against", "other"),
        ("data.0.sha256", None),
        ("settings", []),
        ("versions", []),
        ("versions.torch", 2),
        ("device", None),
        ("notes", None),
        ("notes", [1]),
        ("commit", 7),
        ("seed", [0]),
        ("settings.few-shot", [5]),
    ],
)
def test_a_damaged_result_is_a_sentence(path: str, value: object, tmp_path: Path) -> None:
    content = result().to_json()
    damage(content, path, value)
    (tmp_path / "result.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="is not a result of `vocabx evaluate`, or of another version of it"):
        Result.load(tmp_path / "result.json")


@given(drawn=results(), cut=st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_off_is_a_sentence(
    drawn: Result, cut: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "cut.json"
    content = json.dumps(drawn.to_json(), ensure_ascii=False).encode()
    file.write_bytes(content[: int(cut * len(content))])
    with pytest.raises(InputError, match="is not JSON"):
        Result.load(file)

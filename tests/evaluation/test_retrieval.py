from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.eval.encoders import tiny_encoder
from tests.eval.models import write_model
from vocabx.core.errors import InputError
from vocabx.eval.retrieval import measure_retrieval
from vocabx.evaluation.result import Result, Score
from vocabx.evaluation.retrieval import RetrievalRequest, evaluate_retrieval
from vocabx.evaluation.text.aligned import read_side

LETTERS = "abcdef"
TARGET = [f"{a}{b} {c}" for a in LETTERS for b in LETTERS for c in "ab"]
SOURCE = [f"{b}{a}. {c}" for a in LETTERS for b in LETTERS for c in "ab"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root, places = tmp_path_factory.mktemp("encoders"), []
    for seed in (0, 1):
        encoder = tiny_encoder(seed=seed)
        places.append(write_model(root / f"model-{seed}", encoder.model, encoder.tokenizer))
    return places


def request(folder: Path, **more: Any) -> RetrievalRequest:
    for name, lines in (("source.txt", SOURCE), ("target.txt", TARGET)):
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return RetrievalRequest(folder / "source.txt", folder / "target.txt", **more)


def scored(result: Result) -> dict[tuple[str, str, str], Score]:
    return {(score.model, score.task, score.metric): score for score in result.scores}


@pytest.mark.torch
def test_scores_are_those_of_each_model_alone_on_the_same_sentences(models: list[Path], tmp_path: Path) -> None:
    asked = request(tmp_path, limit=30, layer=1, prefix="a ", seed=5)
    result, (target, source) = evaluate_retrieval(models, asked), asked.draw()
    assert len(target) == 30
    assert [TARGET.index(text) for text in target] == [SOURCE.index(text) for text in source]
    scores = scored(result)
    for seed in (0, 1):
        alone = measure_retrieval(tiny_encoder(seed=seed), target, source, prefix="a ", layer=1)
        name = f"model-{seed}"
        assert scores[name, "target to source", "top-1"].value == alone.to_source.top_1
        assert scores[name, "source to target", "top-10"].value == alone.to_target.top_10
    for score in result.scores:
        assert score.low is not None
        assert score.high is not None
        assert score.low <= score.value <= score.high
        assert score.floor == {"top-1": 1 / 30, "top-10": 10 / 30}[score.metric]
        assert score.items == 30
    for difference in result.differences:
        mine, other = (scores[name, difference.task, difference.metric].value for name in ("model-1", "model-0"))
        assert (difference.model, difference.against) == ("model-1", "model-0")
        assert difference.value == pytest.approx(mine - other)
    assert len(result.differences) == 4


@pytest.mark.torch
def test_a_result_says_what_decides_it_and_is_the_same_each_time(models: list[Path], tmp_path: Path) -> None:
    asked = request(tmp_path, limit=20)
    said: list[str] = []
    first, second = (evaluate_retrieval(models, asked, say=said.append) for _ in range(2))
    assert (first.scores, first.differences) == (second.scores, second.differences)
    assert [file.name for file in first.data] == ["source.txt", "target.txt"]
    assert first.notes == ("model-0: layer 1 of 2.", "model-1: layer 1 of 2.")
    assert (first.settings["pairs"], first.settings["layer"]) == (20, "7/12 deep")
    assert said[:2] == [f"embedding the sentences with model-{seed}" for seed in (0, 1)]
    file = tmp_path / "result.json"
    first.save(file)
    assert Result.load(file) == first


@pytest.mark.torch
def test_a_model_against_itself_differs_in_nothing(models: list[Path], tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.symlink_to(models[0])
    result = evaluate_retrieval([models[0], again / "."], request(tmp_path, limit=25))
    assert {(one.value, one.low, one.high) for one in result.differences} == {(0.0, 0.0, 0.0)}
    assert result.models[0].checksum == result.models[1].checksum


@pytest.mark.torch
@pytest.mark.parametrize(
    ("layer", "spelt"), [(-1, "layer 2 of 2"), (0, "layer 0 of 2"), (2, "layer 2 of 2"), (-3, "layer 0 of 2")]
)
def test_layers_count_from_the_embedding_or_from_the_end(
    layer: int, spelt: str, models: list[Path], tmp_path: Path
) -> None:
    assert evaluate_retrieval(models[:1], request(tmp_path, limit=5, layer=layer)).notes == (f"model-0: {spelt}.",)


@pytest.mark.torch
@pytest.mark.parametrize("layer", [3, -4, 99])
def test_a_layer_that_does_not_exist_is_a_sentence(layer: int, models: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"has 2 layers, and none has number {layer}"):
        evaluate_retrieval(models[:1], request(tmp_path, limit=5, layer=layer))


@pytest.mark.parametrize("limit", [0, -1, len(TARGET) + 1])
def test_pairs_that_there_are_not_are_a_sentence(limit: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"have \d+ pairs that differ and are there once; \d+ are needed"):
        request(tmp_path, limit=limit).draw()


def test_files_that_are_not_aligned_are_a_sentence(tmp_path: Path) -> None:
    asked = request(tmp_path)
    asked.target.write_text("one\n")
    with pytest.raises(InputError, match=r"are not line-aligned: 1 and 72 lines"):
        asked.draw()


def test_lines_stay_aligned_and_a_column_is_read_by_its_name(tmp_path: Path) -> None:
    text, table = tmp_path / "a.txt", tmp_path / "a.tsv"
    text.write_bytes("\ufeffmoja\r\n\n tatu \u2028x\n".encode())
    assert read_side(text) == ["moja", "", "tatu \u2028x"]
    table.write_text("id\ttext\n1\tmoja\n2\tmbili\n")
    assert read_side(table, ["text"]) == ["moja", "mbili"]
    assert read_side(table, ["text", "id"]) == ["moja", "mbili", "1", "2"]


@pytest.mark.parametrize(
    ("name", "content", "column", "message"),
    [
        ("a.tsv", b"id\ttext\n", "", "has the columns id, text; choose one"),
        ("a.tsv", b"", "text", "has the columns ; choose one"),
        ("a.tsv", b"id\ttext\n", "other", "has the columns id, text; choose one"),
        ("a.tsv", b"id\ttext\n1\tx\ty\n", "text", "line 2: 3 columns instead of 2"),
        ("a.txt", b"x\n", "text", "has no columns to choose from"),
        ("a.txt", b"\xff", "", "is not text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_sentence(
    name: str, content: bytes, column: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_side(tmp_path / name, [column] if column else [])
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_side(tmp_path / "absent.txt")


@pytest.mark.torch
def test_the_command_prints_and_writes(models: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from vocabx.cli import main

    asked, out = request(tmp_path), tmp_path / "result.json"
    arguments = ["evaluate", "retrieval", *map(str, models), "--source", str(asked.source), "--limit", "20"]
    main.main([*arguments, "--target", str(asked.target), "--out", str(out)], standalone_mode=False)
    printed = capsys.readouterr()
    assert "target to source  top-1" in printed.out
    assert Result.load(out).kind == "retrieval"
    assert np.isfinite([score.value for score in Result.load(out).scores]).all()
    main.main(["report", str(out)], standalone_mode=False)
    assert capsys.readouterr().out == printed.out

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluation.made import SCORES, result
from vocabx.core.errors import InputError, OutputError, UnknownNameError
from vocabx.evaluation.reporting.combining import combine
from vocabx.evaluation.reporting.picture import HEADLINES, draw_results
from vocabx.evaluation.result import Result, Score
from vocabx.evaluation.terms import find_term


def drawn(results: list[Result], file: Path, metrics: Sequence[str] = ()) -> str:
    pytest.importorskip("matplotlib")
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):  # text stays text
        draw_results(combine(results), file, metrics=metrics)
    return file.read_text(encoding="utf-8")


def test_a_picture_is_written_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    assert drawn([result()], tmp_path / "a.svg") == drawn([result()], tmp_path / "b.svg")


def test_a_picture_names_every_model_task_and_metric_and_the_floor(tmp_path: Path) -> None:
    content = drawn([result(), result(kind="xnli")], tmp_path / "a.svg")
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", content)
    assert {"base", "changed", "floor", "boolq", "copa", "kobest", "xnli"} <= set(texts)
    assert texts.count("acc (more is better)") == 2


def of_metrics(*metrics: str, kind: str = "kobest", tasks: tuple[str, ...] = ("boolq",)) -> Result:
    scores = [Score("base", task, metric, 0.5, 0.4, 0.6) for task in tasks for metric in metrics]
    return result(kind=kind, scores=scores)


def axes_of(content: str) -> list[str]:
    return re.findall(r">([^<]*) \((?:more|less) is better\)<", content)


def test_the_headlines_of_each_kind_are_drawn(tmp_path: Path) -> None:
    made = [
        of_metrics("acc", "acc_norm", "macro_f1"),
        of_metrics("tokens per byte", "bits per byte", kind="bits-per-byte"),
        of_metrics("mass on new ids", "bits per byte", "same likeliest token", kind="retention"),
    ]
    expected = ["macro_f1", "bits per byte", "bits per byte", "same likeliest token"]
    assert axes_of(drawn(made, tmp_path / "a.svg")) == expected


def test_without_its_headline_and_of_another_kind_the_first_metric_is_drawn(tmp_path: Path) -> None:
    made = [of_metrics("acc", "acc_norm"), of_metrics("top-1", "acc", kind="a kind of one's own")]
    assert axes_of(drawn(made, tmp_path / "a.svg")) == ["acc", "top-1"]


def test_other_metrics_are_drawn_on_request_where_they_are(tmp_path: Path) -> None:
    made = [of_metrics("acc", "acc_norm", "macro_f1"), of_metrics("acc", kind="xnli"), of_metrics("top-1", kind="odd")]
    assert axes_of(drawn(made, tmp_path / "a.svg", ["acc_norm", "acc"])) == ["acc_norm", "acc", "acc"]
    with pytest.raises(UnknownNameError, match="no metric in these results called 'acc_nrom'"):
        drawn(made, tmp_path / "b.svg", ["acc_nrom"])


def test_one_average_is_drawn_by_its_short_name(tmp_path: Path) -> None:
    tasks = ("boolq", "kobest, average by size", "kobest, plain average")
    content = drawn([of_metrics("macro_f1", tasks=tasks)], tmp_path / "a.svg")
    assert ">average by size<" in content
    assert "plain average" not in content


def test_every_headline_is_a_metric_that_is_explained() -> None:
    assert all(find_term(metric) for metrics in HEADLINES.values() for metric in metrics)


def test_there_is_no_floor_where_none_is_known(tmp_path: Path) -> None:
    scores = tuple(replace(score, floor=None) for score in SCORES)
    assert ">floor<" not in drawn([result(scores=scores)], tmp_path / "a.svg")


def test_an_interval_that_leaves_out_its_number_and_a_number_without_one_can_be_drawn(tmp_path: Path) -> None:
    odd = (Score("base", "a", "acc", 0.5, 0.6, 0.7), Score("base", "b", "acc", 0.5, math.nan, math.inf, math.nan))
    assert ">b<" in drawn([result(scores=odd)], tmp_path / "a.svg")


def test_results_without_a_number_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="None of these results has a number that could be drawn"):
        draw_results(combine([result(scores=(Score("base", "a", "acc", math.nan),))]), tmp_path / "a.svg")
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_is_there_is_replaced_only_by_force(tmp_path: Path) -> None:
    drawn([result()], tmp_path / "a.svg")
    with pytest.raises(OutputError, match="exists already"):
        draw_results(combine([result()]), tmp_path / "a.svg")
    draw_results(combine([result()]), tmp_path / "a.svg", force=True)

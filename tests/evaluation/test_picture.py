from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluation.made import SCORES, result
from vocabx.core.errors import InputError, OutputError
from vocabx.evaluation.combining import combine
from vocabx.evaluation.picture import draw_results
from vocabx.evaluation.result import Result, Score


def drawn(results: list[Result], file: Path) -> str:
    pytest.importorskip("matplotlib")
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):  # text stays text
        draw_results(combine(results), file)
    return file.read_text(encoding="utf-8")


def test_a_picture_is_written_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    assert drawn([result()], tmp_path / "a.svg") == drawn([result()], tmp_path / "b.svg")


def test_a_picture_names_every_model_task_and_metric_and_the_floor(tmp_path: Path) -> None:
    content = drawn([result(), result(kind="xnli")], tmp_path / "a.svg")
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", content)
    assert {"base", "changed", "floor", "boolq", "copa", "acc", "kobest", "xnli"} <= set(texts)
    assert texts.count("acc") == 2


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

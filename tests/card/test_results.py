from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard, metadata_load

from tests.evaluation.made import BASE, CHANGED, result
from vocabx.card.proof import write_proof
from vocabx.card.results import RESULTS, spell_results, write_results
from vocabx.core.errors import InputError
from vocabx.core.report import Report, Table
from vocabx.evaluation.reporting.combining import combine
from vocabx.evaluation.result import EvaluatedModel, Score

HERE = replace(CHANGED, name="my-model")
HEAD = "---\n# mine\nlicense: mit   # as the base\ntags:\n- vocabx\n---\n"
BODY = "# My own words\n\nthree dashes:\n\n---\n\nend\n"


def head_of(card: Path) -> dict[str, Any]:
    return metadata_load(card) or {}


def test_a_report_is_markdown_with_the_titles_of_its_tables() -> None:
    report = Report("h", {"window": 5}, [Table("t <b>", ("a|", "b"), [("<s>", 2)])], ["One.", "Two\n& three."])
    assert spell_results(report) == (
        "**h**\n\n| setting | value |\n| --- | --- |\n| window | 5 |\n\n"
        "**t &lt;b>**\n\n| a\\| | b |\n| --- | --- |\n| &lt;s> | 2 |\n\n- One.\n- Two &amp; three."
    )


@pytest.mark.parametrize("head", [HEAD, ""])
def test_results_are_written_into_the_card_and_its_head_and_all_else_stays(head: str, tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text(head + BODY)
    for value in (0.5, 0.625):
        changed = result(scores=(Score("changed", "boolq", "acc", value), Score("base", "boolq", "acc", 0.1)))
        write_results(card, combine([changed]), HERE)
    text = card.read_text()
    assert text.count(RESULTS.begin) == 1
    assert "0.6250" in text
    assert "0.5000" not in text
    (index,) = head_of(card)["model-index"]
    assert index["name"] == "my-model"
    (found,) = index["results"]
    assert found["dataset"] == {"name": "kobest: boolq", "type": "boolq"}
    assert found["task"] == {"type": "text-generation"}
    assert [(one["type"], one["value"]) for one in found["metrics"]] == [("acc", 0.625)]
    without = re.sub(r"model-index:\n(?:(?:- |  ).*\n)+", "", text)
    assert without.startswith(head or "---\n---\n\n")
    assert BODY.rstrip() in without
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]


def test_the_hub_reads_the_head(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text(HEAD + BODY)
    numbers = (Score("changed", "한국어 to english", "top-1", 0.5), Score("changed", "b", "acc", math.nan))
    write_results(card, combine([result(kind="retrieval", scores=numbers)]), HERE)
    (read,) = list(ModelCard.load(card).data.eval_results or ())
    assert (read.task_type, read.metric_type, read.metric_value) == ("sentence-similarity", "top_1", 0.5)


@pytest.mark.parametrize("kind", ["fertility", "speed"])
def test_what_tells_nothing_of_a_task_is_in_the_tables_alone(kind: str, tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text(HEAD + BODY)
    write_results(card, combine([result(kind=kind)]), HERE)
    assert f"**{kind}**" in card.read_text()
    assert "model-index" not in head_of(card)


def test_results_of_another_model_are_refused_and_nothing_changes(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text(HEAD + BODY)
    trained = EvaluatedModel("changed", "00" * 32)
    message = "None of the results is of changed as it is now; they are of base, changed. Evaluate it first."
    with pytest.raises(InputError, match=message):
        write_results(card, combine([result()]), trained)
    assert card.read_text() == HEAD + BODY


def test_proof_and_results_stand_side_by_side(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    write_proof(card, [Report("sound")])
    write_results(card, combine([result()]), BASE)
    write_proof(card, [Report("still sound")])
    text = card.read_text()
    assert "## Proof" in text
    assert "**still sound**" in text
    assert "## Results" in text
    assert "**kobest**" in text


@pytest.mark.parametrize("text", ["{begin}", "{end}", "{end}{begin}", "{begin}{begin}{end}"])
def test_marks_that_do_not_match_are_a_sentence(text: str, tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text(text.format(begin=RESULTS.begin, end=RESULTS.end))
    with pytest.raises(InputError, match="must have the marks"):
        write_results(card, combine([result()]), BASE)

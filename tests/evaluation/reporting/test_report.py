from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given

from tests.evaluation.made import BASE, CHANGED, SCORES, result
from tests.evaluation.test_result import results
from vocabx.core.report import Table
from vocabx.evaluation.reporting.combining import combine
from vocabx.evaluation.reporting.report import to_report
from vocabx.evaluation.result import Difference, EvaluatedModel, Result, Score

EXPECTED = """kobest

few-shot  5
seed      3
device    CPU, 2 threads
versions  vocabx 0.1.0, torch 2.13.0
commit    898989898989

scores
task   metric  base                     changed                  floor   items
------------------------------------------------------------------------------
boolq  acc     0.5000 [0.4000, 0.6000]  0.6250 [0.5500, 0.7000]  0.2500  1,200
copa   acc     0.7500                   -                        -       -

differences, 95 % intervals of paired draws
task   metric  model    minus  difference                  clear
----------------------------------------------------------------
boolq  acc     changed  base   +0.1250 [+0.0500, +0.2000]  yes

models
model    checksum      revision      seconds
--------------------------------------------
base     abababababab  -             12.3
changed  cdcdcdcdcdcd  012345678901  -

data
file       bytes  sha256
------------------------
boolq.tsv  1,234  efefefefefef

Answers are read by their likelihood.
[low, high]: 95 % interval: where the number would mostly lie, had other documents or questions been drawn; of speeds, \
the slowest and the fastest repeat.
floor: what takes no skill: the best constant answer, drawing blindly (retrieval), the untranslated line (chrF); a \
model near it has learned nothing of the task.
clear: yes where the interval of a difference leaves out 0, so that chance alone hardly explains it.
acc (more is better): accuracy: how often the right answer is the likeliest."""


def tables(report_of: Result) -> dict[str, Table]:
    return {table.title: table for table in to_report(report_of).tables}


def test_a_report_says_all_that_a_result_holds() -> None:
    assert to_report(result()).to_text() == EXPECTED


def test_what_there_is_nothing_of_is_left_out() -> None:
    bare = Result("speed", (BASE,), (Score("base", "prefill", "bytes per second", 12345.67),))
    report = to_report(bare)
    assert report.facts == {}
    assert [table.title for table in report.tables] == ["scores", "models"]
    assert report.tables[0].to_json() == [{"task": "prefill", "metric": "bytes per second", "base": "12,345.7"}]


def test_many_models_stand_below_each_other() -> None:
    models = tuple(EvaluatedModel(name, name * 64) for name in "abcde")
    scores = tuple(Score(model.name, "ko", "acc", 0.5, items=7 + place) for place, model in enumerate(models))
    table = tables(result(models=models, scores=scores, differences=()))["scores"]
    assert table.columns == ["task", "metric", "model", "score", "items"]
    assert table.rows == [["ko", "acc", name, "0.5000", str(7 + place)] for place, name in enumerate("abcde")]


def test_other_numbers_of_items_are_a_sentence() -> None:
    scores = (*SCORES[:1], replace(SCORES[1], items=1100))
    note = "Some scores are of another number of items for each model: boolq, acc (1,200 / 1,100)."
    assert note in to_report(result(scores=scores)).notes
    assert not any(line.startswith("Some scores") for line in to_report(result()).notes)


@pytest.mark.parametrize(
    ("low", "high", "clear"),
    [(0.1, 0.2, "yes"), (-0.2, -0.1, "yes"), (-0.1, 0.1, "no"), (0.0, 0.1, "no")],
)
def test_a_difference_is_clear_where_its_interval_leaves_out_zero(low: float, high: float, clear: str) -> None:
    differences = Difference("changed", "base", "boolq", "acc", 0.05, low, high), Difference("a", "b", "c", "d", 0.1)
    table = tables(result(differences=differences))["differences, 95 % intervals of paired draws"]
    assert [row[-1] for row in table.rows] == [clear, "-"]


def test_differences_without_intervals_are_not_called_clear() -> None:
    table = tables(result(differences=(Difference("changed", "base", "ko", "tokens", -0.5),)))["differences"]
    assert table.to_json() == [
        {"task": "ko", "metric": "tokens", "model": "changed", "minus": "base", "difference": "-0.5000"}
    ]


def test_small_settings_are_not_spelt_as_zero() -> None:
    facts = to_report(result(settings={"learning rate": 2e-5, "epochs": 3.0, "texts": 1000, "frozen": True})).facts
    assert list(facts.values())[:4] == ["2e-05", "3", "1,000", "yes"]


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_a_dash(number: float) -> None:
    scores = (Score("base", "boolq", "acc", number, 0.1, number, number),)
    table = tables(result(scores=scores, differences=()))["scores"]
    assert table.rows == [["boolq", "acc", "-", "-", "-"]]


def test_a_standard_error_is_said_where_there_is_no_interval() -> None:
    scores = (replace(SCORES[0], error=0.05), Score("changed", "boolq", "acc", 0.6, error=0.05))
    (row,) = tables(result(scores=scores, differences=()))["scores"].rows
    assert row[2:4] == ["0.5000 [0.4000, 0.6000]", "0.6000 ± 0.0500"]


@given(results())
def test_every_result_can_be_shown_alone_and_twice(drawn: Result) -> None:
    assert to_report(drawn).to_text() is not None
    together = combine([drawn, drawn])
    json.dumps(together.to_json(), allow_nan=False)
    assert together.to_report().to_text() is not None
    assert [group.kind for group in together.groups] == [drawn.kind]


def test_settings_are_spelt_as_the_options_are() -> None:
    facts = to_report(result(settings={"few_shot": 0, "batch size": 4})).facts
    assert list(facts)[:2] == ["few-shot", "batch-size"]


# --- several results ----------------------------------------------------------------------------------------------


def test_a_model_of_several_files_is_known_by_its_checksum() -> None:
    other = result(
        models=(replace(CHANGED, name="my-model"), EvaluatedModel("third", "12" * 32)),
        scores=(Score("my-model", "boolq", "acc", 0.625, 0.55, 0.7, 0.25, 1200), Score("third", "boolq", "acc", 0.1)),
        differences=(Difference("third", "my-model", "boolq", "acc", -0.525),),
    )
    together = combine([result(), other])
    assert [model.name for model in together.models] == ["base", "changed", "third"]
    (group,) = together.groups
    assert len(group.scores) == 4  # the one that both files hold is there once
    assert (group.differences[1].model, group.differences[1].against) == ("third", "changed")
    assert together.notes == ("Answers are read by their likelihood.",)


def test_two_models_of_one_name_are_told_apart() -> None:
    other = result(models=(replace(BASE, checksum="34" * 32),), scores=(replace(SCORES[0], value=0.3),), differences=())
    together = combine([result(), other])
    assert [model.name for model in together.models] == ["base (ababab)", "changed", "base (343434)"]
    (group,) = together.groups
    assert [score.model for score in group.scores] == ["base (ababab)", "changed", "base (ababab)", "base (343434)"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"settings": {"few-shot": 0}}, "few-shot"),
        ({"settings": {"few-shot": 5, "limit": 10}}, "limit"),
        ({"seed": 4}, "seed"),
        ({"data": ()}, "data"),
        ({"settings": {"few-shot": 0}, "seed": 4}, "few-shot, seed"),
    ],
)
def test_results_of_other_settings_or_data_do_not_share_a_table(changed: dict[str, object], named: str) -> None:
    together = combine([result(), result(**changed)])
    assert len(together.groups) == 2
    assert f"The results of kobest differ in {named}, so they do not compare." in together.notes
    assert [group.title for group in together.groups] == ["kobest (1 of 2)", "kobest (2 of 2)"]


def test_seconds_of_a_model_are_those_of_all_results() -> None:
    one = result()
    (first, *_) = combine([one, result(kind="xnli")]).models
    assert first.seconds == 2 * (one.models[0].seconds or 0)


@pytest.mark.parametrize("empty", [None, ""])
def test_a_setting_that_is_not_set_is_none(empty: str | None) -> None:
    assert len(combine([result(), result(settings={"few-shot": 5, "prefix": empty})]).groups) == 1
    assert len(combine([result(), result(settings={"few-shot": 5, "prefix": False})]).groups) == 2


def test_a_setting_that_older_files_spell_otherwise_is_the_same() -> None:
    assert len(combine([result(), result(settings={"few_shot": 5})]).groups) == 1
    assert "The results of kobest differ in few-shot, so they do not compare." in combine(
        [result(), result(settings={"few_shot": 0})]
    ).notes  # fmt: skip


def test_notes_say_which_evaluations_they_are_of() -> None:
    own = result(kind="xnli", notes=("Of premises.", "Answers are read by their likelihood."))
    assert list(combine([result(), own]).notes) == [
        "kobest, xnli: Answers are read by their likelihood.",
        "xnli: Of premises.",
    ]
    apart = combine([result(), result(seed=4, notes=("Seed 4.",))]).notes
    assert list(apart)[:2] == ["kobest (1 of 2): Answers are read by their likelihood.", "kobest (2 of 2): Seed 4."]
    assert combine([result(), result()]).notes == ("Answers are read by their likelihood.",)


def test_what_metrics_mean_is_said_once_for_all_results() -> None:
    notes = combine([result(), result(kind="xnli")]).to_report().notes
    assert [note.split(":")[0] for note in notes].count("acc (more is better)") == 1
    assert notes[-1].startswith("acc (more is better): ")


def test_the_device_decides_only_what_is_timed() -> None:
    elsewhere: dict[str, object] = {"device": "H100", "commit": None, "versions": {}}
    assert len(combine([result(), result(**elsewhere)]).groups) == 1
    assert len(combine([result(kind="speed"), result(kind="speed", **elsewhere)]).groups) == 2


def test_kinds_stand_side_by_side() -> None:
    together = combine([result(), result(kind="xnli", settings={})])
    assert [group.title for group in together.groups] == ["kobest", "xnli"]
    titles = [table.title for table in together.to_report().tables]
    assert titles == [
        "kobest",
        "kobest: differences, 95 % intervals of paired draws",
        "xnli",
        "xnli: differences, 95 % intervals of paired draws",
        "models",
    ]


def test_what_the_numbers_are_of_is_said_of_every_kind() -> None:
    facts = combine([result(), result(kind="xnli", settings={}, data=(), seed=None, device="")]).to_report().facts
    origin = "few-shot 5; seed 3; device CPU, 2 threads; boolq.tsv (sha256 efefefefefef); vocabx 0.1.0"
    assert facts == {"kobest": origin, "xnli": "vocabx 0.1.0"}


def test_one_number_with_two_outcomes_is_a_sentence() -> None:
    together = combine([result(), result(scores=(replace(SCORES[0], value=0.55),))])
    assert "kobest: base was measured more than once on boolq, acc, with different outcomes." in together.notes
    (table, *_) = together.to_report().tables
    assert "0.5000 [0.4000, 0.6000] / 0.5500 [0.4000, 0.6000]" in table.rows[0]


def test_items_that_differ_between_files_are_a_sentence() -> None:
    other = result(models=(replace(BASE, checksum="34" * 32),), scores=(replace(SCORES[0], items=100),), differences=())
    (note,) = combine([result(notes=()), replace(other, notes=())]).notes
    assert note == "kobest: some scores are of another number of items for each model: boolq, acc (1,200 / 100)."

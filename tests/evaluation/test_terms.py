from __future__ import annotations

import re

import numpy as np

from tests.source_tree import ROOT
from vocabx.core.arrays import Ints
from vocabx.eval.chrf import measure_chrf
from vocabx.eval.cost import DocumentCost, TokenGroup
from vocabx.eval.coverage import Coverage
from vocabx.eval.fertility import Fertility
from vocabx.eval.finetune.recipe import Recipe
from vocabx.eval.finetune.tally import Tally
from vocabx.eval.harness.answers import BY_CHARACTERS, Answers
from vocabx.eval.harness.translation import Translations
from vocabx.eval.speed import Speed
from vocabx.eval.translated_pairs import Direction, Pairs
from vocabx.evaluation import fertility, finetune, finetuning, ner, retention, retrieval, speed, translation
from vocabx.evaluation.terms import COLUMNS, DEVIATION, METRICS, SEED, explain, find_term
from vocabx.evaluation.text.cost_lines import CostLines
from vocabx.evaluation.text.document_scores import DocumentScores

MODULES = {
    "cost_lines",
    "fertility",
    "finetuning",
    "scores",
    "intervals",
    "retention",
    "retrieval",
    "speed",
    "translation",
}
"""All modules that name `Score`s; the functions below have each of them make some."""
ONES = np.ones(6)


def of_costs() -> set[str]:
    group = TokenGroup(3, 2.0, 6)
    scores = DocumentScores(DocumentCost(ONES, np.ones(6, np.int64)), "bos", 8, 4, 0, group, group)
    return {one.metric for one in CostLines(["a"], ["ko"], {("ko", "a"): scores}, 0).scores()}


def of_fertility() -> set[str]:
    counts = Fertility(*[1] * 10)
    return {one.metric for one in fertility._scores("ko", "a", counts, Coverage(1, 1, 1, 1))}


def of_retention() -> set[str]:
    sums = {name: [1.0] * 6 for name in ("positions", "divergence", "new_mass", "flips", "ties")}
    return {one.metric for one in retention._scores("a", "ko", retention.Compared(6, 6, 6, 0, sums), 0)}


def of_speed() -> set[str]:
    found = Speed(1, 1, 1, 1, ONES, ONES, 1, None)
    return {one.metric for one in speed._scores("a", found, found, ["text"])}


def of_translation() -> set[str]:
    direction = Direction("en", "ko", Pairs(("a book",), ("책",)))
    measured = translation._Measured("a")
    measured.answers["en-ko"] = Translations(("책",), {"chrf": 100.0, "bleu": 100.0}, ())
    measured.counts["en-ko"] = measure_chrf(["책"], ["책"])
    return {one.metric for one in translation._scores(direction, [measured], 0)}


def of_the_harness() -> set[str]:
    def answers(reported: dict[str, float]) -> Answers:
        gold: Ints = np.zeros(2, np.int64)
        return Answers("task", gold, np.zeros((2, 2)), np.ones((2, 2), int), np.ones((2, 2), int), reported=reported)

    return {*answers({}).metrics, *answers({BY_CHARACTERS: 0.5}).metrics}


def of_training() -> set[str]:
    metrics = set[str]()
    for metric in (finetune.METRIC, ner.METRIC):
        tally, outcome = Tally(np.ones((2, 3)), np.ones((2, 3))), finetuning.Outcome("task", metric, 0.5, 3)
        how = finetuning.Finetuning(Recipe(), seeds=2, seed=7)
        metrics |= {one.metric for one in finetuning._scores("a", outcome, tally, how)}
    assert {"accuracy, seed 8", "entity F1, deviation over seeds"} <= metrics
    return metrics


def test_every_metric_of_every_evaluation_is_explained_and_no_other() -> None:
    found = of_costs() | of_fertility() | of_retention() | of_speed() | of_translation() | of_the_harness()
    found |= of_training() | set(retrieval.METRICS)
    assert {metric for metric in found if find_term(metric) is None} == set()
    variants = {SEED, DEVIATION}
    assert {metric for metric in METRICS if metric not in found} == variants


def test_every_module_that_makes_scores_is_asked_for_its_metrics() -> None:
    files = (ROOT / "vocabx" / "evaluation").rglob("*.py")
    made = {file.stem for file in files if re.search(r"\bScore\(|import .*\bScore\b", file.read_text("utf-8"))}
    readers = {"report", "combining", "picture", "result"}
    assert made - readers == MODULES


def test_the_readme_says_of_every_column_and_metric_what_the_reports_say() -> None:
    text = (ROOT / "vocabx" / "evaluation" / "README.md").read_text("utf-8")
    table = text.split("| column or metric | what it is | better |\n|---|---|---|\n")[1]
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table.splitlines() if line]
    columns = [(name, meaning, "") for name, meaning in COLUMNS.items()]
    metrics = [(f"`{name}`", term.meaning, term.better) for name, term in METRICS.items()]
    assert rows == [*columns, *metrics]


def test_every_metric_has_a_line_and_what_is_none_of_ours_has_none() -> None:
    assert len(list(explain(METRICS))) == len(METRICS)
    assert list(explain(["accuracy", "taste", "accuracy, seed 3"])) == [
        "accuracy (more is better): the share of right answers.",
        "..., seed N: the number of one training.",
    ]


def test_a_metric_has_one_line_however_often_it_is_shown_and_the_order_is_that_of_the_table() -> None:
    lines = list(explain(["macro_f1", "acc", "acc", "accuracy, deviation over seeds"], ["floor"]))
    assert [line.split(":")[0] for line in lines] == [
        "floor",
        "acc (more is better)",
        "macro_f1 (more is better)",
        "..., deviation over seeds",
    ]

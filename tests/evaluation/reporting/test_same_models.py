from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.checkpoint.sources.fake_hub import FakeHub
from tests.evaluation.made import BASE, CHANGED, result
from tests.source_tree import ROOT
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.evaluation.context import describe_model
from vocabx.evaluation.fertility import evaluate_fertility
from vocabx.evaluation.reporting.combining import combine
from vocabx.evaluation.reporting.report import to_report
from vocabx.evaluation.reporting.same_models import join_commits
from vocabx.evaluation.result import EvaluatedModel, Result

MODEL = ROOT / "vocabx" / "demo" / "base"
COUNTED = replace(CHANGED, checksum="11" * 32, has_weights=False)
"""The second model, before its weights were downloaded."""


def of(*models: EvaluatedModel) -> Result:
    return result(kind="fertility", models=models, scores=(), differences=())


def test_a_model_of_the_hub_is_one_before_and_after_its_weights_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeHub(tmp_path / "cache", {"lab/model": MODEL}).install(monkeypatch)
    (tmp_path / "text.txt").write_text("하나 둘\n")
    before = evaluate_fertility(["lab/model"], [f"ko={tmp_path / 'text.txt'}"])
    whole = describe_model("lab/model", resolve_model("lab/model"))
    after = evaluate_fertility(["lab/model"], [f"ko={tmp_path / 'text.txt'}"])
    assert [model.has_weights for model in (*before.models, whole, *after.models)] == [False, True, True]
    assert before.models[0].checksum != whole.checksum == after.models[0].checksum
    (model,) = combine([before, result(models=(whole,), scores=(), differences=())]).models
    assert (model.name, model.checksum, model.has_weights) == ("lab/model", whole.checksum, True)


def test_a_tokenizer_takes_the_checksum_of_the_model_of_its_commit_in_either_order() -> None:
    for order in ([of(COUNTED), of(CHANGED)], [of(CHANGED), of(COUNTED)]):
        assert join_commits(order) == [of(CHANGED), of(CHANGED)]


@pytest.mark.parametrize("other", [replace(CHANGED, revision="another"), replace(CHANGED, revision=None), BASE])
def test_a_tokenizer_of_another_commit_or_of_none_stays_what_it_is(other: EvaluatedModel) -> None:
    assert join_commits([of(COUNTED), of(other)]) == [of(COUNTED), of(other)]
    alone = replace(COUNTED, revision=None)
    assert join_commits([of(alone), of(CHANGED), of(BASE)])[0] == of(alone)


def test_a_whole_model_never_takes_the_checksum_of_another() -> None:
    trained = replace(CHANGED, checksum="22" * 32)
    assert join_commits([of(CHANGED), of(trained)]) == [of(CHANGED), of(trained)]


def test_a_checksum_that_holds_no_weights_is_marked() -> None:
    rows = {table.title: table.rows for table in to_report(of(COUNTED, BASE)).tables}["models"]
    assert [row[1] for row in rows] == ["111111111111 (without weights)", "abababababab"]


def test_results_of_before_the_mark_are_of_whole_models() -> None:
    content = result().to_json()
    for model in content["models"]:
        del model["has_weights"]
    assert Result.from_json(content) == result()

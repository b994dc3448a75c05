"""From a directory to a directory, on a small model."""

from __future__ import annotations

import json
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vocabx
from tests.distillation.models import Extended, extend_small
from vocabx.checkpoint import open_checkpoint
from vocabx.core.errors import CorpusError, InputError, TrainingError
from vocabx.distillation import DistillationSettings, distill
from vocabx.distillation import rows as rows_module
from vocabx.distillation.distill import Measured
from vocabx.manifest import Manifest

pytestmark = pytest.mark.torch

SETTINGS: dict[str, Any] = {"contexts": 4, "context_tokens": 16, "learning_rate": 0.05}


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Extended:
    return extend_small(tmp_path_factory.mktemp("small"), tied=request.param)


def run(small: Extended, out: Path, **settings: Any) -> Any:
    return distill(small.directory, small.corpus, out, settings=DistillationSettings(**{**SETTINGS, **settings}))


def stored(directory: Path) -> dict[str, Any]:
    checkpoint = open_checkpoint(directory)
    return {name: np.array(checkpoint.matrix(name)).view(np.uint8) for name in checkpoint.tensors}


@pytest.mark.parametrize("settings", [{}, {"dtype": "bfloat16", "objective": "hidden"}, {"head": "next-token"}])
def test_only_rows_of_trained_tokens_change_and_the_result_is_sound(
    small: Extended, tmp_path: Path, settings: dict[str, Any]
) -> None:
    result = run(small, tmp_path / "out", **settings)
    plan = Manifest.load(small.directory).plan
    before, after = stored(small.directory), stored(tmp_path / "out")
    assert before.keys() == after.keys()
    is_tied = open_checkpoint(small.directory).tied
    trained = {"model.embed_tokens.weight"} | (set() if is_tied or "head" not in settings else {"lm_head.weight"})
    for name, tensor in after.items():
        changed = np.flatnonzero((tensor != before[name]).reshape(len(tensor), -1).any(1))
        if name in trained:
            assert set(changed.tolist()) <= set(plan.new_ids.tolist())
            assert 0 < len(changed) <= result.trained
        else:
            assert not len(changed)
    assert vocabx.verify(tmp_path / "out", small.base, after_training=True).passed


def test_states_come_nearer_to_the_teacher(small: Extended, tmp_path: Path) -> None:
    result = run(small, tmp_path / "out", epochs=4, objective="hidden")
    assert result.after.hidden_error < 0.95 * result.before.hidden_error
    record = json.loads((tmp_path / "out" / "vocabx.json").read_text("utf-8"))["training"]
    assert record[-1]["distilled"] == result.trained
    assert record[-1]["keeps_old_rows"] is True
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert f"{result.trained:,} rows of new tokens" in card
    assert f"| corpus | `{small.corpus.name}` |" in card
    assert "| held-out text | lines of the corpus, not trained on |" in card


def test_the_error_does_not_depend_on_how_many_are_measured_together(small: Extended, tmp_path: Path) -> None:
    one, many = (
        run(small, tmp_path / str(size), batch_size=size, objective="hidden").before.hidden_error for size in (1, 64)
    )
    assert one == pytest.approx(many, rel=1e-4)


def test_rows_of_a_float32_model_are_not_rounded_to_what_is_computed_in(tmp_path: Path) -> None:
    small = extend_small(tmp_path, dtype="float32")
    before = stored(small.directory)["model.embed_tokens.weight"]
    run(small, tmp_path / "out", dtype="bfloat16", objective="hidden")
    after = stored(tmp_path / "out")["model.embed_tokens.weight"]
    changed = (after != before).any(1)
    low = np.ascontiguousarray(after[changed]).view(np.uint32) & 0xFFFF
    assert changed.any()
    assert np.mean(low == 0) < 0.01


def test_contexts_that_the_model_cannot_read_are_refused(small: Extended, tmp_path: Path) -> None:
    room = json.loads((small.directory / "config.json").read_text())["max_position_embeddings"] - 1
    with pytest.raises(InputError, match=f"reads {room:,} tokens of text at once, and .* is {room + 1:,}"):
        run(small, tmp_path / "out", context_tokens=room + 1)
    assert not (tmp_path / "out").exists()


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(small: Extended, tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        run(small, tmp_path / name, seed=seed)
    one, same, other = (stored(tmp_path / name)["model.embed_tokens.weight"] for name in ("one", "same", "other"))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_most_frequent_tokens_alone_are_trained_if_that_is_asked_for(small: Extended, tmp_path: Path) -> None:
    result = run(small, tmp_path / "out", most_frequent=5)
    before, after = (stored(place)["model.embed_tokens.weight"] for place in (small.directory, tmp_path / "out"))
    changed = np.flatnonzero((after != before).any(1))
    assert result.trained == 5
    assert len(changed) <= 5
    segmenter = small.open().segmenter
    counts = np.bincount(
        np.concatenate(segmenter.encode(small.corpus.read_text("utf-8").splitlines())), minlength=len(segmenter.tokens)
    )
    new = Manifest.load(small.directory).plan.new_ids
    assert counts[changed].min() >= np.sort(counts[new])[::-1][8]


def test_an_early_layer_can_be_compared(small: Extended, tmp_path: Path) -> None:
    result = run(small, tmp_path / "out", layer="early")
    assert result.settings.objective == "hidden"
    assert result.after.hidden_error != result.before.hidden_error


def test_contexts_are_as_many_as_asked_for_at_most(small: Extended, tmp_path: Path) -> None:
    result = run(small, tmp_path / "out", contexts=2, objective="hidden")
    assert result.contexts <= 2 * result.trained
    assert result.trained + result.without_context + result.without_pieces == result.new


def test_what_is_not_finite_writes_nothing(small: Extended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: Any, *_: Any) -> float:
        self.masters[0][0] = float("inf")
        self._parameters[0].data[0] = float("inf")
        return 0.0

    monkeypatch.setattr(rows_module.TrainedRows, "step", step)
    measured = Measured(1.0, 1.0)
    monkeypatch.setattr(import_module("vocabx.distillation.distill"), "_measure", lambda *_: measured)
    with pytest.raises(TrainingError, match="A trained row is not finite, and nothing was written"):
        run(small, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_corpus_without_new_tokens_is_refused(small: Extended, tmp_path: Path) -> None:
    text = tmp_path / "old.txt"
    text.write_text("the cat\n" * 300, encoding="utf-8")
    with pytest.raises(CorpusError, match="No new token stands in the corpus"):
        distill(small.directory, text, tmp_path / "out", held_out=small.corpus)
    with pytest.raises(CorpusError, match="no line of it is held out"):
        distill(small.directory, text, tmp_path / "out")
    with pytest.raises(CorpusError, match="No token that is trained stands in the held-out text"):
        distill(small.directory, small.corpus, tmp_path / "out", held_out=text)
    assert not (tmp_path / "out").exists()


def test_directories_that_have_nothing_to_distil_are_refused(small: Extended, tmp_path: Path) -> None:
    def refused(directory: Path, complaint: str) -> None:
        with pytest.raises(InputError, match=complaint):
            distill(directory, small.corpus, tmp_path / "out")

    refused(small.base, "vocabx did not write it")
    vocabx.trim(small.directory, small.corpus, tmp_path / "trimmed")
    refused(tmp_path / "trimmed", "was written by `vocabx trim`")
    alone = tmp_path / "alone"
    shutil.copytree(small.directory, alone)
    record = json.loads((alone / "vocabx.json").read_text("utf-8"))
    (alone / "vocabx.json").write_text(json.dumps({**record, "factorization": {"rank": 3}}), "utf-8")
    refused(alone, "has factorised embeddings")
    for token in record["new_tokens"]:
        token.pop("parts", None)
    (alone / "vocabx.json").write_text(json.dumps(record), "utf-8")
    refused(alone, "name the base with --base")
    named = DistillationSettings(**SETTINGS)
    result = distill(alone, small.corpus, tmp_path / "out", settings=named, base=small.base)
    assert result.trained > 0


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"contexts": 0}, "contexts must be at least 1, got 0"),
        ({"most_frequent": 0}, "most frequent must be at least 1, got 0"),
        ({"seed": -1}, "seed must not be negative, got -1"),
        ({"context_tokens": 1}, "at least 2 old tokens, got 1"),
        ({"learning_rate": 0.0}, r"between 0 and 1, got 0\.0"),
        ({"learning_rate": float("nan")}, "between 0 and 1, got nan"),
        ({"layer": "0"}, "must be -1, early or a number from 1 on, got '0'"),
        ({"layer": "early", "objective": "both"}, "comes of its last layer"),
        ({"layer": "2", "head": "next-token"}, "comes of its last layer"),
        ({"objective": "hiden"}, "There is no objective called 'hiden'. Did you mean 'hidden'"),
        ({"head": "copy"}, "There is no policy for the head called 'copy'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        DistillationSettings(**settings)


def test_a_layer_that_the_model_lacks_is_refused(small: Extended, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="The model has 1 layers, and none has number 7"):
        run(small, tmp_path / "out", layer="7")


def test_a_broken_loss_stops_the_run(small: Extended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vocabx.distillation.objective import Objective

    plain = Objective.loss
    monkeypatch.setattr(Objective, "loss", lambda self, batch: plain(self, batch) * float("nan"))
    with pytest.raises(TrainingError, match="nothing was written"):
        run(small, tmp_path / "out")
    assert not (tmp_path / "out").exists()

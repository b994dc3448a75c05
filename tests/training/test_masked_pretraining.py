"""An encoder is trained on: masks are the same in each run, and batches of a step weigh as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.eval.encoders import tiny_encoder
from vocabx.core.errors import CheckpointError
from vocabx.training.pretrain import Pretraining, pretrain
from vocabx.training.recipes.recipe import Recipe, Stage
from vocabx.training.settings import TrainingSettings

pytestmark = pytest.mark.torch
ALL = Recipe("all", "", "a test", (Stage("all", ("everything",), 1.0, 1e-3, "constant", 0.0),))


@pytest.fixture(scope="module", params=["bert", "roberta"])
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp(request.param)
    encoder = tiny_encoder(request.param)
    encoder.model.config.hidden_dropout_prob = encoder.model.config.attention_probs_dropout_prob = 0.0
    encoder.model.save_pretrained(place / "base")
    encoder.tokenizer.save_pretrained(place / "base")
    tiny_encoder(request.param, headless=True).model.save_pretrained(place / "headless")
    encoder.tokenizer.save_pretrained(place / "headless")
    (place / "text.txt").write_text("".join(f"ab cdef {'fade ' * (number % 5)}bead.\n" for number in range(200)))
    return place


def train(root: Path, out: str, model: str = "base", **settings: Any) -> Pretraining:
    known = {"tokens": 16 * 4 * 6, "length": 16, "log_every": 1, "mask_share": 0.3, **settings}
    held = [f"text={root / 'text.txt'}"]
    return pretrain(
        root / model,
        root / "text.txt",
        root / out,
        recipe=ALL,
        settings=TrainingSettings(held_out_limit=3, **known),
        held_out=held,
    )


def test_an_encoder_learns_and_opens_as_before(root: Path) -> None:
    import torch
    from transformers import AutoModelForMaskedLM

    done = train(root, "out", batch_size=4, tokens=16 * 4 * 12)
    assert done.record["objective"] == "masked"
    before, after = (done.points[place].bits_per_byte["text"] for place in (0, -1))
    assert after < before
    models = [AutoModelForMaskedLM.from_pretrained(root / name, dtype=torch.float32) for name in ("base", "out")]
    assert models[0].state_dict().keys() == models[1].state_dict().keys()


def test_batches_with_unlike_numbers_of_masks_weigh_as_one(root: Path) -> None:
    runs = [train(root, f"of {size}", batch_size=size, accumulate=4 // size) for size in (4, 1)]
    losses = [[point.loss for point in run.points if point.loss is not None] for run in runs]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_corpus_is_read_once_though_each_sequence_has_special_tokens(root: Path) -> None:
    done = train(root, "once", batch_size=1, tokens=None, log_every=1000)
    size = sum(len(line.encode()) for line in (root / "text.txt").read_text().splitlines())
    assert done.points[-1].bytes == pytest.approx(size, rel=0.01)
    assert done.record["epochs"] == pytest.approx(1.0, rel=0.01)


def test_an_encoder_is_not_trained_to_predict_what_it_sees(root: Path) -> None:
    with pytest.raises(CheckpointError, match=r"reads its text in both directions.*--objective masked"):
        train(root, "ahead", objective="causal", mask_share=0.15)


def test_an_encoder_without_its_head_is_refused(root: Path) -> None:
    if root.name.startswith("roberta"):
        pytest.skip("the small RoBERTa always has its head")
    with pytest.raises(CheckpointError, match="is not a masked language model"):
        train(root, "none", model="headless", batch_size=2)

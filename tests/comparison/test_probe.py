from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.eval.models import tiny_model, tiny_tokenizer
from vocabx.comparison.probe import Probe, RowTrainer, draw_batches, draw_lines, train_rows
from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError
from vocabx.core.plan import Plan
from vocabx.eval.decoder import Decoder

LINES = [f"line {number} of this text" for number in range(30)]
PLAN = Plan.appending(250, 8, 258, 258, {})


def corpus(directory: Path, lines: list[str]) -> Corpus:
    (directory / "corpus.txt").write_text("\n".join(lines), "utf-8")
    return Corpus.open([directory / "corpus.txt"])


def decoder(architecture: str = "llama", dtype: str = "float32") -> Decoder:
    import torch

    tokenizer = tiny_tokenizer(bos_token="<s>", eos_token="</s>")
    model = tiny_model(len(tokenizer), architecture=architecture).to(getattr(torch, dtype))
    return Decoder(model.requires_grad_(False), tokenizer)


def weights(made: Decoder) -> list[Any]:
    rows, head = made.model.get_input_embeddings().weight, made.model.get_output_embeddings().weight
    return [rows] if rows is head else [rows, head]


def state(made: Decoder) -> dict[str, Any]:
    return {name: tensor.clone() for name, tensor in made.model.state_dict().items()}


def test_lines_are_drawn_by_seed_each_at_most_once(tmp_path: Path) -> None:
    text = corpus(tmp_path, LINES)
    drawn = draw_lines(text, 10, 0)
    assert drawn == draw_lines(text, 10, 0) != draw_lines(text, 10, 1)
    assert len(set(drawn)) == 10
    assert set(drawn) < set(LINES)
    assert sorted(draw_lines(text, 100, 0)) == sorted(LINES)


def test_every_line_is_as_likely_as_any_other(tmp_path: Path) -> None:
    text = corpus(tmp_path, LINES[:10])
    counts = dict.fromkeys(LINES[:10], 0)
    for seed in range(600):
        for line in draw_lines(text, 3, seed):
            counts[line] += 1
    assert max(abs(count - 180) for count in counts.values()) < 60  # five standard deviations


def test_a_text_without_lines_cannot_be_trained_on(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no text to train on in .*corpus\.txt"):
        draw_lines(corpus(tmp_path, [""]), 10, 0)


@pytest.mark.torch
def test_batches_are_lines_in_a_row_each_after_the_start_token_and_fixed_by_the_seed() -> None:
    made = decoder()
    batches = draw_batches(made, LINES, Probe(steps=3, tokens=40), 0)
    assert batches.shape == (3, 1, 40)
    assert (batches == draw_batches(made, LINES, Probe(steps=3, tokens=40), 0)).all()
    assert (batches != draw_batches(made, LINES, Probe(steps=3, tokens=40), 1)).any()
    texts = made.tokenizer.decode(batches.reshape(-1)).split("<s>")
    assert texts[0] == ""
    assert set(texts[1:-1]) < set(LINES)
    assert len(set(texts[1:-1])) == len(texts) - 2


@pytest.mark.torch
def test_a_step_is_cut_to_the_context_and_a_short_text_is_read_again() -> None:
    made = decoder("gpt2")
    batches = draw_batches(made, LINES[:2], Probe(steps=4, tokens=150), 0)
    assert batches.shape == (4, 2, 64)


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_new_rows_learn_and_everything_else_stays_bit_for_bit(architecture: str, dtype: str) -> None:
    import torch

    made, probe = decoder(architecture, dtype), Probe(steps=12, tokens=48, learning_rate=0.2)
    ids = np.arange(100)  # among them the letters
    before = state(made)
    batches = draw_batches(made, LINES[:1], probe, 0)
    losses = train_rows(RowTrainer(made, weights(made), ids, probe), batches)
    assert len(losses) == 12
    assert losses[-1] < losses[0]
    trained = {tensor.data_ptr() for tensor in weights(made)}
    for name, tensor in made.model.state_dict(keep_vars=True).items():
        if tensor.data_ptr() in trained:
            changed = (tensor != before[name]).any(dim=1)
            assert changed.any()
            assert not changed[[token for token in range(len(tensor)) if token not in set(ids.tolist())]].any()
        else:
            assert torch.equal(tensor, before[name])
    assert not any(parameter.requires_grad for parameter in made.model.parameters())


@pytest.mark.torch
def test_a_step_is_the_one_that_adamw_makes_of_the_whole_matrix() -> None:
    import torch

    mine, other = decoder("gpt2"), decoder("gpt2")
    probe = Probe(steps=3, tokens=32, learning_rate=0.1)
    batches = draw_batches(mine, LINES, probe, 0)
    train_rows(RowTrainer(mine, weights(mine), np.arange(258), probe), batches)
    (weight,) = weights(other)
    rate = 0.1 * float(weight.square().mean().sqrt())
    weight.requires_grad_(True)
    optimizer = torch.optim.AdamW([weight], lr=rate, betas=(0.9, 0.95), weight_decay=0)
    for number, batch in enumerate(batches):
        optimizer.param_groups[0]["lr"] = rate * (1 - number / 3)
        ids = torch.from_numpy(batch)
        optimizer.zero_grad()
        other.model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
    torch.testing.assert_close(weights(mine)[0], weight.detach(), rtol=1e-4, atol=1e-6)


def test_which_rows_are_trained_is_said_by_the_probe() -> None:
    assert Probe(steps=1).ids(PLAN).tolist() == PLAN.new_ids.tolist() == list(range(250, 258))
    assert Probe(steps=1, everything=True).ids(PLAN).tolist() == list(range(258))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"steps": -1}, "steps of a probe must not be negative, got -1"),
        ({"tokens": 1}, "at least 2 tokens, got 1"),
        ({"learning_rate": 0.0}, r"learning rate must be positive, got 0\.0"),
        ({"learning_rate": float("nan")}, "learning rate must be positive, got nan"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Probe(**settings)

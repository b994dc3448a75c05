from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.eval.models import tiny_model, tiny_tokenizer, write_model
from vocabx.core.errors import InputError
from vocabx.eval.decoder import Decoder
from vocabx.eval.greedy import GreedyFlips, compare_greedy, count_flips, greedy_flips

pytestmark = pytest.mark.torch
TEXTS = ["Hello, world!", "한국어 문장", "a long text " * 9]


def choices_one_by_one(model: Any, tokenizer: Any, text: str) -> list[int]:
    import torch

    ids = [tokenizer.bos_token_id, *tokenizer(text)["input_ids"]]
    with torch.no_grad():
        return [int(row.argmax()) for row in model(input_ids=torch.tensor([ids])).logits[0, :-1]]


def extended(model: Any, rows: Any) -> Any:
    """Append rows to a copy of a model's head and input embedding."""
    import copy

    import torch

    larger = copy.deepcopy(model)
    size = model.config.vocab_size
    larger.resize_token_embeddings(size + len(rows), mean_resizing=False)
    with torch.no_grad():
        larger.get_output_embeddings().weight[size:] = rows
    return larger


def test_a_model_agrees_with_itself() -> None:
    tokenizer = tiny_tokenizer(bos_token="<s>")
    decoder = Decoder(tiny_model(len(tokenizer)), tokenizer)
    assert compare_greedy(decoder, decoder, TEXTS) == GreedyFlips(13 + 16 + 108, 0, 0)


def test_flips_are_counted_as_position_by_position() -> None:
    tokenizer = tiny_tokenizer(bos_token="<s>")
    first, second = tiny_model(len(tokenizer), seed=1), tiny_model(len(tokenizer), seed=2)
    flips = compare_greedy(Decoder(first, tokenizer), Decoder(second, tokenizer), TEXTS[:2])
    expected = sum(
        mine != other
        for text in TEXTS[:2]
        for mine, other in zip(
            choices_one_by_one(first, tokenizer, text), choices_one_by_one(second, tokenizer, text), strict=True
        )
    )
    assert flips == GreedyFlips(13 + 16, expected, 0)
    assert expected > 10


def test_a_new_row_flips_where_it_wins_and_ties_where_it_equals_an_old_one() -> None:
    import torch

    tokenizer = tiny_tokenizer(bos_token="<s>")
    model = tiny_model(len(tokenizer))
    with torch.no_grad():
        head = model.get_output_embeddings().weight
        head[:] = head.flip(0)
    base = Decoder(model, tokenizer)
    stronger = Decoder(extended(model, 2 * model.get_output_embeddings().weight), tokenizer)
    assert compare_greedy(base, stronger, TEXTS[:2]).flips > 0
    weaker = Decoder(extended(model, model.get_output_embeddings().weight / 2), tokenizer)
    assert compare_greedy(base, weaker, TEXTS[:2]) == GreedyFlips(29, 0, 0)


def test_equal_logits_are_ties_and_no_flips() -> None:
    import torch

    of_a = torch.tensor([[1.0, 3.0, 3.0], [1.0, 2.0, 0.0], [1.0, 2.0, 0.0]])
    of_b = torch.tensor([[0.0, 1.0, 2.0, 0.0], [5.0, 5.0, 0.0, 0.0], [0.0, 1.0, 0.0, 4.0]])
    assert count_flips(of_a, of_b) == (1, 2)


def test_directories_are_compared_like_the_models_in_them(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(bos_token="<s>")
    models = [tiny_model(len(tokenizer), seed=seed) for seed in (1, 2)]
    paths = [write_model(tmp_path / str(number), model, tokenizer) for number, model in enumerate(models)]
    in_memory = compare_greedy(Decoder(models[0], tokenizer), Decoder(models[1], tokenizer), TEXTS)
    assert greedy_flips(paths[0], paths[1], TEXTS) == in_memory


def test_ids_that_mean_different_tokens_are_refused() -> None:
    first, second = tiny_tokenizer(["한국"], bos_token="<s>"), tiny_tokenizer(["미국"], bos_token="<s>")
    model = tiny_model(len(first))
    with pytest.raises(InputError, match="do not share their ids"):
        compare_greedy(Decoder(model, first), Decoder(model, second), ["한국"])

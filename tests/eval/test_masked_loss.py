from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.eval.encoders import CONTEXT, PIECES, tiny_encoder
from tests.eval.models import write_model
from tests.strategies import table
from vocabx.core.errors import CheckpointError, InputError
from vocabx.eval import masked_loss as module
from vocabx.eval.encoder import Encoder, load_masked_model
from vocabx.eval.masked_loss import mask_words, masked_loss, score_masked

pytestmark = pytest.mark.torch
TEXTS = ["abcd a.b  ef", "fed cab ab.", "a", " cdab "]


def cost_token_by_token(encoder: Encoder, text: str, room: int = CONTEXT - 2) -> list[float]:
    """Return the cost of each token, words cut at white space, through the whole model and one row at a time."""
    import torch

    words = [encoder.tokenizer(word, add_special_tokens=False)["input_ids"] for word in text.split()]
    length = sum(map(len, words))
    costs = list[float]()
    for number, word in enumerate(words):
        for place, wanted in enumerate(word):
            shown = [*word[:place], *[PIECES.index("[MASK]")] * (len(word) - place)]
            ids = [token for part in (*words[:number], shown, *words[number + 1 :]) for token in part]
            begin = min(max(len(costs) - room // 2, 0), max(length - room, 0))
            row = [PIECES.index("[CLS]"), *ids[begin : begin + room], PIECES.index("[SEP]")]
            with torch.no_grad():
                logits = encoder.model(input_ids=torch.tensor([row])).logits[0, 1 + len(costs) - begin]
            costs.append(-float(logits.log_softmax(0)[wanted]))
    return costs


@pytest.mark.parametrize("architecture", ["bert", "roberta"])
@pytest.mark.parametrize("tokens_at_once", [1, 40, 2**13])
def test_documents_cost_what_their_tokens_cost_one_by_one(
    architecture: str, tokens_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOKENS_AT_ONCE", tokens_at_once)
    encoder = tiny_encoder(architecture)
    result = score_masked(encoder, TEXTS)
    expected = [sum(cost_token_by_token(encoder, text)) for text in TEXTS]
    np.testing.assert_allclose(result.nats, expected, rtol=1e-4)
    assert result.bytes.tolist() == [12, 11, 1, 6]
    assert result.value == pytest.approx(sum(expected) / 30 / math.log(2), rel=1e-4)
    assert (result.tokens, result.window, result.unknown_bytes) == (7 + 8 + 1 + 4, CONTEXT, 0)


def test_a_word_is_what_stands_between_white_space() -> None:
    text = mask_words(tiny_encoder(), ["abcd a.b  ef", "", " \n", "ab"])
    assert [PIECES[token] for token in text.ids[0]] == ["ab", "##cd", "a", ".", "b", "e", "##f"]
    assert text.ids.lengths.tolist() == [7, 0, 0, 1]
    assert text.word_ends.tolist() == [2, 2, 5, 5, 5, 7, 7, 1]
    assert text.sizes.tolist() == [2, 2, 1, 1, 1, 1, 1, 2]


def test_a_piece_that_is_only_space_belongs_to_the_word_behind_it() -> None:
    from tests.eval.models import tiny_tokenizer

    text = mask_words(Encoder(None, tiny_tokenizer()), ["ab  c ", "d"])
    assert text.ids.lengths.tolist() == [6, 1]
    assert text.word_ends.tolist() == [2, 2, 5, 5, 5, 6, 1]


def test_a_token_is_not_told_by_the_rest_of_its_word_but_by_other_words() -> None:
    encoder = tiny_encoder()
    first = [score_masked(encoder, [text], new_ids=np.array([PIECES.index("e")])).new for text in ("ef ab", "ed ab")]
    other = score_masked(encoder, ["ef cd"], new_ids=np.array([PIECES.index("e")])).new
    assert first[0] is not None is not other
    assert first[0] == first[1]
    assert first[0] != other


def test_a_word_that_cannot_be_spelt_costs_its_bytes_too() -> None:
    encoder = tiny_encoder()
    result = score_masked(encoder, ["ab 한국 a"])
    expected = cost_token_by_token(encoder, "ab 한국 a")
    assert result.unknown_bytes == 6
    assert result.nats[0] == pytest.approx(sum(expected) + 6 * math.log(256), rel=1e-5)


@pytest.mark.parametrize("text", ["ab cd ef fe dc ba " * 5, "abcdef" * 12, "a " + "bcdef" * 12 + " b"])
@pytest.mark.parametrize(("window", "used"), [(256, CONTEXT), (9, 9), (3, 3)])
def test_long_documents_are_read_around_each_token(text: str, window: int, used: int) -> None:
    encoder = tiny_encoder()
    result = score_masked(encoder, [text], window=window)
    expected = cost_token_by_token(encoder, text, used - 2)
    assert (result.window, result.tokens) == (used, len(expected))
    assert result.nats[0] == pytest.approx(sum(expected), rel=1e-4)


def test_old_and_new_tokens_share_the_cost_wherever_their_ids_are() -> None:
    surfaces = [piece.removeprefix("##").encode() for piece in PIECES]
    new = np.array([PIECES.index("a"), PIECES.index("##cd")])
    result = score_masked(tiny_encoder(), TEXTS[:1], new_ids=new, tokens=table(surfaces))
    assert result.old is not None is not result.new
    assert (result.old.tokens, result.old.bytes, result.new.tokens, result.new.bytes) == (5, 6, 2, 3)
    assert result.old.nats + result.new.nats == pytest.approx(result.nats.sum())
    assert score_masked(tiny_encoder(), TEXTS[:1]).new is None


def test_progress_is_told_after_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOKENS_AT_ONCE", 1)
    told: list[tuple[int, int]] = []
    score_masked(tiny_encoder(), ["ab", "a"], progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_a_directory_costs_what_the_model_in_it_costs(tmp_path: Path) -> None:
    encoder = tiny_encoder()
    written = write_model(tmp_path / "model", encoder.model, encoder.tokenizer)
    np.testing.assert_allclose(masked_loss(written, TEXTS).nats, score_masked(encoder, TEXTS).nats, rtol=1e-6)


def test_a_head_that_is_not_in_the_file_is_not_made_up(tmp_path: Path) -> None:
    encoder = tiny_encoder(headless=True)
    written = write_model(tmp_path / "model", encoder.model, encoder.tokenizer)
    with pytest.raises(CheckpointError, match=r"is not a masked language model: cls\.predictions"):
        load_masked_model(written)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda encoder: score_masked(encoder, []), "There is no document"),
        (lambda encoder: score_masked(encoder, ["a", ""]), "Document 1 is empty"),
        (lambda encoder: score_masked(encoder, ["a"], window=2), "no room for text"),
    ],
)
def test_what_cannot_be_measured_is_a_sentence(measure: Callable[[Encoder], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        measure(tiny_encoder())


def test_a_tokenizer_without_a_mask_is_refused() -> None:
    encoder = tiny_encoder()
    encoder.tokenizer.mask_token = None
    with pytest.raises(InputError, match="no mask token"):
        score_masked(encoder, ["a"])

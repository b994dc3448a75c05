from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.eval.models import tiny_model, tiny_tokenizer
from tests.eval.test_greedy import extended
from vocabx.core.errors import InputError
from vocabx.eval import retention as module
from vocabx.eval.decoder import Decoder
from vocabx.eval.retention import compare_predictions, keep_ids, shared_ids

pytestmark = pytest.mark.torch
TEXTS = ["Hello, world!", "한국어 문장", "a long text " * 9]
NEW_ROWS = 3


def pair(words: tuple[str, ...] = ("한국", "wor", "미국"), gain: float = 1.0) -> tuple[Decoder, Decoder]:
    """Return a base and a model with three more tokens and other weights."""
    import torch

    first, second = tiny_tokenizer(bos_token="<s>"), tiny_tokenizer(words, bos_token="<s>")
    base, other = tiny_model(len(first), seed=1), tiny_model(len(first), seed=2)
    rows = gain * torch.randn(NEW_ROWS, 16, generator=torch.Generator().manual_seed(3))
    return Decoder(base, first), Decoder(extended(other, rows), second)


def probabilities(decoder: Decoder, ids: list[int]) -> Any:
    """Return the probabilities after each id but the last, of the whole model, in float64."""
    import torch

    with torch.no_grad():
        logits = decoder.model(input_ids=torch.tensor([ids])).logits[0, :-1].double().numpy()
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def ids_of(decoder: Decoder, text: str) -> list[int]:
    return [decoder.tokenizer.bos_token_id, *decoder.tokenizer(text)["input_ids"]]


def test_predictions_are_compared_as_position_by_position_in_numpy() -> None:
    base, other = pair()
    texts = ["Hello, weld!", "a", "b" * 40]
    found = compare_predictions(base, other, texts)
    for document, text in enumerate(texts):
        p, q = (probabilities(decoder, ids_of(base, text)) for decoder in (base, other))
        shared = q[:, : p.shape[1]]
        restricted = shared / shared.sum(1, keepdims=True)
        assert found.positions[document] == len(p)
        assert found.divergence[document] == pytest.approx((p * np.log(p / restricted)).sum(), rel=1e-5)
        assert found.new_mass[document] == pytest.approx(q[:, p.shape[1] :].sum(), rel=1e-5)
        assert found.flips[document] == (p.argmax(1) != q.argmax(1)).sum()
    assert found.new_mass.sum() > 0
    assert found.ties.sum() == 0


def test_divergence_and_new_mass_add_up_to_the_divergence_over_all_ids() -> None:
    base, other = pair(gain=0.2)
    found = compare_predictions(base, other, ["x"])
    p, q = (probabilities(decoder, ids_of(base, "x")) for decoder in (base, other))
    whole = (p * np.log(p / q[:, : p.shape[1]])).sum()
    assert found.divergence[0] - math.log1p(-found.new_mass[0]) == pytest.approx(whole, rel=1e-5)


def test_a_model_is_no_way_from_itself() -> None:
    base, _ = pair()
    found = compare_predictions(base, base, TEXTS)
    np.testing.assert_allclose(found.divergence, 0, atol=1e-5)
    assert (found.new_mass.sum(), found.flips.sum(), found.positions.tolist()) == (0, 0, [13, 16, 108])


@pytest.mark.parametrize("logits_at_once", [1, 10**5])
def test_batches_and_order_do_not_change_what_is_compared(logits_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    base, other = pair()
    texts = ["Hello", "a", "text " * 30]
    whole = compare_predictions(base, other, texts, window=32, stride=12)
    monkeypatch.setattr(module, "LOGITS_AT_ONCE", logits_at_once)
    backwards = compare_predictions(base, other, texts[::-1], window=32, stride=12)
    np.testing.assert_allclose(whole.divergence, backwards.divergence[::-1], rtol=1e-5)
    np.testing.assert_allclose(whole.new_mass, backwards.new_mass[::-1], rtol=1e-5)
    assert whole.flips.tolist() == backwards.flips[::-1].tolist()
    assert whole.positions.sum() == 5 + 1 + 150


def test_documents_that_use_new_tokens_do_not_keep_their_ids() -> None:
    base, other = pair()
    kept = keep_ids(base, other, ["abc", "a world", "한국"])
    assert kept.is_kept.tolist() == [True, False, False]
    # The start token and 3, 7 and 6 bytes; "wor" and the six bytes of the last are other ids now.
    assert (kept.tokens, kept.changed_tokens) == (3 + 16, 3 + 6)


def test_an_id_that_means_another_token_is_not_shared() -> None:
    first, second = tiny_tokenizer(["ab"], bos_token="<s>"), tiny_tokenizer(["cd"], bos_token="<s>")
    model = tiny_model(len(first))
    base, other = Decoder(model, first), Decoder(model, second)
    assert shared_ids(base, other).tolist() == list(range(len(first) - 1))
    assert keep_ids(base, other, ["ab", "x"]).is_kept.tolist() == [False, True]
    found = compare_predictions(base, other, ["x"])
    assert 0 < found.new_mass[0] < 1


def test_documents_with_other_ids_are_refused() -> None:
    base, other = pair()
    with pytest.raises(InputError, match="only where both tokenizers give the same ids"):
        compare_predictions(base, other, ["a world"])


def test_one_id_of_two_tokens_is_a_flip_though_both_models_choose_it() -> None:
    import torch

    first, second = tiny_tokenizer(["ab"], bos_token="<s>"), tiny_tokenizer(["cd"], bos_token="<s>")
    model = tiny_model(len(first))
    with torch.no_grad():
        states = model.model(input_ids=torch.tensor([ids_of(Decoder(model, first), "x")])).last_hidden_state
        model.lm_head.weight.zero_()
        model.lm_head.weight[-1] = states[0, 0]
    found = compare_predictions(Decoder(model, first), Decoder(model, second), ["x"])
    assert (found.positions[0], found.flips[0], found.ties[0]) == (1, 1, 0)


def test_a_model_with_fewer_rows_than_its_base_can_be_compared() -> None:
    base, other = pair()
    forth, back = (compare_predictions(*models, ["Hello", "a"]) for models in ((base, other), (other, base)))
    assert back.new_mass.tolist() == [0, 0]
    assert back.flips.tolist() == forth.flips.tolist()

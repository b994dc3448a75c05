from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.eval.encoders import PIECES, wordpiece
from tests.eval.models import tiny_tokenizer
from tests.training.tokens import write_corpus
from vocabx.core.errors import CorpusError, InputError
from vocabx.training.sequences.masking import MaskedSequences, Masking, pack_masked
from vocabx.training.sequences.packing import NOT_PREDICTED
from vocabx.training.sequences.token_store import store_tokens

CLS, SEP, MASK = (PIECES.index(f"[{name}]") for name in ("CLS", "SEP", "MASK"))
SPECIAL = 5
FEW = st.integers(1, 40)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def fates(seen: Any, labels: Any, ids: Any) -> list[float]:
    """Return the share that is to be predicted, and of these the shares of masks, other tokens, and the same."""
    hidden = labels != NOT_PREDICTED
    shown, wanted = seen[hidden], ids[hidden]
    rest = shown != MASK
    return [hidden.mean(), 1 - rest.mean(), (rest & (shown != wanted)).mean(), (shown == wanted).mean()]


@pytest.mark.torch
def test_as_much_is_hidden_as_by_transformers() -> None:
    import torch
    from transformers import DataCollatorForLanguageModeling

    tokenizer = wordpiece()
    ids = generator().integers(SPECIAL, len(PIECES), size=100_000)
    ours = fates(*Masking.of(tokenizer).hide(ids, generator(1)), ids)
    torch.manual_seed(0)
    theirs = DataCollatorForLanguageModeling(tokenizer)([{"input_ids": ids.tolist()}])
    # Theirs has special tokens among the random ones, which are a quarter of this vocabulary.
    assert np.allclose(ours, fates(theirs["input_ids"][0].numpy(), theirs["labels"][0].numpy(), ids), atol=0.012)
    assert np.allclose(ours[:2], [0.15, 0.8], atol=0.01)


@given(st.lists(st.integers(0, len(PIECES) - 1), min_size=1, max_size=40), st.booleans(), st.integers(0, 9))
def test_special_tokens_stay_and_nothing_becomes_one_but_the_mask(row: list[int], whole: bool, seed: int) -> None:
    ids = np.array(row)
    seen, labels = Masking.of(wordpiece(), 0.5, whole_words=whole).hide(ids, generator(seed))
    hidden = labels != NOT_PREDICTED
    assert (labels[hidden] == ids[hidden]).all()
    assert (seen[~hidden] == ids[~hidden]).all()
    assert (ids[hidden] >= SPECIAL).all()
    assert ((seen[hidden] >= SPECIAL) | (seen[hidden] == MASK)).all()
    assert hidden.any() == (ids >= SPECIAL).any()


def test_a_short_sequence_has_something_to_predict() -> None:
    masking = Masking.of(wordpiece())
    for seed in range(20):
        _, labels = masking.hide(np.array([CLS, 6, 7, SEP]), generator(seed))
        assert (labels != NOT_PREDICTED).any()


def test_words_are_hidden_whole() -> None:
    a, b, tail = PIECES.index("a"), PIECES.index("b"), PIECES.index("##cd")
    ids = np.array([CLS, *[a, tail, tail, b, tail] * 400, SEP, tail, b])
    masking = Masking.of(wordpiece(), whole_words=True)
    _, labels = masking.hide(ids, generator())
    hidden = labels != NOT_PREDICTED
    words = hidden[1:2001].reshape(400, 5)
    for word in (words[:, :3], words[:, 3:]):
        assert (word.all(axis=1) == word.any(axis=1)).all()
        assert 0.1 < word[:, 0].mean() < 0.2
    assert (words[:, 0] != words[:, 3]).any()
    together = [masking.hide(ids, generator(seed))[1][-3:] != NOT_PREDICTED for seed in range(300)]
    assert {(bool(row[1]), bool(row[2])) for row in together} == {(a, b) for a in (True, False) for b in (True, False)}


@pytest.fixture
def masked(tmp_path: Path) -> MaskedSequences:
    tokenizer = wordpiece()
    corpus = write_corpus(tmp_path / "text.txt", ["ab cd ef", "fa. deb", "abcd"] * 4)
    store = store_tokens(corpus, tokenizer, tmp_path / "tokens", objective="masked")
    assert store.bytes == 4 * 19
    return pack_masked(store, tokenizer, 10, 30, seed=5)


def test_each_sequence_stands_between_the_special_tokens_and_is_of_the_length_asked_for(
    masked: MaskedSequences,
) -> None:
    for index in range(len(masked)):
        found = masked[index]
        assert set(found) == {"input_ids", "labels"}
        ids = np.where(found["labels"] == NOT_PREDICTED, found["input_ids"], found["labels"])
        assert (len(ids), ids[0], ids[-1]) == (10, CLS, SEP)
        assert ids[1:-1].tolist() == masked.packed[index]["input_ids"].tolist()
        assert CLS not in ids[1:]
    assert masked.text_read(0, 30) == masked.packed.text_read(0, 30)


def test_what_is_hidden_depends_on_the_seed_and_the_place_alone(masked: MaskedSequences, tmp_path: Path) -> None:
    rows = [masked[index]["input_ids"].tolist() for index in range(30)]
    assert [masked[index]["input_ids"].tolist() for index in reversed(range(30))] == rows[::-1]
    epoch = len(masked.packed.target)
    same = [
        (first, second)
        for first in range(epoch)
        for second in range(epoch, 2 * epoch)
        if masked.packed.target.begin(first) == masked.packed.target.begin(second)
    ]
    assert any(rows[first] != rows[second] for first, second in same)


def test_a_tokenizer_without_a_mask_and_a_share_of_nothing_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no mask token, which the masked objective needs"):
        Masking.of(tiny_tokenizer())
    with pytest.raises(InputError, match=r"share of hidden tokens is 0\.0"):
        Masking.of(wordpiece(), 0.0)
    store = store_tokens(write_corpus(tmp_path / "a.txt", ["ab"]), wordpiece(), tmp_path / "t", objective="masked")
    with pytest.raises(CorpusError, match="fewer than one sequence of 8"):
        pack_masked(store, wordpiece(), 10, 1, 0)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.eval.encoders import CONTEXT, tiny_encoder
from tests.eval.models import write_model
from vocabx.core.arrays import Floats
from vocabx.core.errors import InputError
from vocabx.eval import encoder as module
from vocabx.eval.encoder import Encoder
from vocabx.eval.retrieval import distinct_pairs, measure_retrieval, retrieval, search_both_ways

TARGET = ["abcd a.b", "fed", "cab ab.", "a", "ef ef ef"]
SOURCE = ["dcba b", "def", "bac", "b", "fe fe"]


def means_one_by_one(encoder: Encoder, texts: list[str], prefix: str, layer: int) -> list[Floats]:
    import torch

    means = list[Floats]()
    for text in texts:
        ids = encoder.tokenizer(prefix + text)["input_ids"][:CONTEXT]
        with torch.no_grad():
            states = encoder.model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
        means.append(states[layer][0].mean(0).numpy())
    return means


def places(queries: Floats, keys: Floats) -> list[int]:
    """For each query, how many keys are at least as near as its own, by plain cosines."""
    found = []
    for number, query in enumerate(queries):
        cosines = [query @ key / (np.linalg.norm(query) * np.linalg.norm(key)) for key in keys]
        found.append(sum(cosine >= cosines[number] - 1e-9 for cosine in cosines))
    return found


@pytest.mark.torch
@pytest.mark.parametrize("layer", [-1, 0, 1])
@pytest.mark.parametrize("tokens_at_once", [1, 16, 2**13])
@pytest.mark.parametrize("headless", [True, False])
def test_an_embedding_is_the_mean_of_the_states_of_one_text(
    layer: int, tokens_at_once: int, headless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOKENS_AT_ONCE", tokens_at_once)
    encoder = tiny_encoder(headless=headless)
    vectors = encoder.embed(TARGET, prefix="a. ", layer=layer)
    np.testing.assert_allclose(vectors, means_one_by_one(encoder, TARGET, "a. ", layer), rtol=1e-4, atol=1e-5)
    assert vectors.dtype == np.float32


@pytest.mark.torch
def test_a_text_longer_than_the_context_is_cut_off_before_its_last_special_token() -> None:
    encoder = tiny_encoder()
    long, cut = encoder.embed(["a " * 100, "a " * (CONTEXT - 2)])
    np.testing.assert_array_equal(long, cut)


@pytest.mark.torch
def test_a_layer_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="has 2 layers, and none has number 3"):
        tiny_encoder().embed(["a"], layer=3)


@given(pairs=st.integers(1, 30), seed=st.integers(0, 99))
def test_hits_are_those_of_plain_cosines(pairs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(pairs, 6)).astype(np.float32)
    source = (target + rng.normal(size=(pairs, 6))).astype(np.float32)
    result = search_both_ways(target, source)
    for direction, found in ((result.to_source, places(target, source)), (result.to_target, places(source, target))):
        assert direction.is_first.tolist() == [place == 1 for place in found]
        assert direction.is_among_ten.tolist() == [place <= 10 for place in found]
    assert result.to_source.top_1 == np.mean([place == 1 for place in places(target, source)])
    assert result.pairs == pairs


@pytest.mark.parametrize(("pairs", "top_10"), [(10, 1.0), (11, 0.0), (40, 0.0)])
def test_vectors_that_are_all_alike_find_nothing(pairs: int, top_10: float) -> None:
    alike = np.ones((pairs, 4), np.float32)
    result = search_both_ways(alike, alike)
    assert (result.to_source.top_1, result.to_source.top_10) == (0.0, top_10)


@pytest.mark.torch
def test_sides_are_searched_with_the_vectors_of_their_lines(tmp_path: Path) -> None:
    encoder = tiny_encoder()
    result = measure_retrieval(encoder, TARGET, SOURCE, prefix="a ", layer=1)
    target, source = (np.array(means_one_by_one(encoder, lines, "a ", 1)) for lines in (TARGET, SOURCE))
    assert result.to_source.is_first.tolist() == [place == 1 for place in places(target, source)]
    assert result.to_target.is_first.tolist() == [place == 1 for place in places(source, target)]
    written = write_model(tmp_path / "model", encoder.model, encoder.tokenizer)
    opened = retrieval(written, TARGET, SOURCE, prefix="a ", layer=1)
    np.testing.assert_array_equal(opened.to_target.is_first, result.to_target.is_first)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("target", "source", "message"),
    [
        ([], [], "at least one: 0 and 0"),
        (["a"], ["a", "b"], "as many lines on both sides"),
        (["a", "b"], ["c", "c"], "of the source side is there twice"),
    ],
)
def test_lines_that_are_no_pairs_are_refused(target: list[str], source: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        measure_retrieval(tiny_encoder(), target, source)


def test_a_pair_is_kept_if_both_sides_are_new_and_differ() -> None:
    target = ["moja", "mbili", "moja", "tatu", " ", "OK", "nne"]
    source = ["one", "two", "uno", "one", "x", "OK", "four"]
    assert distinct_pairs(target, source) == (["moja", "mbili", "nne"], ["one", "two", "four"])
    with pytest.raises(InputError, match="not line-aligned: 1 and 0"):
        distinct_pairs(["a"], [])

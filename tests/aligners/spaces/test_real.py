"""The spaces on real tokenizers, text and rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from tests.aligners.spaces.transfers import to_korean
from vocabx.aligners.spaces.donor_rows import DonorRows
from vocabx.aligners.spaces.token_level import TokenLevel
from vocabx.core.arrays import Floats
from vocabx.core.corpus import Corpus
from vocabx.core.embeddings import Embeddings
from vocabx.core.transfer import Donor
from vocabx.tokenizer_tools.read import read_tokenizer

Resources = Callable[[str], Path]


def mean_cosine(vectors: Floats) -> float:
    known = vectors[vectors.any(axis=1)]
    known = known / np.linalg.norm(known, axis=1, keepdims=True)
    return float((known.mean(axis=0) ** 2).sum())


def test_passes_that_suit_the_size_keep_vectors_apart_where_three_passes_do_not(
    resources: Resources, tmp_path: Path
) -> None:
    with resources("texts/docs.ko.txt").open(encoding="utf-8") as file:
        (tmp_path / "ko.txt").write_text("".join(itertools.islice(file, 12_000)), encoding="utf-8")
    source, target = (read_tokenizer(resources(name)) for name in ("smollm2", "tokenizers/qwen3"))
    transfer = to_korean(source, target, corpus=Corpus.open([tmp_path / "ko.txt"]))
    few, many = (TokenLevel(epochs=epochs).vectors(transfer) for epochs in (3, 0))
    assert mean_cosine(few.new) > 0.8
    assert mean_cosine(many.new) < 0.4
    assert (many.new.any(axis=1) == few.new.any(axis=1)).all()


def test_a_multilingual_donor_composes_almost_every_token(resources: Resources) -> None:
    e5 = read_tokenizer(resources("e5"))
    rows = load_file(resources("e5/model.safetensors"))["embeddings.word_embeddings.weight"]
    transfer = to_korean(
        read_tokenizer(resources("smollm2")),
        read_tokenizer(resources("tokenizers/qwen3")),
        donor=Donor(e5, Embeddings(e5.tokens, rows), "e5"),
    )
    exact, composed = (DonorRows(compose).vectors(transfer) for compose in (False, True))
    shared = exact.new.any(axis=1)
    assert 0.1 < shared.mean() < composed.new.any(axis=1).mean()
    assert (
        composed.new[transfer.new.is_complete].any(axis=1).mean() > 0.9
    )  # the rest is spelt with characters that the donor lacks
    np.testing.assert_array_equal(composed.new[shared], exact.new[shared])

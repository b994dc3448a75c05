from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.aligners.spaces.sentences import Sentences
from vocabx.aligners.spaces.train_vectors import Training, epochs_for, train_vectors
from vocabx.aligners.spaces.vectors_file import write_npz
from vocabx.core.errors import InputError, UnknownNameError

SMALL = Training(dimensions=12, epochs=20, minimum_count=2)
TOPICS = (["sun", "day", "light", "warm"], ["moon", "night", "dark", "cold"])


def topics(lines: int = 400) -> Sentences:
    """Lines about one of two things."""
    generator = np.random.default_rng(3)
    words = tuple(word for topic in TOPICS for word in topic)
    ids = np.concatenate([generator.integers(0, 4, 6) + 4 * (line % 2) for line in range(lines)])
    return Sentences(words, ids.astype(np.int32), np.arange(0, 6 * lines + 1, 6), 30 * lines)


@given(st.integers(1, 10**11))
def test_passes_fall_with_the_square_root_of_the_size_from_thirty_to_three(size: int) -> None:
    assert 3 <= epochs_for(size + 1) <= epochs_for(size) <= 30
    assert (epochs_for(size) == 30) == (size < 5_350_000)
    assert size < 500_000_000 or epochs_for(size) == 3


@pytest.mark.parametrize("algorithm", ["cbow", "skip-gram"])
@pytest.mark.parametrize("longest_ngram", [0, 6])
def test_words_that_stand_together_get_vectors_that_are_near(algorithm: str, longest_ngram: int) -> None:
    trained = train_vectors(topics(), Training(algorithm, 12, 60, 2, longest_ngram=longest_ngram))
    rows = trained.vectors_of([word for topic in TOPICS for word in topic])
    rows = rows - rows.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = rows @ rows.T
    assert cosines[:4, :4].mean() > cosines[:4, 4:].mean() + 0.5
    assert (trained.ngrams is None) == (longest_ngram == 0)


def test_counts_are_those_of_the_text_and_rare_words_are_left_out() -> None:
    text = Sentences(("a", "b", "c"), np.array([0, 1, 0, 1, 1, 2], np.int32), np.array([0, 3, 6]), 12)
    trained = train_vectors(text, SMALL)
    assert trained.counts is not None
    assert dict(zip(trained.words, trained.counts.tolist(), strict=True)) == {"a": 2, "b": 3}
    assert trained.rows.shape == (2, 12)


def test_unknown_words_are_made_of_trained_ngrams() -> None:
    trained = train_vectors(topics(), SMALL)
    table = trained.ngrams
    assert table is not None
    assert table.known is not None
    assert set(table.known) == set(table.buckets_of(trained.words).values)
    assert trained.vectors_of(["moonlight"]).any()
    assert not trained.vectors_of(["xyz"]).any()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first, second, third = (train_vectors(topics(), Training(dimensions=8, epochs=5, seed=seed)) for seed in (1, 1, 2))
    assert first.words == second.words
    assert first.rows.tobytes() == second.rows.tobytes()
    assert first.rows.tobytes() != third.rows.tobytes()


PROGRAM = """
import io, hashlib
from tests.aligners.spaces.test_train_vectors import SMALL, topics
from vocabx.aligners.spaces.train_vectors import train_vectors
from vocabx.aligners.spaces.vectors_file import write_npz
file = io.BytesIO()
write_npz(train_vectors(topics(), SMALL), file)
print(hashlib.sha256(file.getvalue()).hexdigest())
"""


def test_two_processes_that_hash_strings_differently_give_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "v.npz"
    with path.open("wb") as file:
        write_npz(train_vectors(topics(), SMALL), file)
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        other = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
        )
        assert other.stdout.strip() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_lines_longer_than_gensim_takes_are_trained_on_whole() -> None:
    ids = np.concatenate([np.zeros(10_000, np.int32), np.tile(np.array([1, 2], np.int32), 5000)])
    text = Sentences(("a", "b", "c"), ids, np.array([0, len(ids)]), len(ids))
    trained = train_vectors(text, Training(dimensions=8, epochs=30, longest_ngram=0))
    start = train_vectors(text.only(np.array([True, True, True])), Training(dimensions=8, epochs=1, longest_ngram=0))
    moved = np.linalg.norm(trained.vectors_of(["b", "c"]) - start.vectors_of(["b", "c"]), axis=1)
    assert (moved > 0.1).all()


def test_too_little_text_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"too small to train vectors on: 0 of its 8 words occur 5000 times or more"):
        train_vectors(topics(), Training(minimum_count=5000))
    train_vectors(topics(), SMALL)
    assert capsys.readouterr().err == ""


def test_what_goes_on_is_said() -> None:
    heard: list[str] = []
    train_vectors(topics(), Training(dimensions=4, longest_ngram=0), heard.append)
    assert heard == ["training vectors of 8 words: 30 passes over 2,400 words"]


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'cbow'"):
        Training("cbov")
    with pytest.raises(InputError, match=r"The option dimensions must be at least 1, not 0\."):
        Training(dimensions=0)
    with pytest.raises(InputError, match=r"epochs must be 0 .* or more, not -1\."):
        Training(epochs=-1)
    with pytest.raises(InputError, match=r"longest_ngram must be 0 .* or at least shortest_ngram, 3, not 2"):
        Training(longest_ngram=2)

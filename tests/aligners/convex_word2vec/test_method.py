from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.eval.segmenters import LongestMatch
from tests.strategies import table
from vocabx.aligners.constituents import Constituents
from vocabx.aligners.convex_word2vec.method import ConvexWord2Vec
from vocabx.core.alignment import Alignment, Origin
from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.initialization import Initialization
from vocabx.core.transfer import Materials, Parallel, Transfer

TOPICS, WORDS, DIMENSIONS = 4, 6, 16
SOURCE = [f"s{'abcd'[topic]}{'ghijkl'[word]}" for topic in range(TOPICS) for word in range(WORDS)]
TARGET = [f"t{word[1:]}" for word in SOURCE]
LETTERS = [bytes([byte]) for byte in b" abcdghijklst"]
SMALL = ConvexWord2Vec(candidates=40, rank=8, epochs=40, rate=0.3, batch=256, subsample=0.0, held_out=0.2, mixed=0.5)


def rows(seed: int = 0) -> NDArray[np.float32]:
    """Rows of the letters, then of the words: words of a topic are alike."""
    generator = np.random.default_rng(seed)
    topics = np.repeat(generator.standard_normal((TOPICS, DIMENSIONS)), WORDS, axis=0)
    words = topics + 0.3 * generator.standard_normal(topics.shape)
    letters = generator.standard_normal((len(LETTERS), DIMENSIONS))
    return (np.concatenate([letters, words]) + 2).astype(np.float32)


def lines_of(words: list[str], seed: int, lines: int = 900) -> str:
    generator = np.random.default_rng(seed)
    chosen = generator.integers(0, TOPICS, lines)[:, None] * WORDS + generator.integers(0, WORDS, (lines, 8))
    return "\n".join(" ".join(words[word] for word in line) for line in chosen)


@pytest.fixture
def transfer(tmp_path: Path) -> Transfer:
    """A base that knows words of four topics, and new tokens that are their translations."""
    (tmp_path / "source.txt").write_text(lines_of(SOURCE, 1))
    (tmp_path / "target.txt").write_text(lines_of(TARGET, 2))
    (tmp_path / "dictionary.txt").write_text("\n".join(map("\t".join, zip(SOURCE, TARGET, strict=True))))
    base = table([*LETTERS, *(f" {word}".encode() for word in SOURCE)])
    extended = table([*base.surfaces, *(f" {word}".encode() for word in TARGET)])
    return Transfer(
        source=LongestMatch(base, " "),
        target=LongestMatch(extended, " "),
        new_ids=np.arange(len(base), len(extended)),
        usable=np.ones(len(base), np.bool_),
        materials=Materials(
            corpus=Corpus.open([tmp_path / "target.txt"]),
            source_corpus=Corpus.open([tmp_path / "source.txt"]),
            dictionary=tmp_path / "dictionary.txt",
        ),
        input_rows=rows(),
    )


def learned(initialization: Initialization) -> Alignment:
    assert isinstance(initialization.input, Alignment)
    return initialization.input


def mass_on_topic(alignment: Alignment) -> float:
    """Return the mean weight on words of the new word's own topic."""
    words = alignment.weights.toarray()[:, len(LETTERS) :].reshape(-1, TOPICS, WORDS).sum(axis=2)
    return float(words[np.arange(len(words)), np.arange(len(words)) // WORDS].mean())


def test_a_synonym_in_mixed_text_is_made_of_words_of_its_topic(transfer: Transfer) -> None:
    mixed = mass_on_topic(learned(SMALL.initialize(transfer)))
    plain = mass_on_topic(learned(replace(SMALL, text="plain").initialize(transfer)))
    assert mixed > 0.8
    assert plain < mixed - 0.3


def test_rows_are_convex_and_say_what_they_rest_on(transfer: Transfer) -> None:
    result = SMALL.initialize(transfer)
    assert result.is_convex
    assert (learned(result).evidence > 0).all()
    assert (learned(result).origins == Origin.ALIGNED).all()


def test_without_an_epoch_rows_are_exactly_the_constituents(transfer: Transfer) -> None:
    found = learned(replace(SMALL, epochs=0).initialize(transfer))
    assert (found.weights.toarray() == Constituents().align(transfer).weights.toarray()).all()


def test_a_step_that_only_does_harm_is_taken_back(transfer: Transfer) -> None:
    wild = replace(SMALL, epochs=1, rate=1e4, text="plain", candidates=4, batch=1)
    said: list[str] = []
    small = replace(transfer, say=said.append)
    small = replace(small, materials=replace(small.materials, source_corpus=None, dictionary=None))
    found = learned(replace(wild, lines=20).initialize(small))
    start = Constituents().align(transfer)
    moved = bool((found.weights.toarray() != start.weights.toarray()).any())
    assert moved is not any("did not lower" in line for line in said)


def test_a_token_without_pairs_keeps_its_constituents_and_others_move(transfer: Transfer, tmp_path: Path) -> None:
    missing = TARGET[3]
    for name in ("target.txt", "dictionary.txt"):
        lines = (tmp_path / name).read_text().split("\n")
        (tmp_path / name).write_text("\n".join(line for line in lines if missing not in line))
    found, start = learned(SMALL.initialize(transfer)), Constituents().align(transfer)
    assert found.sources(3) == start.sources(3)
    assert found.sources(4) != start.sources(4)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(transfer: Transfer) -> None:
    short = replace(SMALL, epochs=3)
    first, again = (learned(short.initialize(transfer)).weights for _ in range(2))
    other = learned(short.initialize(replace(transfer, seed=1))).weights
    assert first.data.tobytes() == again.data.tobytes()
    assert first.indices.tobytes() == again.indices.tobytes()
    assert first.data.tobytes() != other.data.tobytes()


def test_a_tied_head_shares_the_weights_and_an_untied_one_has_its_own(transfer: Transfer) -> None:
    short = replace(SMALL, epochs=3)
    tied = short.initialize(transfer)
    assert tied.input is tied.head
    untied = short.initialize(replace(transfer, head_rows=rows(1)))
    assert isinstance(untied.head, Alignment)
    assert untied.bias is untied.head
    assert untied.is_convex
    assert abs(untied.head.weights - learned(untied).weights).max() > 0.01


def test_training_stops_when_the_held_out_loss_no_longer_falls(transfer: Transfer) -> None:
    said: list[str] = []
    replace(SMALL, epochs=400, rate=2.0).initialize(replace(transfer, say=said.append))
    epochs = [float(line.split()[-1]) for line in said if line.startswith("held-out loss after")]
    assert len(epochs) < 400
    assert min(epochs) == epochs[-3]


@pytest.mark.parametrize("method", [{"compare": "raw"}, {"compare": "scaled"}, {"loss": "paper"}])
def test_every_setting_gives_convex_rows(transfer: Transfer, method: dict[str, str]) -> None:
    assert replace(SMALL, epochs=2, **method).initialize(transfer).is_convex  # type: ignore[arg-type]


def test_translated_lines_are_enough(transfer: Transfer, tmp_path: Path) -> None:
    (tmp_path / "target.txt").write_text(lines_of(TARGET, 1))
    (tmp_path / "links.txt").write_text("\n".join([" ".join(f"{i}-{i}" for i in range(8))] * 900))
    parallel = Parallel(tmp_path / "source.txt", tmp_path / "target.txt", tmp_path / "links.txt")
    found = learned(SMALL.initialize(replace(transfer, materials=Materials(parallel=parallel))))
    assert mass_on_topic(found) > 0.8


def test_without_text_there_is_nothing_to_learn_from(transfer: Transfer) -> None:
    with pytest.raises(InputError, match="learns from text, and there is none"):
        SMALL.initialize(replace(transfer, materials=Materials()))


def test_without_rows_there_is_nothing_to_learn_from(transfer: Transfer) -> None:
    with pytest.raises(InputError, match="learns from the base's rows"):
        SMALL.initialize(replace(transfer, input_rows=None))


@pytest.mark.parametrize(
    ("text", "message"), [("parallel", "needs translated lines"), ("dictionary", "needs a dictionary and text")]
)
def test_what_the_text_needs_is_asked_for(transfer: Transfer, text: str, message: str) -> None:
    bare = replace(transfer, materials=Materials(corpus=transfer.materials.corpus))
    with pytest.raises(InputError, match=message):
        replace(SMALL, text=text).initialize(bare)


def test_a_dictionary_without_a_new_token_is_refused(transfer: Transfer, tmp_path: Path) -> None:
    (tmp_path / "dictionary.txt").write_text("cab\tdad\n")
    with pytest.raises(InputError, match=r"No pair of .*dictionary\.txt translates .* text=plain"):
        SMALL.initialize(transfer)
    assert learned(replace(SMALL, text="plain").initialize(transfer)).weights.nnz


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvexWord2Vec(text="mixd"), "no text called 'mixd'"),
        (lambda: ConvexWord2Vec(compare="fited"), "Did you mean 'fitted'"),
        (lambda: ConvexWord2Vec(loss="nce"), "no loss called 'nce'"),
    ],
)
def test_unknown_names_are_refused(make: Callable[[], ConvexWord2Vec], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        make()


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match=r"^The option candidates must be at least 1, not 0\.$"):
        ConvexWord2Vec(candidates=0)
    with pytest.raises(InputError, match=r"held_out and mixed must lie between 0 and 1, not at 1\.0"):
        ConvexWord2Vec(held_out=1.0)

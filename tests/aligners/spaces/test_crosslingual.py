from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.aligners.reference import FOLDER, reference_transfer
from tests.aligners.spaces.test_procrustes import drawn, turn
from tests.tokenizer_tools.toys import english, korean
from vocabx.aligners.spaces.crosslingual import AlignedWords, scripts_of
from vocabx.aligners.spaces.read_vectors import read_vectors
from vocabx.aligners.spaces.token_vectors import token_vectors
from vocabx.aligners.spaces.vectors_file import write_npz
from vocabx.aligners.spaces.word_vectors import WordVectors
from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.transfer import Transfer

SOURCE, TARGET, PAIRS = FOLDER / "source-words.bin", FOLDER / "target-words.bin", FOLDER / "dictionary.txt"


def transfer(**materials: Any) -> Transfer:
    made = reference_transfer("source", "target", **materials)
    return made.with_new_ids(np.flatnonzero((made.shared < 0) & made.target.tokens.is_text))


def saved(words: WordVectors, path: Path) -> Path:
    with path.open("wb") as file:
        write_npz(words, file)
    return path


def said(space: AlignedWords, **materials: Any) -> str:
    told: list[str] = []
    space.align_words(replace(transfer(**materials), say=told.append))
    return "\n".join(told)


def test_source_words_are_turned_and_target_words_left(tmp_path: Path) -> None:
    rows, true = drawn(80, 8), turn(8)
    left = saved(WordVectors(tuple(f"s{n}" for n in range(80)), rows), tmp_path / "source.npz")
    right = saved(WordVectors(tuple(f"한{n}" for n in range(80)), rows @ true), tmp_path / "target.npz")
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("".join(f"s{n}\t한{n}\n" for n in range(80)), encoding="utf-8")
    source, target, translation = AlignedWords().align_words(
        transfer(source_vectors=left, target_vectors=right, dictionary=pairs)
    )
    np.testing.assert_allclose(source.rows, rows @ true, atol=1e-4)
    np.testing.assert_array_equal(target.rows, rows @ true)
    assert translation is not None
    assert translation.first == 1


@pytest.mark.parametrize("how", ["compose", "incidence", "incidence-unweighted"])
def test_vectors_of_tokens_are_those_of_the_aligned_words(how: str) -> None:
    given = transfer(source_vectors=SOURCE, target_vectors=TARGET, dictionary=PAIRS)
    space = AlignedWords(how=how, measure=False)
    source, target, _ = space.align_words(given)
    made = space.vectors(given)
    np.testing.assert_array_equal(made.source, token_vectors(given.source, None, source, how))
    np.testing.assert_array_equal(made.new, token_vectors(given.target, given.new_ids, target, how))
    assert made.new.any(axis=1).mean() > 0.2


def test_one_file_for_both_languages_is_taken_as_it_is() -> None:
    source, target, _ = AlignedWords().align_words(transfer(source_vectors=TARGET, target_vectors=TARGET))
    assert source is target
    np.testing.assert_array_equal(source.rows, read_vectors(TARGET).rows)


def test_aligned_files_are_not_turned() -> None:
    source, _, _ = AlignedWords(aligned=True).align_words(transfer(source_vectors=SOURCE, target_vectors=TARGET))
    np.testing.assert_array_equal(source.rows, read_vectors(SOURCE).rows)


def test_without_a_dictionary_words_spelt_alike_are_the_pairs() -> None:
    told = said(AlignedWords(), source_vectors=SOURCE, target_vectors=TARGET)
    assert "there is no dictionary" in told
    alike = set(read_vectors(SOURCE).words) & set(read_vectors(TARGET).words)
    assert f"{len(alike):,} words that both languages spell alike" in told


def test_words_spelt_alike_can_be_added_to_those_of_the_dictionary() -> None:
    materials = {"source_vectors": SOURCE, "target_vectors": TARGET, "dictionary": PAIRS}
    numbers = [
        int(said(AlignedWords(identical=identical), **materials).partition(" pairs of vectors")[0].rpartition(" ")[2])
        for identical in (False, True)
    ]
    source, target = (set(read_vectors(path).words) for path in (SOURCE, TARGET))
    assert numbers[0] < numbers[1] <= numbers[0] + len(source & target)


def test_what_the_dictionary_gave_and_how_words_are_translated_is_told() -> None:
    told = said(AlignedWords(), source_vectors=SOURCE, target_vectors=TARGET, dictionary=PAIRS)
    assert "pairs of vectors align the words; of " in told
    assert "held-out words" not in said(
        AlignedWords(measure=False), source_vectors=SOURCE, target_vectors=TARGET, dictionary=PAIRS
    )


def test_vectors_of_other_dimensions_need_an_option(tmp_path: Path) -> None:
    words = read_vectors(TARGET)
    small = saved(WordVectors(words.words, words.rows[:, :8]), tmp_path / "small.npz")
    given = transfer(source_vectors=SOURCE, target_vectors=small, dictionary=PAIRS)
    with pytest.raises(
        InputError, match=r"source-words\.bin\) have 20 dimensions .*small\.npz\) 8\. .* --method-option reduce=yes\.$"
    ):
        AlignedWords().vectors(given)
    with pytest.raises(InputError, match=r"same dimension\.$"):
        AlignedWords(aligned=True).vectors(given)
    source, target, _ = AlignedWords(reduce=True).align_words(given)
    assert (source.dimensions, target.dimensions) == (8, 8)
    np.testing.assert_array_equal(target.rows, words.rows[:, :8])
    assert AlignedWords(reduce=True).vectors(given).new.any()


def test_vectors_are_trained_on_text_where_no_file_is_given(tmp_path: Path) -> None:
    corpora = {}
    for name, lines in (("source_corpus", english()), ("corpus", korean())):
        (tmp_path / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
        corpora[name] = Corpus.open([tmp_path / f"{name}.txt"])
    space = AlignedWords(dimensions=8, epochs=1, minimum_count=3)
    made = [space.vectors(transfer(**corpora, dictionary=PAIRS)) for _ in range(2)]
    assert made[0].source.tobytes() == made[1].source.tobytes()
    assert made[0].new.any(axis=1).mean() > 0.3


@pytest.mark.parametrize(
    ("materials", "message"),
    [
        ({}, "--source-vectors, or text to train them on with --source-corpus"),
        ({"source_vectors": SOURCE}, "--target-vectors, or text to train them on with --corpus"),
    ],
)
def test_missing_vectors_are_one_sentence_that_names_the_options(materials: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        AlignedWords().vectors(transfer(**materials))


def test_pairs_that_have_no_vectors_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("qqq\t쿠쿠쿠\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"None of the 1 pairs of .* has a vector on both sides"):
        AlignedWords().vectors(
            transfer(source_vectors=SOURCE, target_vectors=TARGET, dictionary=tmp_path / "other.txt")
        )
    apart = saved(WordVectors(("쿠쿠쿠",), drawn(1, 20)), tmp_path / "apart.npz")
    with pytest.raises(InputError, match=r"spell no word alike, .* --dictionary"):
        AlignedWords().vectors(transfer(source_vectors=SOURCE, target_vectors=apart))


def test_an_unknown_way_is_named_at_once() -> None:
    with pytest.raises(UnknownNameError, match="compose"):
        AlignedWords(how="composed")


def test_the_scripts_of_a_language_are_those_of_its_tokens() -> None:
    assert scripts_of(transfer().new) == ("Hangul", "Latin")

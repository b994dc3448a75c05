from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.tokenizer_tools.toys import (
    MORE_TOYS,
    TOYS,
    byte_level,
    cased_wordpiece,
    english,
    gemma_like,
    invented,
    korean,
    lossy_metaspace,
    t5_like,
)
from vocabx.tokenizer_tools.extend import extend_tokenizer
from vocabx.tokenizer_tools.extend.candidates import Candidates, Corpus, LearnedCandidates
from vocabx.tokenizer_tools.extend.options import ExtensionOptions
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.words import count_words

BASES = TOYS | MORE_TOYS


def corpus(base: FastSegmenter, scripts: tuple[str, ...] = (), **settings: Any) -> Corpus:
    words = count_words(base, [korean() if scripts else invented()], compose=True)
    options = ExtensionOptions(**({"size": 700, "minimum_frequency": 2} | settings))
    return Corpus(base, words, scripts, options)


def learn(base: FastSegmenter, count: int, scripts: tuple[str, ...] = (), **settings: Any) -> Candidates:
    return LearnedCandidates(corpus(base, scripts, **settings), lambda message: None)(count)


@pytest.mark.parametrize("base", BASES)
def test_the_closed_vocabulary_spells_every_frequent_character(base: str) -> None:
    source = BASES[base]()
    found = corpus(source, ("Hangul",))
    assert set(found.closed.tokens.pieces) == {*source.tokens.pieces, *found.characters}
    assert not set(found.characters) & set(source.tokens.pieces)
    unknown = source.roles.get("unk", -1)
    assert unknown not in found.encoded.ids.values
    assert len(found.encoded.words.words) == len(found.encoded.ids) == len(found.encoded.words.counts)
    texts = [found.closed.tokens.pieces[token] for token in found.encoded.ids[0]]
    assert "".join(texts).replace("##", "") == found.encoded.words.words[0].replace("##", "")


@pytest.mark.parametrize("base", BASES)
def test_more_candidates_come_until_there_are_no_more(base: str) -> None:
    few, many = (learn(BASES[base](), count, ("Hangul",)) for count in (50, 100_000))
    assert not few.is_exhausted
    assert many.is_exhausted
    assert len(few.loose) + len(few.merges) < len(many.loose) + len(many.merges)
    assert few.merges == many.merges[: len(few.merges)]


def test_merges_are_candidates_where_there_are_merges_and_pieces_elsewhere() -> None:
    assert learn(byte_level(), 50).loose == ()
    assert len(learn(byte_level(), 50).merges) == 50
    for base in (t5_like(), cased_wordpiece()):
        found = learn(base, 50)
        assert found.merges == ()
        assert 0 < len(found.loose) <= 50
        assert not set(found.loose) & set(base.tokens.pieces)


def test_characters_stand_among_merges_where_bytes_spell_them_and_before_them_elsewhere() -> None:
    spelt, lost = (learn(base, 100, ("Hangul",)) for base in (gemma_like(), lossy_metaspace()))
    assert spelt.order is not None
    assert set(spelt.loose) < set(spelt.order)
    assert spelt.order[: len(spelt.loose)] != spelt.loose
    assert lost.order is None
    assert len(lost.loose) > 300


@pytest.mark.parametrize("base", [t5_like, cased_wordpiece])
def test_characters_that_would_be_lost_are_ranked_first(base: Callable[[], FastSegmenter]) -> None:
    found = corpus(base(), ("Hangul",))
    ranked = LearnedCandidates(found, lambda message: None)(200).loose
    assert set(ranked[: len(found.characters)]) == set(found.characters)


def test_what_a_filter_takes_is_told_and_not_offered() -> None:
    found = learn(t5_like(), 300, exclude="mba")
    assert found.filtered.counts["matches mba"] > 0
    assert not any("mba" in piece for piece in found.loose)
    merged = learn(byte_level(), 300, exclude="mba")
    assert merged.filtered.counts["matches mba"] == sum("mba" in piece for piece in merged.filtered.pieces)
    base, options = byte_level(), ExtensionOptions(size=50, minimum_frequency=2, exclude="mba")
    result = extend_tokenizer(base, [invented()], english(), options)
    assert not any(b"mba" in surface for surface in result.new_tokens.surfaces)
    assert result.filtered["matches mba"] > 0

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.tokenizer_tools.toys import TOYS, english, invented, korean, unigram, wordpiece
from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.extend import extend_tokenizer
from vocabx.tokenizer_tools.extend.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.extend.growth import Growth, learn_growth, size_grid
from vocabx.tokenizer_tools.extend.options import ExtensionOptions
from vocabx.tokenizer_tools.extend.size_curve import SizeCurve, TextCurve, measure_sizes
from vocabx.tokenizer_tools.surfaces import Family

LINES = {"Korean": korean()[:150], "invented": invented(150)}
FREQUENCY = {"Korean": 8, "invented": 20}
"""So high that each corpus is exhausted even by a small extension: then all start from the same candidates."""
CASES = [(base, language) for base in TOYS for language in LINES]


def options(language: str, size: int) -> ExtensionOptions:
    # A limit of 1 lets every token change source text, so the guard drops nothing.
    return ExtensionOptions(size=size, minimum_frequency=FREQUENCY[language], source_change_limit=1)


@cache
def growth(base: str, language: str, size: int = 10_000) -> Growth:
    return learn_growth(TOYS[base](), [LINES[language]], english(), options(language, size))


@cache
def curve(base: str, language: str) -> SizeCurve:
    texts = {"learned": [LINES[language][:70], LINES[language][70:]], "English": [english()]}
    return measure_sizes(growth(base, language), texts)


@cache
def extensions(base: str, language: str) -> list[ExtendedTokenizer]:
    """Extend to every third size, and leave out those that drop tokens, for they put others in their place."""
    sizes = [size for size in curve(base, language).sizes[1::3] if size < growth(base, language).largest]
    made = [extend_tokenizer(TOYS[base](), [LINES[language]], english(), options(language, size)) for size in sizes]
    return [one for one in made if not one.dropped]


@pytest.mark.parametrize(("base", "language"), CASES)
def test_each_size_has_the_tokens_of_an_extension_of_that_size(base: str, language: str) -> None:
    for one in extensions(base, language):
        assert set(growth(base, language).selection(len(one.new_ids)).pieces) == set(one.selection.pieces)
    assert extensions(base, language)


@pytest.mark.parametrize(("base", "language"), CASES)
def test_each_size_takes_the_tokens_of_an_extension_of_that_size(base: str, language: str) -> None:
    found, lines = curve(base, language), LINES[language]
    for one in extensions(base, language):
        tokens = found.texts["learned"].tokens[found.sizes.index(len(one.new_ids))]
        if one.source.family is Family.METASPACE:  # its lines are whole words to the model
            assert tokens == one.corpus_tokens[1]
        else:
            assert tokens == sum(map(len, one.segmenter.encode(lines)))
    assert extensions(base, language)


@pytest.mark.parametrize(("base", "language"), CASES)
def test_the_base_comes_first_and_the_curve_falls(base: str, language: str) -> None:
    found = curve(base, language)
    text = found.texts["learned"]
    assert found.sizes[0] == 0
    assert list(found.sizes) == sorted(set(found.sizes))
    assert found.sizes[-1] == growth(base, language).largest
    if TOYS[base]().family is not Family.METASPACE:
        assert text.tokens[0] == sum(map(len, TOYS[base]().encode(LINES[language])))
    assert (np.diff(text.tokens[1:]) <= 0).all()
    assert text.tokens[1] < text.tokens[0] or text.loses_text
    assert text.tokens[-1] < text.tokens[1]


def test_a_text_is_counted_as_it_is_composed() -> None:
    found = measure_sizes(growth("byte-level", "Korean"), {"a": [["a\u0301 b", "갸"], ["c"]]}).texts["a"]
    assert isinstance(found, TextCurve)
    assert (found.lines, found.characters, found.bytes, found.words) == (3, 5, 8, 4)


def test_unknown_tokens_are_counted_and_a_loss_is_known() -> None:
    text = curve("WordPiece", "Korean").texts["learned"]
    unknown = wordpiece().roles["unk"]
    assert text.unknown[0] == sum(ids.count(unknown) for ids in wordpiece().encode(LINES["Korean"])) > 0
    assert text.loses_text
    assert not curve("WordPiece", "Korean").texts["English"].loses_text


@pytest.mark.parametrize("base", TOYS)
def test_tokens_of_a_new_script_leave_source_text_alone_at_every_size(base: str) -> None:
    found = curve(base, "Korean")
    assert growth(base, "Korean").is_foreign
    assert len(set(found.texts["English"].tokens.tolist())) == 1
    assert growth(base, "Korean").guard(found.sizes[-1]).changed_lines == 0


@pytest.mark.parametrize("base", TOYS)
def test_the_guard_counts_the_source_lines_that_change(base: str) -> None:
    learned = learn_growth(
        TOYS[base](), [LINES["invented"]], english(), ExtensionOptions(size=300, minimum_frequency=5)
    )
    size = learned.largest // 2
    guarded = learned.guard(size)
    after = learned.corpus.appender(learned.selection(size)).encode(english())
    changed = sum(a != b for a, b in zip(learned.source.encode(english()), after, strict=True))
    assert not learned.is_foreign
    assert (guarded.size, guarded.sample_lines, guarded.limit) == (size, len(english()), 0.005)
    assert guarded.changed_lines == changed
    assert guarded.kept_changed_lines <= 0.005 * len(english())
    assert (guarded.dropped_roots > 0) == (guarded.kept_changed_lines < changed)
    assert (guarded.kept_gain < 1) == (guarded.dropped_roots > 0)


@example(141, 8883)
@example(142, 8958)
@given(st.integers(1, 5000), st.integers(0, 200_000))
def test_a_grid_rises_to_its_end_in_steps_of_about_half_a_doubling(smallest: int, more: int) -> None:
    largest = smallest + more
    sizes = size_grid(smallest, largest)
    assert list(sizes) == sorted(set(sizes))
    assert (sizes[0] >= smallest) & (sizes[-1] == largest)
    assert sizes[0] <= max(smallest, math.ceil(largest / 60))
    assert all(b / a < 1.6 for a, b in pairwise(sizes) if a > 10)


@pytest.mark.parametrize("base", ["Unigram", "WordPiece"])
def test_where_characters_would_be_lost_no_size_is_without_the_alphabet(base: str) -> None:
    found = curve(base, "Korean")
    alphabet = growth(base, "Korean").corpus.characters
    assert found.sizes[1] >= len(alphabet) > 0
    assert set(alphabet) <= set(growth(base, "Korean").selection(found.sizes[1]).pieces)


def test_an_alphabet_larger_than_the_largest_size_is_refused() -> None:
    with pytest.raises(TokenizerError, match=r"The alphabet alone takes \d+ new tokens, .*; 3 were asked for"):
        learn_growth(wordpiece(), [korean()], english(), ExtensionOptions(size=3))


def test_text_that_gives_no_token_is_refused() -> None:
    with pytest.raises(TokenizerError, match=r"gives no new token\. Add text, or lower the minimum frequency \(now 5"):
        learn_growth(TOYS["byte-level"](), [["the the the"]], english(), ExtensionOptions(size=100))
    with pytest.raises(TokenizerError, match="Nothing is left of the corpus"):
        learn_growth(unigram(), [[""]], english(), ExtensionOptions(size=100))

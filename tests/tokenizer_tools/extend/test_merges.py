from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tokenizer_tools.toys import byte_level, english, invented, korean, llama3_like, of_merges
from vocabx.core.arrays import Ragged
from vocabx.core.errors import TokenizerError
from vocabx.core.tokens import TokenTable
from vocabx.tokenizer_tools.extend.merges import LearnedMerges, Merge, _scalars, learn_merges
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.words import CountedWords, EncodedWords, count_words, encode_words

Parts = list[list[tuple[int, ...]]]


def cut(encoded: EncodedWords, only_new: bool) -> list[tuple[list[tuple[int, ...]], int]]:
    """Cut words between two tokens neither of which is new; every token is a tuple of source ids."""
    parts = []
    flags = Ragged(encoded.is_new.astype(np.int64), encoded.ids.starts)
    for row, count in enumerate(encoded.words.counts.tolist()):
        part: list[tuple[int, ...]] = []
        before = True
        for token, flag in zip(encoded.ids[row].tolist(), flags[row].tolist(), strict=True):
            if only_new and part and not flag and not before:
                parts.append((part, count))
                part = []
            part.append((token,))
            before = bool(flag)
        parts.append((part, count))
    return parts


def count_pairs(parts: Iterable[tuple[Sequence[tuple[int, ...]], int]]) -> Counter[tuple[tuple[int, ...], ...]]:
    counts: Counter[tuple[tuple[int, ...], ...]] = Counter()
    for part, count in parts:
        for pair in pairwise(part):
            counts[pair] += count
    return counts


def apply(part: list[tuple[int, ...]], pair: tuple[tuple[int, ...], ...]) -> list[tuple[int, ...]]:
    merged: list[tuple[int, ...]] = []
    place = 0
    while place < len(part):
        if tuple(part[place : place + 2]) == pair:
            merged.append(pair[0] + pair[1])
            place += 2
        else:
            merged.append(part[place])
            place += 1
    return merged


def check_continues(
    source: TokenTable, encoded: EncodedWords, learned: LearnedMerges, only_new: bool, least: int
) -> None:
    """Replay the merges: each must be a most frequent pair of its moment, and the next one too rare at the end."""
    parts = cut(encoded, only_new)
    spelling: dict[tuple[int, ...], str] = {(token,): source.pieces[token] for token in range(len(source))}
    for merge in learned.merges:
        counts = count_pairs(parts)
        best = max(counts.values())
        assert best >= least
        # Ties are free, and so is the way to spell a piece of several ids.
        equal = [
            p for p in counts if counts[p] == best and (spelling[p[0]], spelling[p[1]]) == (merge.left, merge.right)
        ]
        assert equal, (merge, best)
        spelling[equal[0][0] + equal[0][1]] = merge.result
        parts = [(apply(part, equal[0]), count) for part, count in parts]
    if learned.is_exhausted:
        assert max(count_pairs(parts).values(), default=0) < least


def encode(segmenter: FastSegmenter, lines: Sequence[str], scripts: Sequence[str]) -> EncodedWords:
    return encode_words(segmenter, count_words(segmenter, [lines], compose=True), scripts)


@pytest.mark.parametrize(
    ("segmenter", "lines", "scripts"),
    [
        (byte_level(), korean()[:60], ["Hangul"]),
        (byte_level(), korean()[:60], []),
        (llama3_like(), (*korean()[60:100], *english()[:20]), ["Hangul"]),
        (llama3_like(), invented()[:80], []),
    ],
    ids=["Hangul only", "anything", "Hangul beside English", "invented"],
)
def test_every_merge_is_the_one_that_slow_continued_bpe_makes(
    segmenter: FastSegmenter, lines: Sequence[str], scripts: list[str]
) -> None:
    encoded = encode(segmenter, lines, scripts)
    learned = learn_merges(segmenter.tokens, encoded, size=150, minimum_frequency=2, only_new=bool(scripts))
    assert len(learned.merges) >= 150
    check_continues(segmenter.tokens, encoded, learned, bool(scripts), 2)


@settings(max_examples=50)
@given(
    words=st.dictionaries(
        st.text(alphabet="ab한국", min_size=1, max_size=6), st.integers(1, 9), min_size=1, max_size=6
    ),
    only_new=st.booleans(),
    least=st.integers(1, 4),
)
def test_small_texts_are_learned_to_the_end(words: dict[str, int], only_new: bool, least: int) -> None:
    segmenter = of_merges(("í", "ķ"))
    encoded = encode(segmenter, [word for word, count in words.items() for _ in range(count)], ["Hangul"])
    try:
        learned = learn_merges(segmenter.tokens, encoded, size=200, minimum_frequency=least, only_new=only_new)
    except TokenizerError:
        assert not count_pairs(cut(encoded, only_new))
    else:
        assert learned.is_exhausted
        assert len(set(learned.merges)) == len(learned.merges)
        check_continues(segmenter.tokens, encoded, learned, only_new, least)


def test_merges_are_made_of_source_pieces_and_earlier_results() -> None:
    encoded = encode(byte_level(), korean()[:100], ["Hangul"])
    learned = learn_merges(byte_level().tokens, encoded, size=400, minimum_frequency=2, only_new=True)
    known = set(byte_level().tokens.pieces)
    for merge in learned.merges:
        assert {merge.left, merge.right} <= known
        known.add(merge.result)


def test_pairs_seen_less_often_than_asked_are_not_merged() -> None:
    encoded = encode(of_merges(), ["xy"] * 3 + ["zw"] * 2, [])
    learned = learn_merges(of_merges().tokens, encoded, size=9, minimum_frequency=3, only_new=False)
    assert learned == LearnedMerges((Merge("x", "y"),), is_exhausted=True)
    learned = learn_merges(of_merges().tokens, encoded, size=1, minimum_frequency=1, only_new=False)
    assert learned == LearnedMerges((Merge("x", "y"),), is_exhausted=False)


@pytest.mark.parametrize("count", [4095, 4096, 4097, 8192])
def test_words_are_repeated_as_often_as_they_were_counted(count: int) -> None:
    encoded = encode(of_merges(), ["xy"] * count, [])
    for least, merges in ((count, (Merge("x", "y"),)), (count + 1, ())):
        learned = learn_merges(of_merges().tokens, encoded, size=9, minimum_frequency=least, only_new=False)
        assert learned.merges == merges


def test_a_word_counted_a_million_times_is_a_word() -> None:
    encoded = encode(of_merges(), ["xyz", "yz"], [])
    often = CountedWords(encoded.words.words, np.array([1_000_003, 5]), 2, 5)
    learned = learn_merges(
        of_merges().tokens,
        EncodedWords(often, encoded.ids, encoded.is_new, encoded.begins_run),
        size=9,
        minimum_frequency=6,
        only_new=False,
    )
    assert [merge.result for merge in learned.merges] in (["yz", "xyz"],)


@pytest.mark.parametrize("lines", [[], ["plain English"], ["a 한"]])
def test_a_corpus_with_nothing_to_merge_is_an_error(lines: list[str]) -> None:
    segmenter = of_merges(("í", "ķ"), ("íķ", "ľ"), ("Ġ", "íķľ"))
    with pytest.raises(TokenizerError, match="The corpus has nothing to learn from: no word of the wanted scripts"):
        learn_merges(segmenter.tokens, encode(segmenter, lines, ["Hangul"]), size=9, minimum_frequency=1, only_new=True)


def test_more_ids_than_the_first_plane_has_characters_are_told_apart() -> None:
    size = 63_000 + 3_000
    pieces = tuple(f"<{token}>" for token in range(size))
    table = TokenTable(pieces, tuple(map(str.encode, pieces)), np.zeros(size, np.int8), np.zeros(size, np.bool_))
    ids = Ragged(np.arange(size), np.arange(0, size + 1, 2))
    counts = np.ones(size // 2, np.int64)
    counts[[0, -1]] = [9, 8]
    words = CountedWords(tuple(map(str, range(size // 2))), counts, 1, 1)
    encoded = EncodedWords(words, ids, np.ones(size, np.bool_), np.zeros(size, np.bool_))
    learned = learn_merges(table, encoded, size=size // 2 + 9, minimum_frequency=1, only_new=True)
    assert learned.merges[:2] == (Merge("<0>", "<1>"), Merge(f"<{size - 2}>", f"<{size - 1}>"))
    assert {(m.left, m.right) for m in learned.merges} == {(pieces[i], pieces[i + 1]) for i in range(0, size, 2)}


def test_scalar_values_are_characters_that_no_splitter_cuts_at() -> None:
    codes = _scalars(1_000_000)
    assert len(np.unique(codes)) == 1_000_000
    assert codes.max() <= 0x10FFFF
    text = "".join(map(chr, codes))
    assert text.encode().decode() == text
    assert text.split() == [text]
    assert text.isprintable() or not any(character.isspace() for character in text)


SCRIPT = """
from tests.tokenizer_tools.toys import byte_level, korean
from tests.tokenizer_tools.extend.test_merges import encode
from vocabx.tokenizer_tools.extend.merges import learn_merges
encoded = encode(byte_level(), korean()[:150], ["Hangul"])
learned = learn_merges(byte_level().tokens, encoded, size=500, minimum_frequency=2, only_new=True)
print(ascii(learned))
"""


def test_two_processes_learn_the_same() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert runs[0].count(b"Merge(") >= 500

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizer_tools.toys import cased_wordpiece, invented, t5_like
from vocabx.core.arrays import Ints
from vocabx.tokenizer_tools.extend.append import Appender
from vocabx.tokenizer_tools.extend.guard import count_uses
from vocabx.tokenizer_tools.extend.merges import Merge
from vocabx.tokenizer_tools.extend.ranking import SHRINK, _shortest_split, order_by_formation, rank_by_use
from vocabx.tokenizer_tools.extend.selection import Selection
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import CONTINUATION, Family
from vocabx.tokenizer_tools.words import CountedWords, count_words

BASES = [t5_like, cased_wordpiece]


@cache
def words(base: Callable[[], FastSegmenter]) -> CountedWords:
    return count_words(base(), [invented()], compose=True)


def candidates(base: Callable[[], FastSegmenter]) -> list[str]:
    """Take pieces of words as they come."""
    found: dict[str, None] = {}
    for word in words(base).words[:60]:
        for start in range(0, len(word) - 2, 2):
            prefix = CONTINUATION if base().family is Family.WORDPIECE and start else ""
            found |= dict.fromkeys([prefix + word[start : start + 4], prefix + word[start:]])
    return [piece for piece in found if piece not in base().tokens.pieces][:150]


def builder(
    base: Callable[[], FastSegmenter], built: list[int]
) -> Callable[[Sequence[str]], tuple[FastSegmenter, Ints]]:
    appender = Appender(base())

    def build(pieces: Sequence[str]) -> tuple[FastSegmenter, Ints]:
        built.append(len(pieces))
        return appender(Selection(tuple(pieces))), appender.ids(Selection(tuple(pieces)))

    return build


def rank(base: Callable[[], FastSegmenter], size: int, **settings: Sequence[str]) -> tuple[tuple[str, ...], list[int]]:
    built: list[int] = []
    vocabulary = frozenset(base().tokens.pieces)
    ranked = rank_by_use(
        builder(base, built), words(base), candidates(base), vocabulary, size=size, family=base().family, **settings
    )
    return ranked, built


@pytest.mark.parametrize("base", BASES)
def test_every_candidate_is_ranked_once(base: Callable[[], FastSegmenter]) -> None:
    for size in (1, 20, 10_000):
        assert sorted(rank(base, size)[0]) == sorted(candidates(base))


@pytest.mark.parametrize("base", BASES)
def test_segmenting_only_what_changed_ranks_like_segmenting_everything(base: Callable[[], FastSegmenter]) -> None:
    build, pool = builder(base, []), candidates(base)
    vocabulary = set(base().tokens.pieces)
    dropped: list[str] = []
    while True:
        extended, ids = build(pool)
        uses = count_uses(extended.encode_words(words(base).words), words(base).counts, ids)
        costs = np.array([_shortest_split(piece, vocabulary | set(pool), base().family) for piece in pool])
        order = np.argsort(-(uses * np.maximum(costs - 1, 1)), kind="stable")
        stay = max(20, int(len(pool) * SHRINK)) if len(pool) > 20 else len(pool)
        dropped = [pool[i] for i in order[stay:]] + dropped
        if stay == len(pool):
            break
        pool = [pool[i] for i in np.sort(order[:stay])]
    assert rank(base, 20)[0] == (*(pool[i] for i in order), *dropped)


@pytest.mark.parametrize("base", BASES)
def test_a_fifth_is_dropped_each_time(base: Callable[[], FastSegmenter]) -> None:
    built = rank(base, 40)[1]
    assert built[-1] == 40
    assert all(after == max(40, int(before * SHRINK)) for before, after in pairwise(built))


@pytest.mark.parametrize("base", BASES)
def test_what_is_required_comes_first(base: Callable[[], FastSegmenter]) -> None:
    required = rank(base, 20)[0][-5:]
    assert set(rank(base, 20, required=required)[0][:5]) == set(required)


def test_what_is_never_used_comes_last() -> None:
    built: list[int] = []
    ranked = rank_by_use(
        builder(t5_like, built), words(t5_like), ["zzq", *candidates(t5_like)], frozenset(t5_like().tokens.pieces),
        size=10, family=Family.UNIGRAM,
    )  # fmt: skip
    assert "zzq" in ranked[10:]


def brute_force(piece: str, vocabulary: set[str], continues: bool) -> int:
    """Try every split."""
    text, prefix = (piece.removeprefix("##"), "##" if piece.startswith("##") else "") if continues else (piece, "")
    best = len(text)
    for mask in range(1 << (len(text) - 1)):
        cuts = [0, *(i + 1 for i in range(len(text) - 1) if mask >> i & 1), len(text)]
        parts = [("##" if continues and a else prefix) + text[a:b] for a, b in pairwise(cuts)]
        if all(part in vocabulary and part != piece for part in parts):
            best = min(best, len(parts))
    return best


pieces = st.text("ab", min_size=1, max_size=5)


@given(pieces, st.sets(pieces), st.sets(pieces), st.sampled_from(["", "##"]))
def test_the_shortest_split_is_the_shortest(text: str, starts: set[str], inside: set[str], prefix: str) -> None:
    vocabulary = starts | {"##" + piece for piece in inside}
    assert _shortest_split(text, vocabulary, Family.UNIGRAM) == brute_force(text, vocabulary, False)
    assert _shortest_split(prefix + text, vocabulary, Family.WORDPIECE) == brute_force(prefix + text, vocabulary, True)


def test_a_piece_is_formed_as_often_as_all_that_is_made_of_it() -> None:
    merges = (Merge("x", "가"), Merge("x가", "y"), Merge("x가", "z"), Merge("p", "q"))
    parts = {merge.result: merge for merge in merges}
    selection = Selection(("가", "x가", "x가y", "x가z", "pq"), merges, parts)
    uses = np.array([1, 2, 3, 4, 9.5])
    # The character saves two of its three bytes each of ten times; "x가" is formed nine times.
    assert order_by_formation(["가"], merges, uses, selection) == ("가", "pq", "x가", "x가z", "x가y")


def test_of_pieces_that_save_as_much_the_first_one_comes_first() -> None:
    merges = (Merge("a", "b"), Merge("c", "d"), Merge("e", "f"))
    selection = Selection(("ab", "cd", "ef"), merges, {merge.result: merge for merge in merges})
    assert order_by_formation([], merges, np.array([1.0, 2.0, 1.0]), selection) == ("cd", "ab", "ef")
    assert order_by_formation([], (*merges, Merge("g", "h")), np.zeros(3), selection) == ("ab", "cd", "ef")

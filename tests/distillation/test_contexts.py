from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizer_tools.toys import byte_level, korean
from vocabx.core.arrays import Bools, Ragged
from vocabx.distillation.contexts import Contexts, ContextSampler, cut_snippets
from vocabx.distillation.pieces import OldPieces

LETTERS = byte_level()
"""A toy whose ids above 300 play the new tokens: each stands for three pieces."""


def pieces() -> OldPieces:
    rows = [[token] if token < 300 else [1, 2, 3] for token in range(len(LETTERS.tokens))]
    return OldPieces(Ragged.from_rows(rows), np.arange(len(rows)) >= 300)


def wanted() -> Bools:
    return np.arange(len(LETTERS.tokens)) >= 300


def sample(lines: list[str], most: int = 3, seed: int = 0, batch: int = 7, size: int = 20) -> Contexts:
    sampler = ContextSampler(LETTERS, pieces(), wanted(), most, size, seed)
    return sampler.add_all(lines[start : start + batch] for start in range(0, len(lines), batch)).contexts()


@given(st.lists(st.lists(st.integers(0, 3), max_size=12), max_size=6), st.integers(1, 9))
def test_lines_are_cut_as_a_plain_loop_cuts_them(lines: list[list[int]], size: int) -> None:
    old = OldPieces(Ragged.from_rows([[0], [0, 0], [0, 0, 0], []]), np.array([False, True, True, True]))
    expected = []
    for line in lines:
        parts: dict[int, list[int]] = {}
        end, last = 0, 0
        for token in line:
            end += len(old.rows[token])
            window = (end - 1) // size if len(old.rows[token]) else -1
            if parts and window != last:
                expected.append(parts.popitem()[1])
            parts.setdefault(0, []).append(token)
            last = window
        expected += parts.values()
    cut = cut_snippets(Ragged.from_rows(lines), old, size)
    assert [cut[row].tolist() for row in range(len(cut))] == [part for part in expected if 3 not in part]


def test_each_token_has_as_many_contexts_as_asked_for_or_all_that_there_are() -> None:
    lines = list(korean()[:100])
    cut = cut_snippets(LETTERS.segment_lines(lines).ids, pieces(), 20)
    available = Counter(token for row in range(len(cut)) for token in set(cut[row].tolist()) if token >= 300)
    counts = sample(lines).counts(len(LETTERS.tokens))
    assert {token: min(count, 3) for token, count in available.items()} == {
        token: count for token, count in enumerate(counts.tolist()) if count
    }


def test_the_draw_is_fixed_by_the_seed_and_not_by_how_lines_come() -> None:
    lines = list(korean()[:60])
    one, same, other = sample(lines), sample(lines, batch=60), sample(lines, seed=1)
    assert one.snippets.values.tolist() == same.snippets.values.tolist()
    assert (one.drawn == same.drawn).all()
    assert one.snippets.values.tolist() != other.snippets.values.tolist()


def test_every_context_of_a_token_is_as_likely_as_any_other() -> None:
    lines = [f"{number} {korean()[0][:12]}" for number in range(8)]
    token = int(sample(lines, 100, size=1000).tokens()[0])
    seen = Counter[str]()
    for seed in range(400):
        drawn = sample(lines, 2, seed, size=1000)
        for row in range(len(drawn)):
            span = slice(*drawn.snippets.starts[row : row + 2])
            if token in drawn.snippets.values[span][drawn.drawn[span]]:
                seen[str(drawn.snippets[row].tolist())] += 1
    assert sum(seen.values()) == 800
    assert len(seen) == 8
    assert max(abs(count - 100) for count in seen.values()) < 45  # five standard deviations


def test_snippets_that_serve_no_token_are_not_held() -> None:
    drawn = sample(list(korean()[:100]), 1)
    assert all(drawn.drawn[slice(*drawn.snippets.starts[row : row + 2])].any() for row in range(len(drawn)))
    assert sample(["the cat"] * 3).tokens().tolist() == sorted(
        {token for token in LETTERS.encode(["the cat"])[0] if token >= 300}
    )


def test_fewer_snippets_are_the_first_of_more_and_serve_the_frequent_tokens_before_the_rare() -> None:
    sampler = ContextSampler(LETTERS, pieces(), wanted(), 3, 20)
    sampler.add(list(korean()[:100]))
    every, some = sampler.contexts(), sampler.contexts(10)
    assert len(some) == 10 < len(every)
    assert [some.snippets[row].tolist() for row in range(10)] == [every.snippets[row].tolist() for row in range(10)]
    assert some.drawn.tolist() == every.drawn[: len(some.drawn)].tolist()
    assert (some.counts(len(LETTERS.tokens)) <= every.counts(len(LETTERS.tokens))).all()


def test_no_lines_give_no_contexts() -> None:
    empty = ContextSampler(LETTERS, pieces(), wanted(), 3, 20).contexts()
    assert len(empty) == 0
    assert not len(empty.tokens())

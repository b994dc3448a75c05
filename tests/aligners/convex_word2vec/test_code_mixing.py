from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vocabx.aligners.convex_word2vec.code_mixing import mix_linked, mix_words, translations

KNOWN = translations([("함수", "function"), ("파일", "file")])


def linked(source: str, target: str, links: list[tuple[int, int]]) -> SimpleNamespace:
    return SimpleNamespace(
        source_lines=[source],
        target_lines=[target],
        source_words=[source.split()],
        target_words=[target.split()],
        links=[np.array(links, np.int64).reshape(-1, 2)],
    )


def mix(line: str, share: float = 1.0, endings: bool = True) -> list[str]:
    return list(mix_words([line], str.split, KNOWN, share, np.random.default_rng(0), endings=endings))


def test_known_words_are_replaced_and_what_stands_between_words_stays() -> None:
    assert mix("이  함수 \t파일 !") == ["이  function \tfile !"]


def test_a_short_ending_stays_behind_the_translation() -> None:
    assert mix("함수를 부른다") == ["function를 부른다"]
    assert mix("함수를 부른다", endings=False) == []


def test_a_line_without_known_words_is_left_out() -> None:
    assert mix("그리고 또") == []


def test_a_share_of_zero_changes_nothing() -> None:
    assert mix("함수 파일", share=0.0) == ["함수 파일"]


def test_capitals_are_known_too() -> None:
    known = translations([("Dog", "개")])
    assert list(mix_words(["DOG"], str.split, known, 1.0, np.random.default_rng(0))) == ["개"]


def test_linked_words_are_exchanged_in_both_lines() -> None:
    text = linked("a b", "A B", [(0, 0), (1, 1)])
    found = {line for seed in range(20) for line in mix_linked(text, 1.0, np.random.default_rng(seed))}
    assert found == {"a b", "A B"}
    assert next(mix_linked(text, 1.0, np.random.default_rng(0))) == "a b"


def test_a_span_whose_links_lead_out_of_it_is_left() -> None:
    text = linked("a b c d", "A B", [(0, 0), (3, 0), (1, 1), (2, 1)])
    for seed in range(20):
        target, source = mix_linked(text, 1.0, np.random.default_rng(seed))
        assert target in ("A b c",)
        assert source in ("a B d", "a b c d")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), unique=True), st.integers(0, 2**32 - 1))
def test_what_is_put_in_is_linked_with_what_is_taken_out(links: list[tuple[int, int]], seed: int) -> None:
    text = linked("a b c d e f", "A B C D E", sorted(links))
    target, source = mix_linked(text, 0.5, np.random.default_rng(seed))
    for mixed, own, other in ((target, "ABCDE", "abcdef"), (source, "abcdef", "ABCDE")):
        words = mixed.split()
        kept = [word for word in words if word in own]
        assert kept == sorted(kept)
        gone = set(own) - set(kept)
        pairs = {("abcdef"[i], "ABCDE"[j]) for i, j in links}
        for word in words:
            if word in other:
                assert all(partner in gone for pair in pairs if word in pair for partner in pair if partner != word)

from __future__ import annotations

import math
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from tests.eval.segmenters import LongestMatch, WordPiece
from tests.strategies import byte_level_tables, table, texts
from vocabx.core.tokens import TokenKind, TokenTable
from vocabx.eval.fertility import Fertility, measure_fertility

BYTE_LEVEL = table(
    [*(bytes([byte]) for byte in range(256)), "한".encode(), " 한".encode(), "국".encode()[:2]],
    [*[TokenKind.BYTE] * 256, *[TokenKind.NORMAL] * 3],
)


def test_counts_are_those_of_the_text_and_its_tokens() -> None:
    fertility = measure_fertility(LongestMatch(BYTE_LEVEL), [["한 한국 a"]])
    assert fertility == Fertility(
        lines=1,
        characters=6,
        bytes=12,
        words=3,
        normalized_words=3,
        tokens=6,  # 한 · ␣한 · 2 bytes of 국 · its third · ␣ · a
        single_token_words=1,
        byte_tokens=3,
        partial_tokens=2,
        unknown_tokens=0,
    )


def test_ratios_are_made_of_the_counts() -> None:
    fertility = measure_fertility(LongestMatch(BYTE_LEVEL), [["한 한국 a"]])
    assert fertility.tokens_per_character == 1
    assert fertility.tokens_per_byte == 1 / 2
    assert fertility.tokens_per_word == 2
    assert fertility.bytes_per_token == 2
    assert fertility.single_token_word_share == 1 / 3
    assert fertility.byte_fallback_share == 1 / 3
    assert fertility.unknown_share == 0


def test_an_unknown_token_is_counted_once_and_is_no_byte_fallback() -> None:
    tokens = table([b"a", b" "], unknown=True)
    fertility = measure_fertility(LongestMatch(tokens), [["a 한"]])
    assert (fertility.tokens, fertility.unknown_tokens, fertility.partial_tokens) == (3, 1, 0)


def test_words_before_and_after_the_normaliser_are_told_apart() -> None:
    tokens = table([b"a"], word_initial=[True], unknown=True)

    class Spaced(WordPiece):
        def segment_lines(self, lines):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return super().segment_lines([" ".join(line) for line in lines])

    fertility = measure_fertility(Spaced(tokens), [["aa"]])
    assert (fertility.words, fertility.normalized_words, fertility.single_token_word_share) == (1, 2, 1)


def test_ratios_of_nothing_are_not_a_number() -> None:
    nothing = measure_fertility(LongestMatch(BYTE_LEVEL), [])
    assert nothing == Fertility()
    assert math.isnan(nothing.tokens_per_word)
    assert math.isnan(nothing.bytes_per_token)


def test_lines_without_a_token_are_counted() -> None:
    assert measure_fertility(LongestMatch(BYTE_LEVEL), [["", ""], ["", "a"]]).lines == 4


@given(tokens=byte_level_tables(), lines=st.lists(texts, max_size=6), size=st.integers(1, 6))
def test_the_size_of_a_batch_changes_nothing(tokens: TokenTable, lines: list[str], size: int) -> None:
    batches = [lines[start : start + size] for start in range(0, len(lines), size)]
    assert measure_fertility(LongestMatch(tokens), batches) == measure_fertility(LongestMatch(tokens), [lines])


def test_one_batch_is_held_at_a_time() -> None:
    taken: list[int] = []

    class Watched(LongestMatch):
        def segment_lines(self, lines):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            assert len(taken) == int(lines[0])
            return super().segment_lines(lines)

    def batches() -> Iterator[list[str]]:
        for number in range(1, 4):
            taken.append(number)
            yield [str(number)]

    assert measure_fertility(Watched(BYTE_LEVEL), batches()).lines == 3

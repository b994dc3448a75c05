from __future__ import annotations

import math

import pytest

from tests.strategies import table
from vocabx.core.errors import UnknownNameError
from vocabx.core.tokens import TokenKind
from vocabx.eval.coverage import (
    Coverage,
    count_characters,
    measure_coverage,
    measure_script_coverage,
    single_characters,
)


def test_a_character_is_covered_alone_or_with_a_space_before_it() -> None:
    surfaces = ["가".encode(), " 나".encode(), b" ", "다라".encode(), "마".encode()[:2], b"  x"]
    assert single_characters(table(surfaces)) == {"가", "나"}


def test_special_tokens_cover_nothing() -> None:
    assert single_characters(table([b"a", b"b"], [TokenKind.CONTROL, TokenKind.NORMAL])) == {"b"}


def test_shares_count_characters_once_and_as_often_as_they_occur() -> None:
    characters = count_characters([["가 가"], ["가나", "\t"]])
    coverage = measure_coverage(table(["가".encode()]), characters)
    assert coverage == Coverage(distinct=2, covered_distinct=1, occurrences=4, covered_occurrences=3)
    assert (coverage.distinct_share, coverage.occurrence_share) == (0.5, 0.75)


def test_a_text_without_characters_has_no_share() -> None:
    coverage = measure_coverage(table([b"a"]), {" ": 3})
    assert math.isnan(coverage.distinct_share)
    assert math.isnan(coverage.occurrence_share)


def test_of_hangul_the_syllables_are_counted() -> None:
    covered = measure_script_coverage(table(["가".encode(), "ㄱ".encode(), b"a"]), "Hangul")
    assert (covered.script, covered.assigned, covered.covered) == ("Hangul", 11_172, 1)
    assert covered.share == 1 / 11_172


@pytest.mark.parametrize(("script", "assigned"), [("Han", 20_992), ("Thai", 86)])
def test_every_assigned_character_of_other_scripts_is_counted(script: str, assigned: int) -> None:
    assert measure_script_coverage(table([b"a"]), script).assigned == assigned


def test_a_script_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"no script called 'Hangeul'\. Did you mean 'Hangul'"):
        measure_script_coverage(table([b"a"]), "Hangeul")

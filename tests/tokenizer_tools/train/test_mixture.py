from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.core.errors import InputError
from vocabx.tokenizer_tools.train.mixture import Mixture, Part


def part(label: str, lines: Sequence[str], weight: float | None = None) -> Part:
    return Part(label, lambda: [lines[start : start + 100] for start in range(0, len(lines), 100)], weight)


def taken(mixture: Mixture) -> list[str]:
    return [line for batch in mixture.batches() for line in batch]


LARGE = [f"large {number:05}" for number in range(20_000)]
SMALL = [f"small {number:05}" for number in range(1_000)]


@given(corpora=st.lists(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=5), min_size=1, max_size=3))
def test_at_temperature_1_every_line_is_taken_once_and_in_order(corpora: list[list[str]]) -> None:
    mixture = Mixture([part(str(number), lines) for number, lines in enumerate(corpora)])
    assert taken(mixture) == [line for lines in corpora for line in lines]
    assert [given.lines for given in mixture.contributions] == [given.lines_taken for given in mixture.contributions]
    assert [given.bytes_taken for given in mixture.contributions] == [
        sum(len(line.encode()) for line in lines) for lines in corpora
    ]


@pytest.mark.parametrize("temperature", [1.5, 3.0, 100.0])
def test_shares_are_proportional_to_a_root_of_the_share_of_bytes(temperature: float) -> None:
    mixture = Mixture([part("large", LARGE), part("small", SMALL)], temperature)
    lines = taken(mixture)
    wanted = [(size / 21_000) ** (1 / temperature) for size in (20_000, 1_000)]
    share = sum(line.startswith("small") for line in lines) / len(lines)
    assert share == pytest.approx(wanted[1] / sum(wanted), rel=0.03)
    assert len(lines) == pytest.approx(21_000, rel=0.02)
    assert mixture.contributions[1].bytes_taken / sum(c.bytes_taken for c in mixture.contributions) == share


def test_shares_are_those_of_the_weights_whatever_the_temperature() -> None:
    mixture = Mixture([part("large", LARGE, 1), part("small", SMALL, 3)], temperature=5)
    lines = taken(mixture)
    assert sum(line.startswith("small") for line in lines) / len(lines) == pytest.approx(0.75, rel=0.02)


def test_a_line_is_taken_about_equally_often_as_every_other() -> None:
    lines = taken(Mixture([part("large", LARGE), part("small", SMALL)], 3.0))
    often = {lines.count(line) for line in SMALL[:50]}
    assert max(often) - min(often) == 1


def test_the_seed_fixes_the_lines() -> None:
    parts = [part("large", LARGE), part("small", SMALL)]
    first, same, other = (taken(Mixture(parts, 2.0, seed)) for seed in (1, 1, 2))
    assert first == same != other


@pytest.mark.parametrize("temperature", [0.5, 0, float("nan"), float("inf")])
def test_a_temperature_below_1_is_an_error(temperature: float) -> None:
    with pytest.raises(InputError, match="The temperature must be a number of at least 1"):
        Mixture([part("one", SMALL)], temperature)


def test_wrong_weights_and_seeds_are_errors() -> None:
    with pytest.raises(InputError, match="The weight of the corpus 'one' must be a number above 0, got 0"):
        part("one", SMALL, 0)
    with pytest.raises(InputError, match="Either every corpus has a weight or none has; 'two' has none"):
        Mixture([part("one", SMALL, 1), part("two", SMALL)])
    with pytest.raises(InputError, match="The seed must not be negative"):
        Mixture([part("one", SMALL)], seed=-1)

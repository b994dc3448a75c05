from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pytest

from tests.strategies import table
from tests.tokenizer_tools.toys import byte_level
from tests.transfers import transfer
from vocabx.aligners.constituents import WEIGHTINGS, Constituents
from vocabx.aligners.convex_word2vec.comparison import COMPARISONS
from vocabx.aligners.convex_word2vec.loss import LOSSES
from vocabx.aligners.convex_word2vec.text import TEXTS
from vocabx.aligners.parallel.ramen import WEIGHINGS
from vocabx.aligners.parallel.symmetrize import SYMMETRIZATIONS
from vocabx.aligners.solvers.table import SOLVERS
from vocabx.aligners.spaces.table import SPACES
from vocabx.aligners.spaces.token_vectors import WAYS
from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Bools
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.initialization import Initialization
from vocabx.core.neighbours import INDICES
from vocabx.initializers.gaussian import DISTRIBUTIONS
from vocabx.initializers.table import DEFAULT_METHOD, INITIALIZERS, method_report, methods_report

WIDTH = 120
"""Columns of a terminal that is not small."""

NAMED: list[tuple[str, str, Iterable[str]]] = [
    ("input", "constituents", WEIGHTINGS),
    ("weighting", "align", WEIGHTINGS),
    ("symmetrization", "trans-tokenization", SYMMETRIZATIONS),
    ("symmetrization", "ramen", SYMMETRIZATIONS),
    ("weighing", "ramen", WEIGHINGS),
    ("space", "focus", SPACES),
    ("solver", "focus", SOLVERS),
    ("how", "wechsel", WAYS),
    ("how", "ofa", WAYS),
    ("index", "wechsel", INDICES),
    ("text", "cw2v", TEXTS),
    ("compare", "cw2v", COMPARISONS),
    ("loss", "cw2v", LOSSES),
    ("distribution", "random", DISTRIBUTIONS),
]
"""Options that take a name, a method that has it, and the names."""


def rules(method: str) -> Initialization:
    source = byte_level()
    initialized = (
        INITIALIZERS[method].load().initialize(transfer(source, table([b" thing", "한".encode()]), usable(), 0))
    )
    assert isinstance(initialized, Initialization)
    return initialized


def usable() -> Bools:
    return np.asarray(byte_level().tokens.is_text)


def same(rule: object, weighting: str) -> bool:
    expected = Constituents(weighting).align(transfer(byte_level(), table([b" thing", "한".encode()]), usable()))
    return isinstance(rule, Alignment) and np.array_equal(rule.weights.toarray(), expected.weights.toarray())


def test_the_default_method_is_in_the_table() -> None:
    assert DEFAULT_METHOD in INITIALIZERS.entries


@pytest.mark.parametrize(
    ("method", "input_weighting", "head_weighting"),
    [
        ("constituents", "uniform", "uniform"),
        ("constituents-length", "length", "length"),
        ("constituents-position", "late", "early"),
        ("eeve", "uniform", "first"),
    ],
)
def test_each_row_of_the_table_weighs_as_its_paper_does(method: str, input_weighting: str, head_weighting: str) -> None:
    made = rules(method)
    assert same(made.input, input_weighting)
    assert same(made.head, head_weighting)
    assert made.bias is made.head


def test_scaled_rows_are_longer_and_their_bias_is_not() -> None:
    plain, scaled = rules("constituents"), rules("constituents-scaled")
    assert isinstance(plain.head, Alignment)
    assert isinstance(scaled.head, Alignment)
    assert scaled.input is scaled.head
    assert np.allclose(scaled.head.weights.toarray(), 1.1 * plain.head.weights.toarray())
    assert same(scaled.bias, "uniform")
    assert not scaled.is_convex
    with pytest.raises(InputError, match="The option scale must be positive, not 0"):
        INITIALIZERS["align"].load(scale=0.0)


def test_matrices_that_share_their_weights_share_one_object() -> None:
    for made in (rules("constituents"), rules("mean")):
        assert made.input is made.head is made.bias


def test_the_report_has_a_row_for_every_method() -> None:
    report = methods_report()
    assert [row[0] for row in report.tables[0].rows] == list(INITIALIZERS)
    assert re.search(r"constituents\s+mean of the source pieces.*yes.*nothing", report.to_text())


def test_every_method_names_its_source() -> None:
    assert [name for name, entry in INITIALIZERS.entries.items() if not entry.paper or not entry.summary] == []


@pytest.mark.parametrize("method", list(INITIALIZERS))
def test_every_option_has_a_meaning_that_fits_on_its_line(method: str) -> None:
    report = method_report(method)
    rows = [row for table in report.tables for row in table.rows]
    assert {row[0] for row in rows} == INITIALIZERS[method].settings.keys() - {"aligner"}
    assert [name for name, _, meaning in rows if not meaning] == []
    assert [line for line in report.to_text().splitlines() if len(line) > WIDTH] == []


@pytest.mark.parametrize(("option", "method", "known"), NAMED)
def test_the_meaning_of_an_option_that_takes_a_name_has_all_names(
    option: str, method: str, known: Iterable[str]
) -> None:
    meaning = set(re.findall(r"[\w-]+", INITIALIZERS[method].meanings[option]))
    assert set(known) - meaning == set()


def test_every_option_that_takes_a_name_is_looked_at() -> None:
    free = {"aligner", "languages"}  # a class, and codes of languages
    texts = {
        name
        for entry in INITIALIZERS.entries.values()
        for name, value in entry.settings.items()
        if isinstance(value, str)
    }
    assert texts - free - {"head"} == {option for option, _, _ in NAMED}


def test_an_option_without_a_default_is_shown_as_such() -> None:
    shown = method_report("constituents").to_text()
    assert re.search(r"head +- +.*as in the input", shown)


def test_an_unknown_method_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"no method called 'constituent'\. Did you mean 'constituents'"):
        INITIALIZERS["constituent"]

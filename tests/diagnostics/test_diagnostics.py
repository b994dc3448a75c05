from __future__ import annotations

import json
import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import log_softmax

from tests.strategies import FLOAT_TYPES, alignments, matrices
from vocabx.aligners.fallback import mean_where_empty
from vocabx.aligners.solvers.table import SOLVERS
from vocabx.aligners.spaces.table import SPACES
from vocabx.core.alignment import Alignment, Origin
from vocabx.core.errors import InputError
from vocabx.core.initialization import Initialization
from vocabx.core.registry import load_target, parameters_of
from vocabx.core.report import Report
from vocabx.diagnostics.diagnostics import Diagnostics
from vocabx.diagnostics.loss import loss_bounds
from vocabx.diagnostics.measure import measure
from vocabx.diagnostics.summaries import RowSummary, WeightSummary
from vocabx.diagnostics.warnings import COLLAPSE, EVIDENCE, warnings
from vocabx.initializers.gaussian import DISTRIBUTIONS, GaussianDraw
from vocabx.initializers.table import INITIALIZERS

SOURCES, DIMENSIONS, NEW = 400, 32, 300
Dense = NDArray[np.float64]


def source_rows(rows: int = SOURCES, shift: float = 0.3, seed: int = 0) -> NDArray[np.float32]:
    """Rows that share a direction a little, as those of a model do."""
    return np.random.default_rng(seed).normal(shift, 1, (rows, DIMENSIONS)).astype(np.float32)


def on_few(sources: int = 3, new: int = NEW, seed: int = 1) -> Alignment:
    """Convex rows on a few random source rows each."""
    rng = np.random.default_rng(seed)
    columns = np.stack([rng.choice(SOURCES, sources, replace=False) for _ in range(new)])
    values = rng.dirichlet(np.ones(sources), new)
    place = np.repeat(np.arange(new), sources)
    return Alignment.build(csr_array((values.ravel(), (place, columns.ravel())), shape=(new, SOURCES)))


def on_all(new: int = NEW, sources: int = SOURCES) -> Alignment:
    """Convex rows that weigh everything almost alike."""
    weights = np.random.default_rng(2).uniform(0.9, 1.1, (new, sources))
    return Alignment.build(csr_array(weights / weights.sum(axis=1, keepdims=True)))


def no_evidence(share: float) -> Alignment:
    """Rows on three source rows, and a share without evidence, which are the mean."""
    weights = on_few().weights.toarray()
    weights[: int(share * NEW)] = 0
    return mean_where_empty(csr_array(weights), np.ones(NEW, np.int64), np.ones(SOURCES, np.bool_))


def dense(rule: Alignment) -> Dense:
    return np.asarray(rule.weights.toarray() + rule.shared_weights.toarray() @ rule.shared.toarray())


def measured(rule: Alignment | GaussianDraw, head: NDArray[np.float32] | None = None) -> Diagnostics:
    return measure(Initialization.shared(rule), source_rows(), head, np.ones(SOURCES, np.bool_))


def mean_pairwise_cosine(rows: Dense) -> float:
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return float((units @ units.T)[~np.eye(len(rows), dtype=np.bool_)].mean())


@pytest.mark.parametrize("dtype", FLOAT_TYPES, ids=str)
@pytest.mark.parametrize("block", [1, 7, 100])
def test_lengths_and_cosines_of_rows_are_those_of_all_pairs(dtype: np.dtype[np.generic], block: int) -> None:
    rows = source_rows(100).astype(dtype)
    found = RowSummary.of(rows[start : start + block].astype(np.float32) for start in range(0, 100, block))
    expected = rows.astype(np.float64)
    assert found.rows == 100
    assert found.norm == pytest.approx(np.median(np.linalg.norm(expected, axis=1)))
    assert found.cosine == pytest.approx(mean_pairwise_cosine(expected), abs=1e-12)


@given(rows=st.integers(2, 9).flatmap(lambda count: matrices(count, 3)))
def test_cosines_are_those_of_all_pairs_whatever_the_rows(rows: NDArray[np.float32]) -> None:
    wide = rows.astype(np.float64)
    wide = wide[wide.any(axis=1)]
    found = RowSummary.of([rows.astype(np.float32)])
    assert found.rows == len(wide)
    if len(wide) > 1:
        assert found.cosine == pytest.approx(mean_pairwise_cosine(wide), abs=1e-9)


def test_equal_rows_have_a_cosine_of_one_and_opposite_ones_of_minus_one() -> None:
    row = np.random.default_rng(0).normal(size=(1, 8)).astype(np.float32)
    assert RowSummary.of([np.repeat(row, 1000, axis=0)]).cosine == pytest.approx(1, abs=1e-12)
    assert RowSummary.of([row, -row]).cosine == pytest.approx(-1)


def test_rows_without_a_direction_are_left_out() -> None:
    rows = source_rows(5)
    spoilt = np.concatenate([rows, np.zeros((1, DIMENSIONS)), np.full((1, DIMENSIONS), np.nan)]).astype(np.float32)
    assert RowSummary.of([spoilt]) == RowSummary.of([rows])
    assert RowSummary.of([spoilt[5:]]) == RowSummary.of([]) == RowSummary(0, None, None)


@given(rule=alignments())
def test_weights_are_summed_up_as_the_dense_ones_are(rule: Alignment) -> None:
    found = WeightSummary.of(rule)
    if not len(rule):
        assert found is None
        return
    rows = rule.origins == Origin.ALIGNED if (rule.origins == Origin.ALIGNED).any() else np.ones(len(rule), np.bool_)
    assert found is not None
    assert found.support == pytest.approx(np.median(rule.effective_support[rows]))
    assert found.wide_support == pytest.approx(np.percentile(rule.effective_support[rows], 90))
    own = np.abs(rule.weights.toarray())[rows]
    spread = np.abs(rule.shared_weights.toarray())[rows, :, None] * np.abs(rule.shared.toarray())
    entries = np.concatenate([own[:, None], spread], axis=1)
    assert found.largest == pytest.approx(np.median(entries.max(axis=(1, 2))))
    assert found.sources == np.count_nonzero(entries.sum(axis=(0, 1)))


def test_fallbacks_do_not_hide_what_the_method_does() -> None:
    found = measured(no_evidence(0.9)).input.weights
    assert found is not None
    assert found.support < 4
    assert found.sources <= 3 * NEW * 0.1


def test_rows_count_by_origin_and_drawn_rows_have_none() -> None:
    assert measured(no_evidence(0.25)).origins == {"copied": 0, "aligned": 225, "fallback": 75}
    assert measured(GaussianDraw("univariate", 7, 0, 0, np.ones(SOURCES, np.bool_))).origins == {"drawn": 7}


@pytest.mark.parametrize("dtype", FLOAT_TYPES, ids=str)
def test_input_and_head_are_measured_apart_and_only_on_usable_rows(dtype: np.dtype[np.generic]) -> None:
    usable = np.arange(SOURCES) % 5 > 0
    weights = dense(on_few()) * usable
    weights[:, 1] += 0.1
    rule = Alignment.build(csr_array(weights / weights.sum(axis=1, keepdims=True)))
    padding = np.full((9, DIMENSIONS), np.nan)
    rows = [np.concatenate([source_rows(seed=seed), padding]).astype(dtype) for seed in (0, 5)]
    for each in rows:
        each[:SOURCES][~usable] = np.inf
    found = measure(Initialization.shared(rule), rows[0], rows[1] * dtype.type(3), usable)
    assert found.head is not None
    for matrix, stored in ((found.input, rows[0]), (found.head, rows[1] * dtype.type(3))):
        source = stored[:SOURCES][usable].astype(np.float64)
        new = dense(rule)[:, usable] @ source
        assert matrix.new.norm == pytest.approx(np.median(np.linalg.norm(new, axis=1)), rel=1e-5)
        assert matrix.source.norm == pytest.approx(np.median(np.linalg.norm(source, axis=1)))
        assert matrix.new.cosine == pytest.approx(mean_pairwise_cosine(new), abs=1e-5)
        assert matrix.source.cosine == pytest.approx(mean_pairwise_cosine(source))
        assert matrix.norm_ratio == pytest.approx((matrix.new.norm or 0) / (matrix.source.norm or 1))
    assert found.input.norm_ratio != found.head.norm_ratio


@pytest.mark.parametrize(("most", "step"), [(NEW * 3, 1), (NEW * 3 - 1, 2), (100, 9)])
def test_of_rules_with_many_weights_some_rows_are_made_and_all_weights_are_looked_at(
    most: int, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = on_few()
    every = measured(rule).input
    monkeypatch.setattr("vocabx.diagnostics.measure.MOST_WEIGHTS", most)
    found = measured(rule).input
    rows = dense(rule)[::step] @ source_rows().astype(np.float64)
    assert found.new.rows == len(rows)
    assert found.new.cosine == pytest.approx(mean_pairwise_cosine(rows), abs=1e-5)
    assert found.new.norm == pytest.approx(np.median(np.linalg.norm(rows, axis=1)), rel=1e-5)
    assert found.weights == every.weights


def test_rows_outside_the_hull_are_counted_and_draws_all_are() -> None:
    weights = dense(on_few())
    weights[:30] = -weights[:30]
    weights[30:60] *= 2
    assert measured(Alignment.build(csr_array(weights))).input.outside == pytest.approx(60 / NEW)
    assert measured(on_few()).input.outside == 0
    assert measured(GaussianDraw("univariate", 7, 0, 0, np.ones(SOURCES, np.bool_))).input.outside == 1


def rises(rule: Alignment, sharpness: float, contexts: int = 2000) -> tuple[Dense, Dense]:
    """Rise of the loss of every old token, (contexts,), and the old probabilities, (contexts, S); dense and exact."""
    rng = np.random.default_rng(3)
    head = source_rows().astype(np.float64)
    old = rng.normal(0, sharpness, (contexts, DIMENSIONS)) @ head.T + rng.normal(size=SOURCES)
    every = np.concatenate([old, old @ dense(rule).T], axis=1)
    before, after = log_softmax(old, axis=1), log_softmax(every, axis=1)[:, :SOURCES]
    return (before - after)[:, 0], np.exp(before)


@pytest.mark.parametrize("sharpness", [0.05, 0.5, 3.0])
@pytest.mark.parametrize("rule", [on_few(), on_few(1), on_all(), no_evidence(0.5)], ids=["few", "one", "all", "half"])
def test_no_old_token_loses_more_than_the_bound(rule: Alignment, sharpness: float) -> None:
    bound, _ = loss_bounds(rule)
    loss, _ = rises(rule, sharpness)
    assert bound is not None
    assert loss.max() <= bound + 1e-9


@pytest.mark.parametrize("sharpness", [0.05, 0.5, 3.0])
@pytest.mark.parametrize("rule", [on_few(), on_few(1), on_all(), no_evidence(0.5)], ids=["few", "one", "all", "half"])
def test_the_mean_loss_rises_by_no_more_than_the_estimate_where_predictions_are_the_frequencies(
    rule: Alignment, sharpness: float
) -> None:
    loss, probabilities = rises(rule, sharpness)
    bound, estimate = loss_bounds(rule, probabilities.sum(axis=0))
    assert bound is not None
    assert estimate is not None
    assert loss.mean() <= estimate + 1e-9
    assert estimate <= bound + 1e-12


def test_the_bound_is_reached_where_one_copied_token_is_certain() -> None:
    weights = np.zeros((5, SOURCES))
    weights[:, 7] = 1
    rule = Alignment.build(csr_array(weights))
    assert loss_bounds(rule)[0] == pytest.approx(np.log(6))
    assert loss_bounds(rule, np.arange(SOURCES) == 7)[1] == pytest.approx(np.log(6))
    assert loss_bounds(rule, np.arange(SOURCES) != 7)[1] == 0


def test_the_bound_of_the_mean_is_that_of_new_by_old_rows_and_no_convex_rows_have_a_lower_one() -> None:
    least = np.log1p(NEW / SOURCES)
    assert loss_bounds(no_evidence(1.0))[0] == pytest.approx(least)
    assert all((loss_bounds(rule)[0] or 0) >= least for rule in (on_few(), on_all()))


@given(rule=alignments(convex=True))
def test_the_bounds_are_those_of_dense_weights(rule: Alignment) -> None:
    sums = dense(rule).sum(axis=0)
    counts = np.arange(len(sums)) + 1
    bound, estimate = loss_bounds(rule, counts)
    if rule.is_convex.all():
        assert bound == pytest.approx(np.log1p(sums.max(initial=0)))
        assert estimate == pytest.approx(np.log1p(sums @ counts / counts.sum()))


def test_there_is_no_bound_without_convex_rows_a_head_or_a_bias_of_the_same_weights() -> None:
    usable, rows = np.ones(SOURCES, np.bool_), source_rows()
    draw, few, other = GaussianDraw("univariate", NEW, 0, 0, usable), on_few(), on_few(2)
    assert loss_bounds(draw) == loss_bounds(Alignment.build(csr_array(-dense(few)))) == (None, None)
    assert measure(Initialization.shared(few), rows, None, usable).loss_bound is not None
    assert measure(Initialization.shared(few), rows, None, usable, predicts=False).loss_bound is None
    mixed = Initialization(few, other, other)
    assert measure(mixed, rows, None, usable).loss_bound == loss_bounds(few)[0]
    assert measure(mixed, rows, rows, usable, has_bias=True).loss_bound == loss_bounds(other)[0]
    assert measure(mixed, rows, None, usable, has_bias=True).loss_bound is None


def test_frequencies_that_cannot_be_are_refused_and_empty_ones_estimate_nothing() -> None:
    with pytest.raises(InputError, match="frequencies"):
        loss_bounds(on_few(), np.ones(3))
    with pytest.raises(InputError, match="0 or more"):
        loss_bounds(on_few(), np.full(SOURCES, -1.0))
    assert loss_bounds(on_few(), np.zeros(SOURCES))[1] is None


@pytest.mark.parametrize("rule", [on_few(), on_few(1), on_few(8), no_evidence(0.1)])
def test_healthy_rows_give_no_warning(rule: Alignment) -> None:
    assert warnings(measured(rule, source_rows(seed=4)), "focus") == []


@pytest.mark.parametrize(
    ("method", "advice"),
    [
        ("focus", ["epochs=30", "centre=yes"]),
        ("clp", ["clp-plus"]),
        ("wechsel", ["neighbours="]),
        ("mean", ["constituents"]),
        ("align", ["vocabx methods"]),
    ],
)
def test_rows_that_are_alike_give_a_warning_with_advice_for_the_method(method: str, advice: Sequence[str]) -> None:
    [warning, *_] = warnings(measured(on_all()), method)
    assert "hardly tell tokens apart" in warning
    assert "of the 400 source rows in use" in warning
    assert all(part in warning for part in advice)


def test_a_head_that_is_alike_gives_a_warning_though_the_input_is_not() -> None:
    usable = np.ones(SOURCES, np.bool_)
    found = measure(Initialization(on_few(), on_all(), on_all()), source_rows(), source_rows(), usable)
    assert any(warning.startswith("The new head rows hardly tell tokens apart") for warning in warnings(found, "cw2v"))


def test_rows_on_few_sources_that_point_one_way_are_alike_too() -> None:
    one = (np.arange(NEW), np.zeros(NEW, np.int64))
    rule = Alignment.build(csr_array((np.ones(NEW), one), shape=(NEW, SOURCES)))
    [warning] = warnings(measured(rule), "align")
    assert "mean cosine of 1.00" in warning


def test_a_handful_of_new_tokens_is_not_judged_by_its_likeness() -> None:
    usable = np.ones(SOURCES, np.bool_)
    rule = Alignment.build(csr_array((np.ones(3), ([0, 1, 2], [7, 7, 7])), shape=(3, SOURCES)))
    assert warnings(measure(Initialization.shared(rule), source_rows(), None, usable), "constituents") == []


def test_many_fallbacks_give_a_warning_that_says_what_to_add() -> None:
    [warning] = warnings(measured(no_evidence(0.3)), "focus")
    assert warning.startswith("The method knows nothing of 90 of 300 new tokens")
    assert "more text" in warning
    assert "donor" in warnings(measured(no_evidence(0.3)), "clp-plus")[0]


def test_the_mean_is_not_blamed_for_having_no_evidence() -> None:
    assert not any("knows nothing" in warning for warning in warnings(measured(no_evidence(1.0)), "mean"))
    assert any("knows nothing" in warning for warning in warnings(measured(no_evidence(1.0)), "focus"))


def test_output_rows_outside_the_hull_give_a_warning_and_input_rows_do_not() -> None:
    usable, rows = np.ones(SOURCES, np.bool_), source_rows()
    draw, few = GaussianDraw("univariate", NEW, 0, 0, usable), on_few()
    [warning] = warnings(measure(Initialization.shared(draw), rows, None, usable), "univariate")
    assert warning.startswith("100% of the rows")
    assert warnings(measure(Initialization(draw, few, few), rows, rows, usable), "univariate") == []
    assert warnings(measure(Initialization.shared(draw), rows, None, usable, predicts=False), "univariate") == []


def test_rows_that_are_too_short_or_too_long_give_a_warning() -> None:
    short, long = (Alignment.build(csr_array(dense(on_few()) * factor)) for factor in (0.1, 10))
    assert any("they are 0.0" in text for text in warnings(measured(short), "omp"))
    assert any("outweigh" in text for text in warnings(measured(long), "omp"))


def test_advice_is_for_methods_spaces_solvers_and_needs_that_exist() -> None:
    entries = INITIALIZERS.builtin
    options = {str(value) for entry in entries.values() for value in entry.options.values()}
    assert COLLAPSE.keys() <= entries.keys() | options | SOLVERS.keys() | SPACES.keys()
    assert EVIDENCE.keys() <= {need for entry in entries.values() for need in entry.needs}


@pytest.mark.parametrize("method", ["focus", "clp", "clp-plus", "wechsel"])
def test_options_that_are_advised_are_options_of_what_the_method_is_made_of(method: str) -> None:
    entry = INITIALIZERS[method]
    space, solver = (str(entry.options[kind]) for kind in ("space", "solver"))
    known = {**parameters_of(load_target(entry.target)), **parameters_of(load_target(SPACES[space]))}
    known |= parameters_of(SOLVERS[solver])
    advice = " ".join(warnings(measured(on_all()), method))
    advised = re.findall(r"(\w+)=", advice)
    assert advised
    assert set(advised) <= known.keys()


@pytest.mark.parametrize("head", [None, source_rows(seed=4)], ids=["tied", "untied"])
@pytest.mark.parametrize("drawn", [False, True])
def test_diagnostics_print_and_travel_as_json(head: NDArray[np.float32] | None, drawn: bool) -> None:
    usable = np.ones(SOURCES, np.bool_)
    found = measured(GaussianDraw("multivariate", NEW, 0, 0, usable) if drawn else on_few(), head)
    text = Report("", found.facts(), [found.table()]).to_text()
    assert "mean cosine of two new rows" in text
    assert ("head" in found.table().columns) == (head is not None)
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert data["input"]["new"]["cosine"] == pytest.approx(found.input.new.cosine, rel=1e-5)
    assert data["input"]["new"]["rows"] == NEW
    assert (data["head"] is None) == (head is None)


@pytest.mark.parametrize(
    "rule",
    [
        Alignment.build(csr_array((0, SOURCES))),
        *(GaussianDraw(name, 0, 0, 0, np.ones(SOURCES, np.bool_)) for name in DISTRIBUTIONS),
    ],
    ids=["weights", *DISTRIBUTIONS],
)
def test_no_new_rows_have_nothing_to_measure_and_nothing_to_warn_of(rule: Alignment | GaussianDraw) -> None:
    found = measured(rule)
    assert found.input.new == RowSummary(0, None, None)
    assert sum(found.origins.values()) == 0
    assert warnings(found, "focus") == []
    json.dumps(found.to_json(), allow_nan=False)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.core.errors import InputError
from vocabx.eval.chrf import Chrf, measure_chrf

sacrebleu = pytest.importorskip("sacrebleu")
LINES = st.lists(
    st.tuples(st.text("ab 한국.\t", max_size=12), st.text("ab 한국.", max_size=12)), min_size=1, max_size=5
)
TRANSLATIONS = ["한국어 문장이다", "a house", "", "the same line", "그 책을 읽었다"]
REFERENCES = ["한국어의 문장입니다", "the house is old", "x", "the same line", "나는 그 책을 읽었다."]


@given(LINES)
def test_chrf_is_that_of_sacrebleu(lines: list[tuple[str, str]]) -> None:
    translations, references = [pair[0] for pair in lines], [pair[1] for pair in lines]
    expected = sacrebleu.corpus_chrf(translations, [references]).score
    assert measure_chrf(translations, references).value == pytest.approx(expected, abs=1e-9)


def test_chrf_of_sentences_is_that_of_sacrebleu() -> None:
    chrf = measure_chrf(TRANSLATIONS, REFERENCES)
    assert chrf.counts.shape == (5, 3, 6)
    assert chrf.value == pytest.approx(sacrebleu.corpus_chrf(TRANSLATIONS, [REFERENCES]).score, abs=1e-9)
    assert 20 < chrf.value < 80


def test_equal_lines_score_a_hundred_and_nothing_in_common_nothing() -> None:
    assert measure_chrf(REFERENCES, REFERENCES).value == 100
    assert measure_chrf(["z"] * 5, REFERENCES).value == 0
    assert measure_chrf([""], ["a"]).value == 0


def test_an_interval_is_that_of_lines_drawn_one_by_one() -> None:
    chrf = measure_chrf(TRANSLATIONS * 4, REFERENCES * 4)
    interval = chrf.interval(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    drawn = [Chrf(chrf.counts[rng.integers(20, size=20)]).value for _ in range(2000)]
    assert interval.estimate == chrf.value
    np.testing.assert_allclose([interval.low, interval.high], np.quantile(drawn, [0.025, 0.975]), atol=1.5)
    assert interval.low < chrf.value < interval.high


def test_a_paired_difference_draws_the_same_lines_for_both() -> None:
    better, worse = measure_chrf(REFERENCES, REFERENCES), measure_chrf(TRANSLATIONS, REFERENCES)
    gap = better.paired_difference(worse, np.random.default_rng(0))
    assert gap.estimate == 100 - worse.value
    # The better one scores 100 in every draw, so the gap's ends are those of the worse one.
    own = worse.interval(np.random.default_rng(0))
    assert (gap.low, gap.high) == pytest.approx((100 - own.high, 100 - own.low))
    none = worse.paired_difference(worse, np.random.default_rng(0))
    assert (none.low, none.estimate, none.high) == (0, 0, 0)


def test_other_references_do_not_compare() -> None:
    with pytest.raises(InputError, match="same references"):
        measure_chrf(["a"], ["ab"]).paired_difference(measure_chrf(["a"], ["abc"]), np.random.default_rng(0))


@pytest.mark.parametrize(("translations", "references"), [([], []), (["a"], ["a", "b"])])
def test_lines_without_a_partner_are_refused(translations: list[str], references: list[str]) -> None:
    with pytest.raises(InputError, match="as many translations as references"):
        measure_chrf(translations, references)

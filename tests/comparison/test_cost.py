from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.eval.models import tiny_model, tiny_tokenizer
from vocabx.comparison.cost import Cost, Work, measure_cost
from vocabx.comparison.pairs import HeldOut
from vocabx.eval.decoder import Decoder

NOTHING = Work(base=False, evaluations=0, steps=0, greedy=0)


def test_seconds_are_those_of_all_that_is_left() -> None:
    work = Work(base=True, evaluations=4, steps=100, greedy=2)
    cost = Cost(work, tokens=1000, greedy_tokens=10, seconds_per_token=0.01, seconds_per_step=0.5)
    assert cost.evaluation == 10
    assert cost.seconds == 5 * 10 + 100 * 0.5 + 2 * 3 * 10 * 0.01
    assert cost.facts()["expected time, beside making the rows"] == "101 seconds"


def test_nothing_left_takes_no_time() -> None:
    assert NOTHING.is_done
    assert not Work(base=True, evaluations=0, steps=0, greedy=0).is_done
    assert Cost(NOTHING, 0, 0, 0.0, 0.0).facts() == {"measurements left": 0}


@pytest.mark.torch
def test_one_batch_and_one_step_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, steps = iter(range(100)), list[int]()
    monkeypatch.setattr("vocabx.comparison.cost.time.perf_counter", lambda: float(next(clock)))

    class Trainer:
        def step(self, ids: Any) -> float:
            steps.append(np.size(ids))
            return 0.0

    tokenizer = tiny_tokenizer(bos_token="<s>")
    decoder = Decoder(tiny_model(len(tokenizer)), tokenizer)
    held_out = HeldOut(("abcd", "abc"), ("ab", "abcdef"))
    trainer: Any = Trainer()
    cost = measure_cost(decoder, held_out, 1, NOTHING, trainer, 200)
    assert (cost.tokens, cost.greedy_tokens) == (5 + 4 + 3 + 7, 3)
    assert cost.seconds_per_token == pytest.approx(1 / 9)  # a second by this clock, for the 9 target tokens
    assert steps == [64, 64]
    assert cost.seconds_per_step == 3  # three sequences of the context's length
    assert measure_cost(decoder, HeldOut(("ab",), ()), 0, NOTHING, None, 200).seconds_per_step == 0

"""How the tokens of a run become steps of its stages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.core.errors import InputError, TrainingError, UnknownNameError
from vocabx.training.recipes.recipe import Stage
from vocabx.training.settings import TrainingSettings
from vocabx.training.steps import plan_steps


def stages(*shares: float) -> list[Stage]:
    return [Stage(f"stage {share}", ("everything",), share, 1e-3) for share in shares]


def test_tokens_are_rounded_up_to_whole_steps_and_shared_out() -> None:
    settings = TrainingSettings(tokens=1000, batch_size=2, accumulate=3)
    steps = plan_steps(stages(0.5, 0.25, 0.25), settings, length=10, epoch=0, processes=2)
    assert (steps.sequences, steps.tokens, steps.total, steps.stages) == (12, 120, 9, (4, 3, 2))
    assert [steps.before(number) for number in range(3)] == [0, 4, 7]


def test_without_a_number_the_corpus_is_read_once_and_epochs_are_relative_to_that() -> None:
    once = plan_steps(stages(1.0), TrainingSettings(batch_size=1), length=10, epoch=95)
    twice = plan_steps(stages(1.0), TrainingSettings(batch_size=1, epochs=2.0), length=10, epoch=95)
    assert (once.total, twice.total) == (10, 19)


@given(st.integers(1, 8), st.integers(0, 200), st.randoms(use_true_random=False))
def test_no_stage_is_empty_and_none_is_a_step_off_its_share(count: int, more: int, random: object) -> None:
    weights = [getattr(random, "uniform")(0.05, 1.0) for _ in range(count)]  # noqa: B009  the type is hypothesis's own
    shares = [weight / sum(weights) for weight in weights]
    total = count + more
    steps = plan_steps(stages(*shares), TrainingSettings(tokens=total * 4, batch_size=1), length=4, epoch=0)
    assert steps.total == total
    assert min(steps.stages) >= 1
    for number in range(count):
        ideal = sum(shares[:number]) * total
        assert abs(steps.before(number) - ideal) <= max(1.0, number, count - number)


def test_intervals_are_multiples_of_the_lines_of_the_curve() -> None:
    settings = TrainingSettings(tokens=10_000, batch_size=1, log_every=4, evaluate_every=50, save_every=10)
    steps = plan_steps(stages(1.0), settings, length=10, epoch=0)
    assert (steps.evaluate_every, steps.save_every) == (8, 4)


def test_fewer_steps_than_stages_are_refused() -> None:
    with pytest.raises(TrainingError, match=r"^10 tokens are 1 step of 10 tokens, fewer than the 2 stages"):
        plan_steps(stages(0.5, 0.5), TrainingSettings(tokens=10, batch_size=1), length=10, epoch=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tokens": 10, "epochs": 1.0}, "given twice"),
        ({"tokens": 0}, "--tokens is 0"),
        ({"epochs": float("nan")}, "--epochs is nan"),
        ({"epochs": float("inf")}, "--epochs is inf, but must be positive and finite"),
        ({"largest_gradient": float("nan")}, "--largest-gradient is nan"),
        ({"seed": 2**32}, "--seed is 4294967296"),
        ({"batch_size": 0}, "--batch-size is 0"),
        ({"length": 1}, "--length is 1"),
        ({"replay_share": 1.0}, "--replay-share is 1.0"),
        ({"mask_share": 0.0}, "--mask-share is 0.0"),
        ({"seed": -1}, "must not be negative"),
        ({"batch_size": "2"}, "batch_size"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainingSettings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "run", "option"),
    [
        ({"replay_share": 0.5}, ("causal", False, 2), "--replay-share"),
        ({"mask_share": 0.3}, ("causal", True, 2), "--mask-share"),
        ({"whole_words": True}, ("causal", True, 2), "--whole-words"),
        ({"keep_stages": True}, ("masked", True, 1), "--keep-stages"),
    ],
)
def test_a_setting_that_does_nothing_is_refused_and_taken_where_it_does_something(
    settings: dict[str, Any], run: tuple[str, bool, int], option: str
) -> None:
    with pytest.raises(InputError, match=f"^{option} .* does nothing .*; leave it out"):
        TrainingSettings(**settings).check_use(*run)
    TrainingSettings(**settings).check_use("masked", True, 2)
    TrainingSettings().check_use(*run)


@pytest.mark.parametrize("settings", [{"objective": "both"}, {"dtype": "float16"}])
def test_a_name_that_there_is_not_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(UnknownNameError):
        TrainingSettings(**settings)  # type: ignore[arg-type]

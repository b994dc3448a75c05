from __future__ import annotations

import pytest

from vocabx.comparison.variants import Variant, parse_variants
from vocabx.core.errors import InputError, UnknownNameError


def test_options_follow_the_name_and_have_the_type_that_they_look_like() -> None:
    variant = Variant.parse(" random:scale=0.5:count=3:some-flag=yes:other=no:how=incidence ")
    assert (variant.label, variant.method) == (
        "random:scale=0.5:count=3:some-flag=yes:other=no:how=incidence",
        "random",
    )
    assert variant.options == {"scale": 0.5, "count": 3, "some_flag": True, "other": False, "how": "incidence"}


def test_lists_and_repetitions_are_one_list() -> None:
    assert [variant.label for variant in parse_variants(["mean, random", "random:scale=2,"])] == [
        "mean",
        "random",
        "random:scale=2",
    ]


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (["mean:scale"], "'mean:scale' has 'scale' where NAME=VALUE is expected"),
        (["mean:=2"], "has '=2' where NAME=VALUE"),
        (["mean,random,mean"], "'mean' is named twice"),
        ([" ,"], "no method to compare"),
    ],
)
def test_what_is_no_method_with_options_is_refused(texts: list[str], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        parse_variants(texts)


def test_an_unknown_method_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"no method called 'constituent'.*'constituents'"):
        parse_variants(["constituent"])

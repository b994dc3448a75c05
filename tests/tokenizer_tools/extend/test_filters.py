from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.core.errors import InputError
from vocabx.tokenizer_tools.extend.filters import KNOWN_WORD, Filter, Filtered
from vocabx.tokenizer_tools.extend.options import ExtensionOptions
from vocabx.tokenizer_tools.surfaces import CONTINUATION, Family, surface_to_piece

PUNCTUATION, DIGIT = "holds punctuation", "holds a digit"


def refusals(pieces: list[str], family: Family = Family.METASPACE, **settings: Any) -> dict[str, str]:
    scripts, known = settings.pop("scripts", ()), settings.pop("known", frozenset())
    return dict(Filter(ExtensionOptions(size=1, **settings), family, scripts, known)(pieces).rules)


def test_nothing_is_refused_that_no_rule_names() -> None:
    assert refusals(["▁the", "a", "가나", "x1", "don't"]) == {}


def test_each_rule_refuses_what_it_says() -> None:
    assert refusals(["abc", "abcd", "▁abc"], longest=3) == dict.fromkeys(["abcd", "▁abc"], "longer than 3 characters")
    assert refusals(["12", "...", "▁", "a1"]) == dict.fromkeys(["12", "...", "▁"], "holds no letter")
    assert refusals(["가a", "abc", "か"], scripts=("Hangul", "Hiragana")) == {"abc": "without Hangul or Hiragana"}
    assert refusals(["▁The", "theme", "THE"], known={"the": 3}) == dict.fromkeys(["▁The", "THE"], KNOWN_WORD)
    assert refusals(["foo", "barfoo", "of"], exclude="^foo") == {"foo": "matches ^foo"}
    assert refusals(["a1", "a٣", "ab"], digits=False) == dict.fromkeys(["a1", "a٣"], DIGIT)
    assert refusals(["a-b", "a$", "ab"], punctuation=False) == dict.fromkeys(["a-b", "a$"], PUNCTUATION)
    assert refusals(["▁a", "a▁b", "a▁"]) == dict.fromkeys(
        ["a▁b", "a▁"], "holds a space that is not its first character"
    )


def test_the_first_rule_that_refuses_a_piece_counts() -> None:
    refused = Filter(ExtensionOptions(size=1, longest=3, digits=False), Family.METASPACE)(["1234", "12", "a1", "ab"])
    assert refused.counts == {"longer than 3 characters": 1, "holds no letter": 1, DIGIT: 1}
    assert set(refused.pieces) == {"1234", "12", "a1"}
    assert refused.taken_by(DIGIT) == ["a1"]


def test_two_filters_add_up() -> None:
    both = Filtered({"a": "x"}) | Filtered({"b": "x", "c": "y"})
    assert both.counts == {"x": 2, "y": 1}
    assert Filtered().counts == {}


def test_the_text_of_a_piece_is_what_counts_in_every_family() -> None:
    spelt = surface_to_piece(" 가1".encode(), Family.BYTE_LEVEL)
    assert refusals([spelt], Family.BYTE_LEVEL, digits=False) == {spelt: DIGIT}
    assert refusals([spelt], Family.BYTE_LEVEL, longest=3) == {}
    assert refusals([CONTINUATION + "ab"], Family.WORDPIECE, longest=2) == {}
    assert refusals([CONTINUATION + "ab"], Family.WORDPIECE, exclude="#") == {}
    assert refusals(["a b"], Family.BYTE_LEVEL) == {}  # its pre-tokenizer says where words end


def test_a_part_of_a_character_is_never_refused() -> None:
    half = surface_to_piece("가".encode()[:2], Family.BYTE_LEVEL)
    assert refusals([half], Family.BYTE_LEVEL, longest=1, exclude=".", digits=False, scripts=("Latin",)) == {}
    assert refusals(["<0xEA>"], longest=1, scripts=("Latin",)) == {}


@given(st.lists(st.text("ab1 .가▁", min_size=1, max_size=5), unique=True), st.booleans(), st.booleans())
def test_stricter_options_refuse_all_that_looser_ones_do(pieces: list[str], digits: bool, punctuation: bool) -> None:
    loose, strict = refusals(pieces), refusals(pieces, digits=digits, punctuation=punctuation)
    assert set(loose) <= set(strict)
    kept = set(pieces) - set(strict)
    assert all(any(character.isalpha() for character in piece) for piece in kept)
    assert digits or not any(character.isdigit() for piece in kept for character in piece)
    assert punctuation or not any(character in piece for piece in kept for character in ".")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"exclude": "("}, r"The exclusion '\(' is no regular expression: "),
        ({"control_tokens": ("cat",)}, r"'cat' is no control token, which is spelt like "),
        ({"control_tokens": ("<a b>",)}, r"'<a b>' is no control token"),
    ],
)
def test_options_that_cannot_be_obeyed_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ExtensionOptions(size=1, **settings)


def test_control_tokens_are_spelt_in_brackets() -> None:
    assert ExtensionOptions(size=None, control_tokens=("<|tool|>", "<x>", "[CALL]")).size is None

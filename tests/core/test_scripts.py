from __future__ import annotations

import unicodedata

import numpy as np
import pytest
import regex

from vocabx.core.errors import UnknownNameError
from vocabx.core.scripts import SCRIPTS, characters_of_scripts, check_script, script_shares


def test_scripts_come_with_their_shares_largest_first() -> None:
    assert script_shares("한국어 abc, 12 한글글 Ж 😀") == {"Hangul": 0.6, "Latin": 0.3, "Cyrillic": 0.1}
    assert next(iter(script_shares(unicodedata.normalize("NFD", "한국")))) == "Hangul"
    assert script_shares({"가": 3, "a": 1}) == {"Hangul": 0.75, "Latin": 0.25}


def test_a_text_without_letters_has_no_script() -> None:
    assert script_shares("12 + 3 😀") == {}


def test_every_script_has_characters_and_shares_none() -> None:
    everything = "".join(map(chr, range(0x110000)))
    members = {script: regex.findall(rf"\p{{Script={script}}}", everything) for script in SCRIPTS}
    assert all(members.values())
    assert len(set().union(*members.values())) == sum(map(len, members.values()))


def test_characters_of_several_scripts_are_marked_in_place() -> None:
    codes = np.array([[ord("가"), ord("a")], [ord("1"), ord("Ж")]], np.uint32)
    assert characters_of_scripts(codes, ["Hangul", "Cyrillic"]).tolist() == [[True, False], [False, True]]


def test_every_code_point_can_be_asked_for() -> None:
    codes = np.arange(0x110000, dtype=np.uint32)
    found = characters_of_scripts(codes, ["Thai"])
    assert "".join(map(chr, codes[found])) == "".join(regex.findall(r"\p{Script=Thai}", "".join(map(chr, codes))))


def test_an_unknown_script_suggests_the_nearest() -> None:
    assert check_script("Hangul") == "Hangul"
    assert check_script("hangul") == "Hangul"
    with pytest.raises(UnknownNameError, match=r"no script called 'hangull'\. Did you mean 'Hangul'\?$"):
        check_script("hangull")

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from vocabx.core.corpus import Texts
from vocabx.core.errors import InputError
from vocabx.core.setting_types import as_path, check_types


@dataclass(frozen=True)
class Settings:
    """One field of each kind."""

    switch: bool = True
    whole: int = 1
    number: float | None = None
    name: str = "a"
    place: str | Path | None = None
    texts: Texts = ()
    names: tuple[str, ...] | None = None
    pair: tuple[str | Path, str | Path] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    other: Settings | None = None

    def __post_init__(self) -> None:
        check_types(self)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"switch": False, "whole": -3, "number": 2, "name": "", "place": Path("a"), "texts": "a"},
        {"number": 0.5, "place": "a", "texts": [Path("a"), "b"], "names": ["a"], "pair": ["a", Path("b")]},
        {"texts": Path("a"), "names": {"a"}, "options": {"a": 1}, "other": "what has no row is not looked at"},
    ],
)
def test_what_fits_its_annotation_is_taken(given: dict[str, Any]) -> None:
    Settings(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"switch": "yes"}, "switch: expected True or False, got 'yes'."),
        ({"whole": "300"}, "whole: expected a whole number, got '300'."),
        ({"whole": 3.0}, "whole: expected a whole number, got 3.0."),
        ({"whole": True}, "whole: expected a whole number, got True."),
        ({"whole": None}, "whole: expected a whole number, got None."),
        ({"number": "0.5"}, "number: expected a number or None, got '0.5'."),
        ({"name": 5}, "name: expected a string, got 5."),
        ({"place": 5}, "place: expected a path or None, got 5."),
        ({"place": b"a"}, "place: expected a path or None, got b'a'."),
        ({"texts": 123}, "texts: expected a path or a list of paths, got 123."),
        ({"texts": [1]}, "texts: expected a path or a list of paths, got [1]."),
        ({"texts": None}, "texts: expected a path or a list of paths, got None."),
        ({"names": "ko"}, "names: expected a list of strings or None, got 'ko'."),
        ({"names": [5]}, "names: expected a list of strings or None, got [5]."),
        ({"pair": "ab"}, "pair: expected two paths or None, got 'ab'."),
        ({"pair": ["a"]}, "pair: expected two paths or None, got ['a']."),
        ({"options": [("a", 1)]}, "options: expected names with their values, got [('a', 1)]."),
        ({"name": ["a" * 500]}, f"name: expected a string, got ['{'a' * 78}."),
    ],
)
def test_what_does_not_is_one_sentence(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Settings(**given)
    assert str(caught.value) == message


def test_a_path_is_a_string_or_a_path(tmp_path: Path) -> None:
    assert as_path("out", str(tmp_path)) == as_path("out", tmp_path) == tmp_path
    for wrong in (None, 5, b"out", ["out"]):
        with pytest.raises(InputError, match=r"^out: expected a path, got .*\.$"):
            as_path("out", wrong)

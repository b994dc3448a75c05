from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from inspect import Parameter
from typing import Any

import pytest

from vocabx.core import registry as module
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.registry import Entry, Registry, composed, make_parts, parameters_of

FRACTION = Entry("fractions:Fraction", "A fraction.", options={"numerator": 3, "denominator": 4})
PLUGIN = Entry("decimal:Decimal", "From elsewhere.")
NOT_AN_ENTRY = "a string"


@dataclass(frozen=True)
class Lens:
    """A thing with an option of every type.

    Attributes
    ----------
    width : int
        From side to side.
    """

    name: str
    width: int = 3
    share: float = 0.5
    is_round: bool = False
    colour: str | None = None


@dataclass(frozen=True)
class Frame:
    """A thing that has one option in common with the other.

    Attributes
    ----------
    wood : str
        Of which tree.
    """

    width: int = 4
    wood: str = "oak"


def _parts(options: Mapping[str, Any]) -> list[type]:
    return [{"frame": Frame, "lens": Lens}[options["first"]], Frame]


@composed(_parts)
def together(first: str, title: str = "", **options: Any) -> list[Any]:
    """Make a frame, and before it a thing that is named.

    Parameters
    ----------
    title : str
        What is written on it.
    """
    return [title, *make_parts(_parts({"first": first}), options)]


LENS = Entry(f"{__name__}:Lens", "A lens.", {"name": "reading"})
TOGETHER = Entry(f"{__name__}:together", "Two things.", {"first": "frame", "wood": "elm"})


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    return with_plugins(monkeypatch)


def with_plugins(monkeypatch: pytest.MonkeyPatch, **values: str) -> Registry:
    """Return a registry that other distributions add to."""
    points = [EntryPoint(name, value, "vocabx.numbers") for name, value in values.items()]
    monkeypatch.setattr(module, "entry_points", lambda *, group: points if group == "vocabx.numbers" else [])
    return Registry("number", "numbers", {"fraction": FRACTION})


def test_an_entry_makes_its_class_with_its_options(registry: Registry) -> None:
    assert str(registry["fraction"].load()) == "3/4"


def test_an_unknown_name_suggests_the_nearest_and_lists_all(registry: Registry) -> None:
    with pytest.raises(
        UnknownNameError, match=r"no number called 'fractoin'. Did you mean 'fraction'\? Known: fraction\."
    ):
        registry["fractoin"]


def test_a_name_like_no_other_suggests_nothing(registry: Registry) -> None:
    with pytest.raises(UnknownNameError, match=r"no number called 'zzz'\. Known: fraction\."):
        registry["zzz"]


def test_other_distributions_add_rows_after_ours_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    here = f"{__name__}:PLUGIN"
    registry = with_plugins(monkeypatch, zeta=here, alpha=here)
    assert list(registry) == ["fraction", "alpha", "zeta"]
    assert registry["alpha"] is PLUGIN


def test_a_name_defined_twice_names_both_definitions(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = with_plugins(monkeypatch, fraction="other.package:ROW")
    with pytest.raises(
        InputError, match=r"'fraction' is defined twice: by fractions:Fraction and by other\.package:ROW"
    ):
        list(registry)


@pytest.mark.parametrize("value", ["no_such_package:ROW", f"{__name__}:NO_SUCH_NAME", f"{__name__}:NOT_AN_ENTRY"])
def test_a_broken_plugin_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    registry = with_plugins(monkeypatch, broken=value)
    with pytest.raises(InputError, match=rf"number 'broken' \({value}\) cannot be loaded"):
        list(registry)


def test_a_class_is_imported_only_when_it_is_asked_for() -> None:
    code = (
        "import sys; from vocabx.core.registry import Entry, Registry\n"
        "table = Registry('number', 'numbers', {'a': Entry('colorsys:rgb_to_hsv', '', dict(r=0, g=0, b=0))})\n"
        "assert table['a'].summary == '' and 'colorsys' not in sys.modules\n"
        "table['a'].load(); assert 'colorsys' in sys.modules"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_an_option_takes_the_place_of_the_rows_own() -> None:
    assert LENS.load() == Lens("reading")
    assert LENS.load(name="far", width=7, is_round=True) == Lens("far", 7, is_round=True)


def test_the_settings_are_the_defaults_with_the_rows_own_options() -> None:
    expected = {"name": "reading", "width": 3, "share": 0.5, "is_round": False, "colour": None}
    assert LENS.settings == expected
    assert parameters_of(Lens) == expected | {"name": Parameter.empty}


def test_an_unknown_option_suggests_the_nearest_and_lists_all() -> None:
    with pytest.raises(
        UnknownNameError, match=r"no option called 'widht'\. Did you mean 'width'\? Known: .*colour.*width"
    ):
        LENS.load(widht=7)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"width": 2.5}, "width is a whole number, got 2.5"),
        ({"width": "7"}, "width is a whole number, got '7'"),
        ({"width": True}, "width is a whole number, got True"),
        ({"share": "half"}, "share is a number, got 'half'"),
        ({"share": True}, "share is a number, got True"),
        ({"is_round": 1}, "is_round is yes or no, got 1"),
        ({"name": 3}, "name is a name, got 3"),
    ],
)
def test_a_value_of_another_type_is_refused(option: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LENS.load(**option)


def test_a_whole_number_will_do_for_a_number_and_anything_for_what_has_no_default() -> None:
    assert LENS.load(share=1).share == 1
    assert LENS.load(colour="red").colour == "red"
    assert Entry(f"{__name__}:Lens", "").load(name=3).name == 3


def test_several_things_take_the_options_that_they_know() -> None:
    assert make_parts([Lens, Frame], {"name": "far", "width": 7, "wood": "elm"}) == [Lens("far", 7), Frame(7, "elm")]
    assert make_parts([Frame], {}) == [Frame()]


def test_the_settings_of_a_composed_thing_are_those_of_its_parts_too() -> None:
    assert TOGETHER.settings == {"first": "frame", "title": "", "width": 4, "wood": "elm"}
    assert TOGETHER.load() == ["", Frame(wood="elm"), Frame(wood="elm")]
    assert TOGETHER.load(title="two", width=9) == ["two", Frame(9, "elm"), Frame(9, "elm")]


def test_what_options_mean_is_said_by_the_thing_and_by_its_parts() -> None:
    assert LENS.meanings == {"width": "From side to side"}
    assert TOGETHER.meanings == {"title": "What is written on it", "wood": "Of which tree"}
    assert Entry("fractions:Fraction", "").meanings == {}


def test_another_part_brings_its_own_options() -> None:
    assert TOGETHER.load(first="lens", name="far", share=1) == ["", Lens("far", share=1), Frame(wood="elm")]
    with pytest.raises(UnknownNameError, match="no option called 'share'"):
        TOGETHER.load(share=1)


def test_an_option_that_no_part_knows_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"no option called 'wod'\. Did you mean 'wood'\?"):
        TOGETHER.load(wod="elm")


def test_a_value_of_another_type_is_refused_whichever_part_takes_it() -> None:
    for option in ({"wood": 3}, {"first": "lens", "share": "half"}, {"width": 2.5}, {"title": 1}):
        with pytest.raises(InputError, match="The option"):
            TOGETHER.load(**option)

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from vocabx.core import registry as module
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.registry import Entry, Registry

FRACTION = Entry("fractions:Fraction", "A fraction.", options={"numerator": 3, "denominator": 4})
PLUGIN = Entry("decimal:Decimal", "From elsewhere.")
NOT_AN_ENTRY = "a string"


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

from __future__ import annotations

from dataclasses import dataclass

import pytest

from vocabx.core.meanings import first_sentence, meanings_of


@dataclass(frozen=True)
class Lamp:
    """A lamp.

    Attributes
    ----------
    watts : int
        How bright
        it is; 0 is off. Few need more.

        A paragraph of its own.
    colour : str, optional
        ``red`` or ``blue``.
    height, width : float
        In metres. Not in feet.
    maker : str

    Notes
    -----
    weight : int
        This is no option.
    """

    watts: int = 0
    colour: str | None = None
    height: float = 1.0
    width: float = 1.0
    maker: str = ""


@dataclass(frozen=True)
class Lantern(Lamp):
    """A lamp that is carried.

    Attributes
    ----------
    watts : int
        Drawn from a battery.
    handle : bool
        Where it is held.
    """

    handle: bool = True


def carry(lamp: Lamp, far: bool = False, **options: int) -> None:
    """Carry a lamp.

    Parameters
    ----------
    lamp : Lamp
    far : bool
        Whether it is carried out of sight
    **options
        Of the road. See `Lamp`.

    Returns
    -------
    None
        Nothing.
    """


OF_A_LAMP = {
    "watts": "How bright it is; 0 is off",
    "colour": "red or blue",
    "height": "In metres",
    "width": "In metres",
}


def test_each_item_of_the_section_gives_the_first_sentence_of_its_description() -> None:
    assert meanings_of(Lamp) == OF_A_LAMP


def test_a_class_takes_over_what_its_base_says_unless_it_says_it_itself() -> None:
    assert meanings_of(Lantern) == OF_A_LAMP | {"watts": "Drawn from a battery", "handle": "Where it is held"}


def test_the_parameters_of_a_function_are_read_and_what_it_returns_is_not() -> None:
    assert meanings_of(carry) == {"far": "Whether it is carried out of sight", "options": "Of the road"}


def test_without_a_docstring_or_a_section_nothing_is_known() -> None:
    def bare(lamp: Lamp) -> None: ...

    bare.__doc__ = None
    assert meanings_of(bare) == {}
    bare.__doc__ = "One line: lamp : Lamp"
    assert meanings_of(bare) == {}
    bare.__doc__ = "Title\n-----\n"
    assert meanings_of(bare) == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ""),
        ("no stop", "no stop"),
        ("With 0.5 or 1e-5 (Li et al. 2025). More.", "With 0.5 or 1e-5 (Li et al. 2025)"),
        ("``a``: 1, 1/2 ... of b.\n    ``c``: more.", "a: 1, 1/2 ... of b"),
        ("One... Two. Three.", "One... Two"),
    ],
)
def test_a_sentence_ends_at_a_full_stop_before_a_new_one(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence

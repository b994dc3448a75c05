from __future__ import annotations

import re

import pytest

from vocabx.core import errors

CLASSES = {name: value for name, value in vars(errors).items() if name in errors.__all__ and isinstance(value, type)}


def tree_in_the_docstring() -> dict[str, str]:
    """Return the parent of each class as it is drawn."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for indent, name in re.findall(r"^    ([ │├└─]*)(\w+Error)", errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 4
        path = [*path[:depth], name]
        parents[name] = path[depth - 1] if depth else "Exception"
    return parents


def test_the_tree_is_drawn_as_it_is() -> None:
    assert tree_in_the_docstring() == {name: type_.__bases__[0].__name__ for name, type_ in CLASSES.items()}


def test_every_public_class_is_an_error_of_ours() -> None:
    assert all(issubclass(type_, errors.VocabxError) for type_ in CLASSES.values())


def test_an_unknown_name_is_a_readable_sentence() -> None:
    error = errors.UnknownNameError("method", "fcous", ["wechsel", "focus"])
    assert str(error) == "There is no method called 'fcous'. Did you mean 'focus'? Known: focus, wechsel."


def test_a_missing_extra_says_how_to_install_it() -> None:
    with pytest.raises(errors.MissingExtraError, match=r"^Plotting needs .*: pip install 'vocabx\[report\]'$"):
        raise errors.MissingExtraError("Plotting", "report")

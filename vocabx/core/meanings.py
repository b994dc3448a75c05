"""Meanings: what the options of a class or function do, as its docstring says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from inspect import cleandoc, isclass
from typing import Any

__all__ = ["first_sentence", "meanings_of"]

HEADING = re.compile(r"^(\S.*)\n-{3,}$\n?", re.MULTILINE)
NAMED = ("Attributes", "Parameters")
ITEM = re.compile(r"^(\S.*)\n((?:[ \t]+\S.*\n|\n)*)", re.MULTILINE)
"""A line that is not indented, and the indented lines after it."""

SENTENCE_END = re.compile(r"(?<!\.)\.(?=\s+[A-Z`\"]|$)")


def meanings_of(factory: Callable[..., Any]) -> dict[str, str]:
    """Return what each option means: the first sentence of its item in the numpydoc section that lists it.

    Sections ``Attributes`` and ``Parameters`` are read, of a class those of its bases too, in whose place its own
    stand. An item without a description says nothing and is left out.

    >>> def paint(colour: str, coats: int) -> None:
    ...     '''Paint a wall.
    ...
    ...     Parameters
    ...     ----------
    ...     colour : str
    ...         ``red`` or
    ...         ``blue``. The paint is old.
    ...     coats : int
    ...     '''
    >>> meanings_of(paint)
    {'colour': 'red or blue'}
    """
    sources = reversed(factory.__mro__) if isclass(factory) else (factory,)
    return {name: meaning for source in sources for name, meaning in _items(source.__doc__ or "")}


def first_sentence(text: str) -> str:
    """Return the first sentence on one line, without its full stop and without the quotes of code.

    >>> first_sentence("One of ``a`` (Li et al. 2025) or 1, 1/2 ... of `b`. More.")
    'One of a (Li et al. 2025) or 1, 1/2 ... of b'
    """
    line = " ".join(text.split())
    end = SENTENCE_END.search(line)
    return (line[: end.start()] if end else line).replace("`", "")


def _items(docstring: str) -> Iterator[tuple[str, str]]:
    """Yield (name, meaning) of every item of the sections; names that share a description share the meaning."""
    _, *parts = HEADING.split(cleandoc(docstring))
    for heading, section in zip(parts[::2], parts[1::2], strict=True):
        for header, description in ITEM.findall(section + "\n") if heading in NAMED else ():
            meaning = first_sentence(description)
            names = header.partition(" : ")[0].split(",") if meaning else ()
            yield from ((name.strip().lstrip("*"), meaning) for name in names)

"""Write docs/families.md: what vocabx knows of each architecture, from the tables that it works by.

What    One table of the layouts, one of the models around a language model, and one of the types that are refused.
From    `vocabx/checkpoint/families/text_layouts.py`, `wrappers.py` and `refusals.py`.
Out     docs/families.md, or the file that is named. A test compares the two.
Time    Less than a second.

    python data_scripts/list_families.py [OUT]
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from vocabx.checkpoint.families.layout import Layout
from vocabx.checkpoint.families.refusals import REFUSED
from vocabx.checkpoint.families.text_layouts import DECODERS, ENCODERS, SEQUENCE_TO_SEQUENCE
from vocabx.checkpoint.families.wrappers import WRAPPERS, Wrapper

__all__ = ["families_page"]

OUT = Path(__file__).parents[1] / "docs" / "families.md"
LAYOUT_COLUMNS = ("model types", "input", "head", "biases", "tied", "stored again as", "further tables")
WRAPPER_COLUMNS = ("model types", "text part's settings", "text part, unless said", "head", "tied")
INTRODUCTION = """\
# Families

Which architectures vocabx gives another vocabulary, and which it refuses. This page is written by
[`data_scripts/list_families.py`](../data_scripts/list_families.py) from the tables that the code works by.

Names are ends of tensor names: `model.embed_tokens.weight` ends in `embed_tokens.weight`. *Tied* is what holds where
config.json does not say. Under *stored again as* are other names of the input embedding; a copy is written equal to it,
and one that was stored with other values has its own rows, made as the input's. A bias may be stored as one row.

**How it is checked.** Each class of each type is made with two sizes of vocabulary, without weights, and the tensors
that differ must be those of this page. A small model of each type is saved, extended and opened again with its own
class: hidden states of old tokens are the same to the bit, and their scores within 0.0001. The tests are in
`tests/checkpoint/families/test_architectures.py`, which names what cannot be made or run; most need `make slow`.
"""


def families_page() -> str:
    """Return the page as Markdown."""
    parts = [INTRODUCTION]
    for title, layouts in (
        ("Decoders", DECODERS),
        ("Encoders", ENCODERS),
        ("Encoders with a decoder", SEQUENCE_TO_SEQUENCE),
    ):
        parts += [f"## {title}", _table(LAYOUT_COLUMNS, map(_layout_row, layouts))]
    parts += ["## Models around a language model", "What is not said here is as in the text part's own row."]
    parts += [_table(WRAPPER_COLUMNS, map(_wrapper_row, WRAPPERS))]
    parts += ["## Refused", "A model of the type ...", _table(("model types", "because it"), _refusals())]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _layout_row(layout: Layout) -> tuple[str, ...]:
    words = (layout.model_types, (layout.input,), layout.heads, layout.biases)
    tied = ("yes" if layout.tied else "no") if layout.heads else ""
    return *map(_code, words), tied, _code(layout.copies), _code(layout.tables)


def _wrapper_row(wrapper: Wrapper) -> tuple[str, ...]:
    tied = "as the text part" if wrapper.tied is None else "yes" if wrapper.tied else "no"
    return (
        _code(wrapper.model_types),
        _code((wrapper.text, *wrapper.others)),
        _code((wrapper.default,)),
        _code(wrapper.heads or ()),
        tied,
    )


def _refusals() -> Iterable[tuple[str, ...]]:
    for reason, names in groupby(REFUSED, key=lambda name: REFUSED[name]):
        yield _code(tuple(names)), reason


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    target.write_text(families_page(), encoding="utf-8")
    print(f"written: {target}")

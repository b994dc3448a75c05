"""The public names of vocabx are those that its __init__ binds, and all of them work."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vocabx


def bound_names(source: str) -> set[str]:
    """Names that a module's source binds at its top, for readers or for type checkers only.

    Imports from elsewhere than vocabx do not count, nor do private names other than ``__version__``.
    """
    names = set()
    statements = list(ast.parse(source).body)
    while statements:
        match statements.pop():
            case ast.If(body=body, orelse=orelse):
                statements += body + orelse
            case ast.ImportFrom(module=str(module), names=aliases) if module.split(".")[0] == "vocabx":
                names |= {alias.asname or alias.name for alias in aliases}
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return {name for name in names if name == "__version__" or not name.startswith("_")}


def in_order(names: list[str]) -> list[str]:
    """Sort constants first, then classes, then the rest, as `ruff check --fix` does."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[:1].isupper(), name))


@pytest.mark.smoke
def test_the_list_is_complete() -> None:
    source = Path(vocabx.__file__).read_text(encoding="utf-8")
    assert bound_names(source) == set(vocabx.__all__)


@pytest.mark.smoke
def test_the_list_is_sorted_and_names_nothing_twice() -> None:
    assert vocabx.__all__ == in_order(vocabx.__all__)
    assert len(vocabx.__all__) == len(set(vocabx.__all__))


@pytest.mark.smoke
@pytest.mark.parametrize("name", vocabx.__all__)
def test_every_name_works_in_a_fresh_interpreter(name: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", f"from vocabx import {name}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(vocabx.__file__).parents[1])},
    )
    assert run.returncode == 0, run.stderr[-2000:]


@pytest.mark.smoke
def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(vocabx, "no_such_name")  # noqa: B009


def test_names_bound_in_every_way_are_seen() -> None:
    source = """
from typing import TYPE_CHECKING
import numpy as np
if TYPE_CHECKING:
    from vocabx.core.tokens import TokenTable
from vocabx.report import Report as Findings
__all__ = []
__version__ = "1"
LIMIT: int = 3
_private = 1
def extend(): ...
def __getattr__(name): ...
"""
    assert bound_names(source) == {"TokenTable", "Findings", "__version__", "LIMIT", "extend"}

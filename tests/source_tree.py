"""The project's own source as data: where the packages lie, and what each module imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LINKED", "ROOT", "WRITTEN_BESIDE_MODELS", "Import", "imports", "modules", "package_folders", "read_setup"]

ROOT = Path(__file__).resolve().parents[1]
LINKED = ("aligners", "eval", "tokenizer_tools")
"""Folders of the repository that are sub-packages of vocabx."""
WRITTEN_BESIDE_MODELS = {"vocabx.factorization.modeling_factorized"}
"""Modules that are copied beside a model for those who open it, who have torch: all their imports are at the top."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import: the dotted name, its line, and whether it runs as soon as the module is imported."""

    name: str
    line: int
    at_start: bool


def read_setup(root: Path = ROOT) -> ConfigParser:
    """Parse setup.cfg."""
    setup = ConfigParser()
    setup.read_string((root / "setup.cfg").read_text(encoding="utf-8"))
    return setup


def package_folders(root: Path = ROOT) -> dict[str, Path]:
    """Every folder that holds Python files, by import name; links are not followed."""
    tops = {"vocabx": root / "vocabx"} | {f"vocabx.{name}": root / name for name in LINKED}
    folders = {}
    for prefix, top in tops.items():
        for file in sorted(top.rglob("*.py")):
            inside = file.parent.relative_to(top)
            if not any((top / part).is_symlink() for part in [inside, *inside.parents]):
                folders[".".join([prefix, *inside.parts])] = file.parent
    return folders


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Every module by import name; a package stands for its `__init__.py`."""
    found = {}
    for package, folder in package_folders(root).items():
        for file in sorted(folder.glob("*.py")):
            found[package if file.stem == "__init__" else f"{package}.{file.stem}"] = file
    return found


def imports(file: Path) -> list[Import]:
    """Every import of a file: statements anywhere, and names in strings such as ``"vocabx.core.tokens:TokenTable"``.

    ``from a import b`` gives ``a.b``, whether b is a module or not.
    """
    return list(_imports(ast.parse(file.read_text(encoding="utf-8"), str(file)), at_start=True))


def _imports(node: ast.AST, at_start: bool) -> Iterator[Import]:
    match node:
        case ast.Import(names=names):
            yield from (Import(alias.name, node.lineno, at_start) for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            prefix = "." * level + (module or "")
            yield from (Import(f"{prefix}.{alias.name}", node.lineno, at_start) for alias in names)
        case ast.Constant(value=str(text)) if re.fullmatch(r"vocabx(\.\w+)+(:\w+)?", text):
            yield Import(text.partition(":")[0], node.lineno, at_start=False)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            at_start = False
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            for statement in node.body:
                yield from _imports(statement, at_start=False)
            for statement in node.orelse:
                yield from _imports(statement, at_start)
            return
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, at_start)

"""The layers: a module imports only what is below it, and heavy libraries only where they are used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.source_tree import ROOT, WRITTEN_BESIDE_MODELS, imports, modules

TOOLBOXES = {"aligners", "eval", "tokenizer_tools"}
LAYERS = {"core": 0, **dict.fromkeys(TOOLBOXES, 1), "cli": 3, "__main__": 3}
"""Everything else in vocabx is in layer 2."""

OPTIONAL = {"accelerate", "datasets", "datatrove", "lm_eval", "matplotlib", "peft", "ray", "torch"}
"""What only an extra installs: imported where it is used, never when a module is."""

HEAVY = {"faiss": "vocabx.core.neighbours", "gensim": "vocabx.aligners."}
"""Slow to import: only these modules may do it at their top."""


def upward_imports(root: Path) -> list[str]:
    """Every import that goes up, or sideways between toolboxes."""
    known = modules(root)
    found = []
    for module, file in known.items():
        for imported in imports(file):
            target = imported.name if imported.name in known else imported.name.rpartition(".")[0]
            if imported.name.startswith("."):
                found.append(f"{module}:{imported.line} imports by a relative name: {imported.name}")
            elif target.partition(".")[0] == "vocabx" and not may_import(module, target):
                found.append(f"{module}:{imported.line} imports {target}, which is not below it")
    return found


def may_import(module: str, target: str) -> bool:
    """Whether the layers allow the import."""
    own, other = (f"{name}..".split(".")[1] for name in (module, target))
    return own == other or (LAYERS.get(own, 2) >= LAYERS.get(other, 2) and not {own, other} <= TOOLBOXES)


def early_imports(root: Path) -> list[str]:
    """Every optional or heavy library that is imported as soon as one of our modules is."""
    found = []
    for module, file in modules(root).items():
        for imported in imports(file):
            library = imported.name.partition(".")[0]
            misplaced = library in HEAVY and not module.startswith(HEAVY[library])
            if imported.at_start and (library in OPTIONAL or misplaced) and module not in WRITTEN_BESIDE_MODELS:
                found.append(f"{module}:{imported.line} imports {library} at its top; do it inside the function")
    return found


def test_a_module_imports_only_what_is_below_it() -> None:
    assert upward_imports(ROOT) == []


def test_optional_and_heavy_libraries_are_imported_where_they_are_used() -> None:
    assert early_imports(ROOT) == []


def test_no_test_module_imports_torch_at_its_top() -> None:
    early = [
        f"{file.relative_to(ROOT)}:{imported.line}: mark the test `torch` and import torch inside it"
        for file in sorted((ROOT / "tests").rglob("*.py"))
        for imported in imports(file)
        if imported.at_start and imported.name.partition(".")[0] == "torch"
    ]
    assert early == []


def test_every_layer_has_modules() -> None:
    areas = {f"{module}..".split(".")[1] for module in modules()}
    assert areas >= LAYERS.keys()


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("vocabx/core/tokens.py", "from vocabx.aligners import recipes"),
        ("vocabx/core/tokens.py", "from vocabx import __version__"),
        ("vocabx/core/tokens.py", "TABLE = {'a': 'vocabx.initializers.mean:Mean'}"),
        ("aligners/recipes.py", "import vocabx.eval"),
        ("aligners/recipes.py", "def f():\n    from vocabx.tokenizer_tools import read"),
        ("eval/text.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from vocabx.report import Report"),
        ("eval/spaces/deep.py", "from .. import tokens"),
        ("vocabx/report.py", "import vocabx.cli"),
        ("vocabx/initializers/mean.py", "from vocabx.cli import main"),
    ],
)
def test_an_upward_import_is_found(tmp_path: Path, module: str, line: str) -> None:
    (tmp_path / module).parent.mkdir(parents=True)
    (tmp_path / "vocabx").mkdir(exist_ok=True)
    (tmp_path / "vocabx" / "cli.py").touch()
    (tmp_path / module).write_text(line)
    assert len(upward_imports(tmp_path)) == 1


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("aligners/recipes.py", "from vocabx.core.tokens import TokenTable"),
        ("aligners/spaces/words.py", "from vocabx.aligners.recipes import Recipe"),
        ("vocabx/extension.py", "from vocabx import __version__, report\nimport vocabx.aligners.recipes"),
        ("vocabx/cli/extend.py", "import vocabx, numpy\nfrom vocabx import extension"),
        ("vocabx/__main__.py", "from vocabx.cli import main"),
    ],
)
def test_a_downward_import_is_allowed(tmp_path: Path, module: str, line: str) -> None:
    (tmp_path / module).parent.mkdir(parents=True)
    (tmp_path / module).write_text(line)
    assert upward_imports(tmp_path) == []


@pytest.mark.parametrize(
    ("module", "line", "found"),
    [
        ("vocabx/extension.py", "import torch", 1),
        ("vocabx/extension.py", "try:\n    import torch.nn\nexcept ImportError:\n    pass", 1),
        ("vocabx/extension.py", "from gensim.models import FastText", 1),
        ("aligners/__init__.py", "import gensim", 1),
        ("vocabx/extension.py", "def f():\n    import torch", 0),
        ("vocabx/extension.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch", 0),
        ("vocabx/core/neighbours.py", "import faiss", 0),
    ],
)
def test_an_early_import_is_found(tmp_path: Path, module: str, line: str, found: int) -> None:
    (tmp_path / module).parent.mkdir(parents=True)
    (tmp_path / module).write_text(line)
    assert len(early_imports(tmp_path)) == found

"""What is installed is what is in the repository, and every place that names the version agrees."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import vocabx
from tests.source_tree import LINKED, ROOT, WRITTEN_BESIDE_MODELS, imports, modules, package_folders, read_setup

MODULE_OF = {"faiss-cpu": "faiss", "lm-eval": "lm_eval", "protobuf": "google"}
"""Distributions whose module has another name."""

FOLDERS_WITHOUT_CODE = {"samples", "base", "text", "__pycache__"}


def listed(value: str) -> list[str]:
    return [line.strip() for line in value.splitlines() if line.strip()]


def required_modules(requirements: str) -> set[str]:
    """Top-level modules that a list of requirements brings."""
    names = {re.split(r"[\s\[<>=!~;]", line)[0] for line in listed(requirements)}
    return {MODULE_OF.get(name, name.replace("-", "_")) for name in names}


def undeclared_imports(root: Path) -> list[str]:
    """Imports of libraries that setup.cfg does not ask for; at a module's top only the core's are there."""
    setup = read_setup(root)
    core = required_modules(setup["options"]["install_requires"]) | sys.stdlib_module_names | {"vocabx"}
    extras = {name for extra, value in setup["options.extras_require"].items() if extra != "dev"
              for name in required_modules(value)}  # fmt: skip
    return [
        f"{module}:{imported.line} imports {imported.name}, which setup.cfg does not require"
        for module, file in modules(root).items()
        for imported in imports(file)
        if imported.name.partition(".")[0]
        not in (core if imported.at_start and module not in WRITTEN_BESIDE_MODELS else core | extras)
    ]


def unlisted_data(root: Path) -> list[str]:
    """Files inside packages that no pattern of package_data covers, so that the wheel lacks them."""
    patterns = {name: listed(value) for name, value in read_setup(root)["options.package_data"].items()}
    missing = []
    folders = package_folders(root)
    for package, folder in folders.items():
        for file in sorted(folder.rglob("*")):
            inside = file.relative_to(folder)
            owner = next(parent for parent in file.parents if parent in folders.values())
            if (
                file.is_file()
                and owner == folder
                and file.suffix not in (".py", ".pyc")
                and file.name != "README.md"
                and not any(part.startswith(".") for part in inside.parts)
                and not any((folder / parent).is_symlink() for parent in inside.parents)
                and not any(inside.match(pattern) for pattern in patterns.get(package, []))
            ):
                missing.append(f"{package}: {inside}")
    return missing


def version_disagreements(version: str, citation: str, changelog: str) -> list[str]:
    """Places that contradict the version: the citation, and a changelog whose newest release is another one."""
    found = []
    cited = re.findall(r"^version: (\S+)$", citation, re.MULTILINE)
    if cited != [version]:
        found.append(f"CITATION.cff has version {cited}")
    headings = re.findall(r"^## \[([^\]]+)\]", changelog, re.MULTILINE)
    if headings[:1] != ["Unreleased"]:
        found.append(f"CHANGELOG.md does not begin with [Unreleased] but with {headings[:1]}")
    if headings[1:] and headings[1] != version:
        found.append(f"the newest release in CHANGELOG.md is {headings[1]}")
    return found


def test_every_package_is_listed_and_every_listed_package_exists() -> None:
    assert listed(read_setup()["options"]["packages"]) == sorted(package_folders())


def test_every_package_has_an_init() -> None:
    folders = [*package_folders().values(), *(file.parent for file in (ROOT / "tests").rglob("test_*.py"))]
    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_folder_of_code_is_empty_of_code() -> None:
    tops = [ROOT / "vocabx", *(ROOT / name for name in LINKED)]
    folders = {folder for top in tops for folder in top.iterdir() if folder.is_dir() and not folder.is_symlink()}
    without = {folder for folder in folders if folder not in package_folders().values()}
    assert {folder.name for folder in without} <= FOLDERS_WITHOUT_CODE


@pytest.mark.parametrize("name", LINKED)
def test_toolboxes_are_mapped_and_linked(name: str) -> None:
    link = ROOT / "vocabx" / name
    assert link.is_symlink()
    assert link.readlink() == Path("..", name)
    assert f"vocabx.{name} = {name}" in listed(read_setup()["options"]["package_dir"])


def test_every_import_is_a_declared_dependency() -> None:
    assert undeclared_imports(ROOT) == []


def test_every_data_file_reaches_the_wheel() -> None:
    assert unlisted_data(ROOT) == []


def test_the_command_exists() -> None:
    (command,) = listed(read_setup()["options.entry_points"]["console_scripts"])
    assert command == "vocabx = vocabx.cli.program:run"
    assert "vocabx.cli.program" in modules()


def test_the_version_is_the_same_everywhere() -> None:
    citation, changelog = ((ROOT / name).read_text(encoding="utf-8") for name in ("CITATION.cff", "CHANGELOG.md"))
    assert version_disagreements(vocabx.__version__, citation, changelog) == []


@pytest.mark.parametrize(
    ("citation", "changelog", "found"),
    [
        ("version: 1.2.0", "## [Unreleased]\n## [1.2.0] - 2026-01-01\n## [1.1.0]", 0),
        ("version: 1.2.0", "## [Unreleased]", 0),
        ("version: 1.1.0", "## [Unreleased]\n## [1.2.0]", 1),
        ("", "## [Unreleased]\n## [1.2.0]", 1),
        ("version: 1.2.0", "## [1.2.0]", 1),
        ("version: 1.2.0", "## [Unreleased]\n## [1.3.0]", 1),
    ],
)
def test_a_version_that_disagrees_is_found(citation: str, changelog: str, found: int) -> None:
    assert len(version_disagreements("1.2.0", citation, changelog)) == found


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    (tmp_path / "setup.cfg").write_text(
        "[options]\ninstall_requires =\n    numpy>=2\n    protobuf\n"
        "[options.extras_require]\neval =\n    lm-eval[hf]>=0.4\ndev =\n    pytest\n"
        "[options.package_data]\nvocabx =\n    py.typed\n"
    )
    (tmp_path / "vocabx").mkdir()
    (tmp_path / "vocabx" / "__init__.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import sys, numpy.linalg\nfrom google.protobuf import message", 0),
        ("def f():\n    import lm_eval", 0),
        ("import lm_eval", 1),
        ("import pandas", 1),
        ("def f():\n    import pytest", 1),
    ],
)
def test_an_undeclared_import_is_found(small_tree: Path, source: str, found: int) -> None:
    (small_tree / "vocabx" / "extension.py").write_text(source)
    assert len(undeclared_imports(small_tree)) == found


def test_a_data_file_that_is_not_listed_is_found(small_tree: Path) -> None:
    (small_tree / "vocabx" / "py.typed").touch()
    (small_tree / "vocabx" / "words.json").touch()
    assert unlisted_data(small_tree) == ["vocabx: words.json"]


def test_a_package_that_nobody_listed_is_seen(small_tree: Path) -> None:
    (small_tree / "aligners" / "spaces").mkdir(parents=True)
    (small_tree / "aligners" / "spaces" / "words.py").touch()
    (small_tree / "vocabx" / "aligners").symlink_to("../aligners")
    assert sorted(package_folders(small_tree)) == ["vocabx", "vocabx.aligners.spaces"]

"""The READMEs are true: their code runs, their commands print what they say, and their tables name every file.

Python blocks of one README share their variables, and all blocks share one folder, in the order of reading. In a
console block a line that begins with ``$ `` is run (a trailing backslash continues it); what follows is compared
with what it prints, where ``...`` stands for anything. A block after ``<!-- not run: reason -->`` is not run.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.source_tree import LINKED, ROOT
from vocabx.checkpoint.families.layouts import known_types
from vocabx.checkpoint.families.refusals import REFUSED

RUN = ("python", "console")
SHOWN = ("", "bibtex", "ini", "json", "jsonl", "mermaid", "text", "toml", "tsv", "yaml")
SAME = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

FOLDERS = ["vocabx", *LINKED, "data_scripts"]
"""Folders that must have a README with a table of their files."""

READMES = sorted(
    file.relative_to(ROOT)
    for pattern in ("README.md", *(f"{folder}/**/README.md" for folder in FOLDERS))
    for file in ROOT.glob(pattern)
    if not any(folder.is_symlink() for folder in file.parents)
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a README: its kind, its text, the line of its fence and why it is not run, if so."""

    kind: str
    text: str
    line: int
    not_run: str = ""


@dataclass
class Reader:
    """Somebody who types one README's blocks in order, in an empty folder."""

    folder: Path
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})


def blocks(text: str) -> Iterator[Block]:
    """Find the fenced blocks of a Markdown text."""
    kind, start, before = None, 0, ""
    inside: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if kind is None and (fence := re.fullmatch(r"```\s*(\w*).*", line)):
            kind, start, inside = fence[1], number, []
        elif kind is not None and line.strip() == "```":
            reason = re.fullmatch(r"<!-- not run: (.+) -->", before)
            yield Block(kind, "\n".join(inside) + "\n", start, reason[1] if reason else "")
            kind, before = None, ""
        elif kind is not None:
            inside.append(line)
        elif line.strip():
            before = line.strip()
    assert kind is None, f"the block that begins in line {start} never ends"


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Split a console block into commands, each with the output that is promised."""
    head, *parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    assert not head.strip(), f"a console block begins with a command, not with {head!r}"
    for part in parts:
        match = re.match(r"((?:.*\\\n)*.*)\n?", part)
        assert match
        yield match[1], part[match.end() :]


def run_console(text: str, folder: Path) -> None:
    """Run each command of a console block and compare its output with the promised one."""
    own = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]), "COLUMNS": "100",
           "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}  # fmt: skip
    for command, promised in commands(text):
        run = subprocess.run(
            command, shell=True, cwd=folder, env=os.environ | own, capture_output=True, encoding="utf-8"
        )
        assert run.returncode == 0, f"$ {command}\n{run.stdout}{run.stderr}"
        printed = run.stdout if run.stdout.strip() else run.stderr
        if promised.strip():
            same = doctest.OutputChecker().check_output(promised.strip() + "\n", printed.strip() + "\n", SAME)
            assert same, f"$ {command}\npromised:\n{promised}\nprinted:\n{printed}"


def run_python(text: str, name: str, line: int, names: dict[str, Any]) -> None:
    """Run a Python block, as a session if it has prompts and as a script if not."""
    if not text.lstrip().startswith(">>>"):
        exec(compile("\n" * line + text, name, "exec"), names)
        return
    runner = doctest.DocTestRunner(optionflags=SAME)
    report: list[str] = []
    session = doctest.DocTestParser().get_doctest(text, names, name, name, line)
    session.globs = names
    runner.run(session, out=report.append, clear_globs=False)
    assert runner.failures == 0, "".join(report)


def file_rows(text: str) -> set[str]:
    """Names in backquotes in the first column of tables whose first heading begins with File, Folder or Script."""
    rows: set[str] = set()
    for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        first = [line.split("|")[1].strip() for line in table.splitlines()]
        if re.match(r"(?i)(file|folder|script)", first[0]):
            rows.update(name.rstrip("/") for cell in first[1:] for name in re.findall(r"`([^`]+)`", cell))
    return rows


def table_mistakes(folder: Path) -> list[str]:
    """Compare the file tables of a folder's README with the folder: its modules, scripts and sub-packages."""
    named = file_rows((folder / "README.md").read_text(encoding="utf-8"))
    present = {
        path.name
        for path in folder.iterdir()
        if not path.name.startswith((".", "_"))
        and (path.suffix in (".py", ".sh") or (path.is_dir() and not path.is_symlink() and any(path.glob("*.py"))))
    }
    gone = [f"{name} is in the table and not in the folder" for name in sorted(named) if not (folder / name).exists()]
    return gone + [f"{name} is in the folder and not in the table" for name in sorted(present - named)]


def blocks_to_run() -> Iterator[Any]:
    for readme in READMES:
        for block in blocks((ROOT / readme).read_text(encoding="utf-8")):
            if block.kind in RUN:
                reason = pytest.mark.skipif(bool(block.not_run), reason=f"the README says: {block.not_run}")
                yield pytest.param(readme, block, id=f"{readme}:{block.line}", marks=reason)


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Reader]:
    return {readme: Reader(tmp_path_factory.mktemp("reader")) for readme in READMES}


@pytest.mark.parametrize(("readme", "block"), list(blocks_to_run()))
def test_blocks_do_what_they_say(
    readme: Path, block: Block, readers: dict[Path, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = readers[readme]
    monkeypatch.chdir(reader.folder)
    if block.kind == "console":
        run_console(block.text, reader.folder)
    else:
        run_python(block.text, str(readme), block.line, reader.names)


def test_the_readme_shows_the_command_line_and_the_library() -> None:
    kinds = {block.kind for block in blocks((ROOT / "README.md").read_text(encoding="utf-8")) if not block.not_run}
    assert kinds >= set(RUN)


@pytest.mark.parametrize("readme", READMES, ids=str)
def test_every_block_is_of_a_kind_that_is_run_or_only_shown(readme: Path) -> None:
    kinds = {block.kind for block in blocks((ROOT / readme).read_text(encoding="utf-8"))}
    assert kinds <= {*RUN, *SHOWN}


def test_every_folder_has_a_readme() -> None:
    assert [folder for folder in FOLDERS if Path(folder, "README.md") not in READMES] == []


@pytest.mark.parametrize("readme", [path for path in READMES if path.parent != Path()], ids=str)
def test_a_folder_and_its_table_of_files_agree(readme: Path) -> None:
    assert table_mistakes(ROOT / readme.parent) == []


def test_a_table_that_is_wrong_is_found(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("| File | |\n|---|---|\n| `a.py` | x |\n| `gone.py`, `sub/` | x |\n")
    for name in ("a.py", "b.py", "__init__.py", "sub/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert table_mistakes(tmp_path) == [
        "gone.py is in the table and not in the folder",
        "b.py is in the folder and not in the table",
    ]


def test_blocks_are_found_with_their_marks() -> None:
    text = "a\n```console\n$ b\n```\n<!-- not run: slow -->\n\n```python\nc\n```\n```text\nd\n```\n"
    assert list(blocks(text)) == [
        Block("console", "$ b\n", 2),
        Block("python", "c\n", 7, "slow"),
        Block("text", "d\n", 10),
    ]


@pytest.mark.parametrize("text", ["$ echo one two\none ... three\n", "$ exit 3\n", "$ true\nnothing\n"])
def test_a_command_that_does_something_else_is_found(text: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"^\$ "):
        run_console(text, tmp_path)


def test_a_command_may_be_long_and_its_output_shortened(tmp_path: Path) -> None:
    run_console("$ printf '%s\\n' 1 \\\n    2 3\n1\n...\n3\n$ test -d .\n", tmp_path)


@pytest.mark.parametrize("text", ["assert 1 == 2", ">>> 1 + 1\n3\n"])
def test_python_that_is_not_true_is_found(text: str) -> None:
    with pytest.raises(AssertionError):
        run_python(text, "README.md", 1, {})


def test_python_blocks_share_their_names() -> None:
    names: dict[str, Any] = {}
    run_python("a = 1", "README.md", 1, names)
    run_python(">>> b = a + 1\n>>> b\n2\n", "README.md", 5, names)
    run_python("assert b == 2", "README.md", 9, names)


def test_the_readme_counts_the_families_as_they_are() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{len(known_types())} model types of transformers are known by name" in text
    assert f"{len(REFUSED)} are refused with the reason" in text

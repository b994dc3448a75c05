"""A small base with its texts, made once, and a way to run commands."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.extension.bases import CHAT_TEMPLATE, save_base, save_tokenizer, write_texts


@dataclass(frozen=True)
class Place:
    """A directory of one test's own that holds a base and its texts."""

    root: Path

    @property
    def base(self) -> Path:
        return self.root / "base"

    @property
    def corpus(self) -> Path:
        return self.root / "corpus.txt"

    @property
    def sample(self) -> Path:
        return self.root / "sample.txt"

    @property
    def out(self) -> Path:
        return self.root / "out"

    def extend(self, *more: object, size: object = 40, **changed: object) -> list[str]:
        """Return the arguments of `vocabx extend`; `changed` replaces `base`, `corpus`, `sample` or `out`."""
        base, corpus, sample, out = (
            changed.get(name, getattr(self, name)) for name in ("base", "corpus", "sample", "out")
        )
        named = ["--corpus", corpus, "--source-sample", sample, "--size", size, "--out", out]
        return [str(argument) for argument in ("extend", base, *named, *more)]


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(scope="session")
def _prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("command line")
    write_texts(root)
    base = save_base(root / "base", padding=8)
    save_tokenizer(base, chat_template=CHAT_TEMPLATE)
    return root


@pytest.fixture
def place(_prepared: Path, tmp_path: Path) -> Place:
    """Return a copy of the base and its texts."""
    shutil.copytree(_prepared, tmp_path, dirs_exist_ok=True)
    return Place(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command in this process, as the console script does."""
    from vocabx.cli import main

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        code: object = None
        try:
            main.main([str(argument) for argument in arguments], prog_name="vocabx")
        except SystemExit as stop:
            code = stop.code
        printed = capsys.readouterr()
        return Ran(code if isinstance(code, int) else int(code is not None), printed.out, printed.err)

    return run

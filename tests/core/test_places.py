from __future__ import annotations

import os
from pathlib import Path

import pytest

from vocabx.core.errors import InputError
from vocabx.core.places import current_directory


def test_the_current_directory_is_where_this_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert current_directory() == Path(os.path.realpath(tmp_path))


def test_a_current_directory_that_was_removed_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(InputError, match=r"^The current directory is not there any more, .* Change to another one"):
        current_directory()

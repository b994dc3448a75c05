"""Models that are made once: damaging a copy is cheap, extending is not."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.verification.models import extend, replace, save_base, trim


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Keep torch from waking threads for matrices of a few numbers, which takes longer than the sum itself."""
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def untied_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("untied") / "base", tied=False)


@pytest.fixture(scope="session")
def untied(untied_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return extend(untied_base, tmp_path_factory.mktemp("untied") / "extended")


@pytest.fixture(scope="session")
def tied_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("tied") / "base", tied=True)


@pytest.fixture(scope="session")
def tied(tied_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return extend(tied_base, tmp_path_factory.mktemp("tied") / "extended")


@pytest.fixture(scope="session")
def replaced(untied_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return replace(untied_base, tmp_path_factory.mktemp("untied") / "replaced")


@pytest.fixture(scope="session")
def trimmed(untied_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trim(untied_base, tmp_path_factory.mktemp("untied") / "trimmed")

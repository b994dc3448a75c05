"""A hub in a folder: what huggingface_hub would do to its cache, without a network."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.utils._paths import filter_repo_objects

__all__ = ["COMMIT", "FakeHub", "refusal"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def refusal(kind: type[Exception], status: int = 404) -> Exception:
    """Make an error as the hub's client raises it."""
    response = SimpleNamespace(headers={}, status_code=status, request=None)
    return kind(f"{status} Client Error.\n\nmore lines", response=response)  # type: ignore[call-arg]


@dataclass
class FakeHub:
    """Repositories by name, of one commit each; `error` is raised instead of an answer."""

    cache: Path
    repositories: dict[str, Path] = field(default_factory=dict)
    error: Exception | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
        monkeypatch.setattr(huggingface_hub, "snapshot_download", self.snapshot_download)
        import transformers.utils.hub  # noqa: F401  it keeps what it imports, and must not keep the false client

        client = type("HfApi", (), {"__new__": lambda cls, token=None: self})
        monkeypatch.setattr(huggingface_hub, "HfApi", client)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        return self

    def snapshot_download(self, name: str, **options: Any) -> str:
        self.calls.append({"name": name, **options})
        if self.error is not None:
            raise self.error
        source = self.repositories[name]
        target = self.cache / f"models--{name.replace('/', '--')}" / "snapshots" / COMMIT
        target.mkdir(parents=True, exist_ok=True)
        for file in filter_repo_objects(
            self.list_repo_files(name),
            allow_patterns=options["allow_patterns"],
            ignore_patterns=options["ignore_patterns"],
        ):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file, target / file)
        return str(target)

    def list_repo_files(self, name: str, revision: str | None = None) -> list[str]:
        source = self.repositories[name]
        return sorted(str(file.relative_to(source)) for file in source.rglob("*") if file.is_file())

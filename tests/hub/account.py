"""An account on the hub, without a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import RepositoryNotFoundError

from tests.checkpoint.sources.fake_hub import refusal

__all__ = ["FakeAccount"]


@dataclass
class FakeAccount:
    """The hub's client, which keeps what it was asked."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    token: str | None = None

    def install(self, monkeypatch: pytest.MonkeyPatch) -> FakeAccount:
        def client(cls: type, token: str | None = None) -> FakeAccount:
            self.token = token
            return self

        import transformers.utils.hub  # noqa: F401  it keeps what it imports, and must not keep the false client

        monkeypatch.setattr(huggingface_hub, "HfApi", type("HfApi", (), {"__new__": client}))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        return self

    def _answer(self, name: str, call: Any, usual: Any) -> Any:
        self.calls.append((name, call))
        answer = self.answers.get(name, usual)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def whoami(self) -> Any:
        return self._answer("whoami", None, {"name": "someone", "orgs": [{"name": "lab"}]})

    def list_repo_files(self, name: str) -> Any:
        return self._answer("list_repo_files", name, refusal(RepositoryNotFoundError))

    def create_repo(self, name: str, **options: Any) -> Any:
        return self._answer("create_repo", {"name": name, **options}, f"https://hub/{name}")

    def upload_folder(self, **options: Any) -> Any:
        return self._answer("upload_folder", options, None)

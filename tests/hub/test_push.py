"""Pushing: what can be known beforehand is checked beforehand, and what goes wrong later loses nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

import vocabx
from tests.checkpoint.sources.fake_hub import refusal
from tests.extension.bases import learning, save_base
from tests.hub.account import FakeAccount
from vocabx.core.errors import CheckpointError, InputError, OutputError
from vocabx.hub import Destination, check_pushable
from vocabx.stages import Stages


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> FakeAccount:
    return FakeAccount().install(monkeypatch)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    vocabx.extend(save_base(tmp_path / "base"), out=tmp_path / "out", **learning(tmp_path))
    return tmp_path / "out"


@pytest.mark.parametrize("private", [False, True])
def test_a_directory_is_pushed_whole(private: bool, made: Path, account: FakeAccount) -> None:
    said: list[str] = []
    check_pushable(made)
    place = Destination.check("lab/model-ko", token="secret", private=private).push(made, Stages(said.append))
    assert place == "https://hub/lab/model-ko"
    assert account.token == "secret"
    assert [name for name, _ in account.calls] == ["whoami", "list_repo_files", "create_repo", "upload_folder"]
    calls = dict(account.calls)
    assert calls["create_repo"] == {"name": "lab/model-ko", "private": private or None, "exist_ok": True}
    assert (calls["upload_folder"]["repo_id"], calls["upload_folder"]["folder_path"]) == ("lab/model-ko", made)
    assert "model-00001-of-00009.safetensors" not in {file.name for file in made.iterdir()}
    assert "*.safetensors" in calls["upload_folder"]["delete_patterns"]  # shards of an earlier push
    (line,) = said
    assert line.startswith("pushing ")
    assert line.endswith(" MB to lab/model-ko")


@pytest.mark.parametrize(
    "name",
    ["model", "a/b/c", "a/b@main", "lab/", "/model", "lab/a--b", "lab/a..b", "lab/" + "x" * 100, "lab/x.git", ""],
)
def test_a_name_that_cannot_be_is_refused_without_asking(name: str, account: FakeAccount) -> None:
    with pytest.raises(InputError, match=r"is no name of a repository: expected ORG/NAME"):
        Destination.check(name)
    assert account.calls == []


def test_nothing_is_pushed_offline(account: FakeAccount) -> None:
    with pytest.raises(InputError, match="Nothing can be pushed to lab/model offline"):
        Destination.check("lab/model", offline=True)
    assert account.calls == []


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"whoami": LocalTokenNotFoundError("long\ntext")}, "needs a token: give it with --token or HF_TOKEN"),
        ({"whoami": refusal(HfHubHTTPError, 401)}, "The hub does not know your token"),
        ({"whoami": OSError("no route\nat all")}, "The hub cannot be reached to check the token: no route"),
        ({"whoami": {"name": "other", "orgs": []}}, "that of other, who is no member of lab. Push to: other"),
        (
            {"whoami": {"name": "lab", "auth": {"accessToken": {"role": "read"}}}},
            "Your token may only read. Make one that may write to lab/model",
        ),
        ({"list_repo_files": ["README.md", "model.safetensors"]}, "holds a model that vocabx did not push"),
        ({"list_repo_files": ["config.json"]}, "holds a model that vocabx did not push"),
        ({"list_repo_files": OSError("no route")}, "cannot be asked what lab/model holds: no route"),
    ],
)
def test_what_would_fail_is_said_beforehand(answers: Any, message: str, account: FakeAccount) -> None:
    account.answers |= answers
    with pytest.raises(InputError, match=message) as caught:
        Destination.check("lab/model")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("files", [[".gitattributes"], ["README.md"], ["vocabx.json", "model.safetensors"]])
def test_an_empty_repository_and_an_earlier_push_may_be_pushed_to(files: list[str], account: FakeAccount) -> None:
    account.answers["list_repo_files"] = files
    assert Destination.check("lab/model").name == "lab/model"


@pytest.mark.parametrize("call", ["create_repo", "upload_folder"])
@pytest.mark.parametrize(
    "error", [refusal(HfHubHTTPError, 403), ConnectionError("cut off"), ValueError("no"), RuntimeError("no")]
)
def test_a_push_that_fails_says_where_the_model_is_and_how_to_go_on(
    call: str, error: Exception, made: Path, account: FakeAccount
) -> None:
    account.answers[call] = error
    with pytest.raises(OutputError, match=r"lab/model was not pushed: .*\. The model is in .*out; push it") as caught:
        Destination.check("lab/model", private=True).push(made, Stages())
    assert str(caught.value).endswith(f"again with: vocabx push {made} lab/model --private")
    assert "\n" not in str(caught.value)


def test_a_large_directory_goes_the_way_of_older_clients_where_there_is_one(
    made: Path, account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    destination = Destination.check("lab/model")
    monkeypatch.setattr("vocabx.hub.LARGE", 10)
    account.upload_large_folder = lambda **options: asked.append(options)  # type: ignore[attr-defined]
    destination.push(made, Stages())
    assert asked == [{"repo_id": "lab/model", "folder_path": made, "repo_type": "model"}]
    assert "upload_folder" not in dict(account.calls)


def test_only_what_vocabx_wrote_is_pushed(made: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"base has no vocabx\.json: vocabx did not write it"):
        check_pushable(tmp_path / "base")
    (made / "model.safetensors").write_bytes((made / "model.safetensors").read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="is cut short"):
        check_pushable(made)

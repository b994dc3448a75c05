"""Hub options, the card and the push, from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoint.sources.fake_hub import COMMIT, FakeHub
from tests.cli.conftest import Place, Run
from tests.hub.account import FakeAccount
from vocabx.card.proof import PROOF
from vocabx.checkpoint import open_checkpoint
from vocabx.manifest import Manifest

OPTIONS = ["--revision", "v1", "--token", "secret", "--cache-dir", "cache", "--offline"]


@pytest.fixture
def hub(place: Place, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    shutil.copytree(place.base, place.root / "repository")
    return FakeHub(place.root / "cache", {"a/b": place.root / "repository"}).install(monkeypatch)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> FakeAccount:
    return FakeAccount().install(monkeypatch)


def commands(place: Place) -> dict[str, list[Any]]:
    texts = ["--corpus", place.corpus, "--source-sample", place.sample, "--size", 40]
    return {
        "extend": ["extend", "a/b", *texts, "--out", place.out],
        "extend --dry-run": ["extend", "a/b", *texts, "--dry-run"],
        "replace": ["replace", "a/b", "--tokenizer", place.base, "--out", place.out],
        "trim": ["trim", "a/b", "--corpus", place.sample, "--out", place.out],
        "tokenizer extend": ["tokenizer", "extend", "a/b", *texts, "--out", place.out],
        "tokenizer advise": ["tokenizer", "advise", "a/b", "--corpus", place.corpus, "--largest", 200],
        "tokenizer audit": ["tokenizer", "audit", "a/b", "--text", place.sample],
        "tokenizer train": [
            *["tokenizer", "train", "--like", "a/b", "--corpus", place.sample],
            *["--size", 500, "--out", place.out],
        ],
    }


@pytest.mark.parametrize(
    "name",
    [
        "extend",
        "extend --dry-run",
        "replace",
        "trim",
        "tokenizer extend",
        "tokenizer advise",
        "tokenizer audit",
    ],
)
def test_every_command_that_takes_a_model_passes_the_options_on(
    name: str, place: Place, run: Run, hub: FakeHub
) -> None:
    ran = run(*commands(place)[name], *OPTIONS)
    assert ran.status == 0, ran.err
    first = hub.calls[0]
    assert (first["name"], first["revision"], first["token"], first["local_files_only"]) == (
        "a/b",
        "v1",
        "secret",
        True,
    )
    assert {(call["token"], call["cache_dir"]) for call in hub.calls} == {("secret", "cache")}
    wants_weights = "tokenizer" not in name
    assert wants_weights == any("model.safetensors" in call["allow_patterns"] for call in hub.calls)
    assert "secret" not in ran.out + ran.err


def test_a_tokenizer_to_train_like_is_of_the_revision(place: Place, run: Run, hub: FakeHub) -> None:
    assert run(*commands(place)["tokenizer train"], "--revision", "v1").status == 0
    assert hub.calls[0]["revision"] == "v1"


def test_the_revision_is_the_models_and_no_other_tokenizers(place: Place, run: Run, hub: FakeHub) -> None:
    hub.repositories["c/d"] = hub.repositories["a/b"]
    arguments = [str(place.base) if text == "MODEL" else text for text in ["replace", "a/b", "--tokenizer", "c/d"]]
    assert run(*arguments, "--out", place.out, *OPTIONS).status == 0
    assert {(call["name"], call["revision"]) for call in hub.calls} == {("a/b", "v1"), ("a/b", COMMIT), ("c/d", None)}


@pytest.mark.torch
def test_verify_and_compare_look_their_base_up(place: Place, run: Run, hub: FakeHub) -> None:
    assert run(*place.extend()).status == 0
    assert run("verify", place.out, "--base", "a/b", "--corpus", place.sample, *OPTIONS).status == 0
    assert hub.calls[0]["revision"] == "v1"
    hub.calls.clear()
    more = ["--source-sample", place.sample, "--minimum-bytes", 1, "--paragraphs", 5, "--methods", "mean", "--dry-run"]
    ran = run("compare", "a/b", "--corpus", place.corpus, "--size", 40, "--held-out", place.sample, *more, *OPTIONS)
    assert ran.status == 0, ran.err
    assert hub.calls[0]["revision"] == "v1"


def test_the_record_names_repository_and_commit_and_the_report_the_revision(
    place: Place, run: Run, hub: FakeHub
) -> None:
    ran = run(*commands(place)["extend"], "--revision", "v1")
    assert f"vocabx verify {place.out} --base a/b@v1" in ran.out
    assert Manifest.load(place.out).base_source == {"repository": "a/b", "commit": COMMIT}


def test_a_revision_of_a_directory_is_a_mistake_before_any_work(place: Place, run: Run) -> None:
    ran = run(*place.extend("--revision", "v1"))
    assert (ran.status, ran.out) == (1, "")
    assert "is a directory here and has no revision v1" in ran.err
    assert not place.out.exists()


@pytest.mark.torch
@pytest.mark.parametrize("trusted", [[], ["--trust-pickle"]])
@pytest.mark.parametrize("command", ["extend", "trim"])
def test_pickled_weights_are_read_when_that_is_asked_for(
    command: str, trusted: list[str], place: Place, run: Run, hub: FakeHub
) -> None:
    import torch
    from safetensors.torch import load_file

    base = hub.repositories["a/b"]
    torch.save(load_file(base / "model.safetensors"), base / "pytorch_model.bin")
    (base / "model.safetensors").unlink()
    ran = run(*commands(place)[command], *trusted)
    assert ran.status == (0 if trusted else 1)
    assert place.out.exists() == bool(trusted)
    if not trusted:
        assert ran.err.splitlines()[-1].startswith("Error: a/b has no weights that can be read here: they are PyTorch")
    else:
        assert Manifest.load(place.out).base_source["repository"] == "a/b"
        assert run("verify", place.out, "--base", place.base, "--corpus", place.sample).status == 0


def test_the_card_names_the_languages_that_were_given(place: Place, run: Run) -> None:
    assert run(*place.extend("--language", "ko", "--language", "en")).status == 0
    assert "\nlanguage:\n- ko\n- en\n" in (place.out / "README.md").read_text()


@pytest.mark.torch
def test_the_proof_is_written_into_the_card_and_the_rest_of_it_stays(place: Place, run: Run) -> None:
    run(*place.extend())
    card = place.out / "README.md"
    card.write_text(card.read_text().replace("## Load it", "## My own words"))
    before = card.read_text()
    ran = run("card", place.out, "--base", place.base, "--corpus", place.sample, "--text", f"ko={place.corpus}")
    assert ran.status == 0, ran.err
    assert ran.out.endswith(f"Written to {card}.\n")
    head, rest = card.read_text().split(PROOF.begin)
    proof, tail = rest.split(PROOF.end)
    assert before.startswith(head)
    assert before.endswith(tail)
    assert "| old rows are the base's | pass |" in proof
    assert "| ko | this model |" in proof
    assert "| ko | base |" in proof
    once = card.read_text()
    run("card", place.out, "--base", place.base, "--corpus", place.sample, "--text", f"ko={place.corpus}")
    assert card.read_text() == once
    content = bytearray((place.out / "model.safetensors").read_bytes())
    content[open_checkpoint(place.out).tensors["model.norm.weight"].entry.begin] ^= 1
    (place.out / "model.safetensors").write_bytes(content)
    assert run("card", place.out, "--base", place.base, "--corpus", place.sample).status == 1
    assert "| all else is bit-identical | fail |" in card.read_text()


@pytest.mark.parametrize("command", ["extend", "replace", "trim"])
def test_a_result_is_pushed_when_it_is_complete(command: str, place: Place, run: Run, account: FakeAccount) -> None:
    arguments = [place.base if word == "a/b" else word for word in commands(place)[command]]
    ran = run(*arguments, "--push-to-hub", "lab/model", "--private", "--token", "secret", "--json")
    assert ran.status == 0, ran.err
    assert account.token == "secret"
    assert [name for name, _ in account.calls] == ["whoami", "list_repo_files", "create_repo", "upload_folder"]
    assert dict(account.calls)["upload_folder"]["folder_path"] == place.out
    assert json.loads(ran.out)["pushed to"] == "https://hub/lab/model"
    assert "pushing" in ran.err


def test_a_name_that_may_not_be_written_stops_before_any_work(place: Place, run: Run, account: FakeAccount) -> None:
    ran = run(*place.extend("--push-to-hub", "elsewhere/model"))
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == ("Error: Your token is that of someone, who is no member of elsewhere. Push to: someone, lab.\n")
    assert not place.out.exists()


def test_a_push_that_fails_leaves_the_model_and_can_be_made_again(place: Place, run: Run, account: FakeAccount) -> None:
    account.answers["upload_folder"] = ConnectionError("cut off")
    ran = run(*place.extend("--push-to-hub", "lab/model"))
    assert ran.status == 1
    assert ran.err.endswith(f"push it again with: vocabx push {place.out} lab/model\n")
    assert Manifest.load(place.out).plan.new == 40
    del account.answers["upload_folder"]
    ran = run("push", place.out, "lab/model")
    assert (ran.status, ran.out) == (0, "https://hub/lab/model\n")


def test_only_what_vocabx_wrote_is_pushed(place: Place, run: Run, account: FakeAccount) -> None:
    ran = run("push", place.base, "lab/model")
    assert (ran.status, account.calls) == (1, [])
    assert "has no vocabx.json: vocabx did not write it." in ran.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--private"], "--private is about the repository that is pushed to"),
        (["--push-to-hub", "lab/model", "--dry-run"], "A dry run writes nothing that could be pushed"),
    ],
)
def test_options_of_a_push_that_is_not_made_are_a_mistake(
    more: list[str], message: str, place: Place, run: Run, account: FakeAccount
) -> None:
    ran = run(*place.extend(*more))
    assert ran.status == 2
    assert message in ran.err
    assert account.calls == []


def test_the_token_is_in_no_help_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    for name in ("extend", "push"):
        assert "secret" not in run(name, "--help").out


def test_a_path_in_the_working_directory_is_no_hub_id(
    place: Place, run: Run, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(place.base, place.root / "a" / "b")
    monkeypatch.chdir(place.root)
    assert run(*commands(place)["trim"]).status == 0
    assert hub.calls == []
    assert Path("a/b").is_dir()

"""The card that is written with a model: well-formed, true, and the same for the same model."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import ModelCard, metadata_load

import vocabx
from tests.checkpoint.sources.fake_hub import COMMIT, FakeHub
from tests.extension.bases import SIZE, WIDTH, learning, save_base, save_tokenizer
from tests.tokenizer_tools.toys import byte_level, wordpiece
from vocabx.card import check_languages
from vocabx.checkpoint import open_checkpoint
from vocabx.checkpoint.families.classes import auto_class
from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.core.errors import InputError
from vocabx.manifest import FILE_NAME, Manifest

BASE_CARD = """---
license: other
license_name: gemma
license_link: https://example.org/terms
language: [en]
pipeline_tag: text-generation
tags: [chat, 'no', 7]
datasets: [someone/text]
model-index: [{name: old, results: []}]
---
# The base

It is wonderful.
"""


def head(card: Path) -> dict[str, Any]:
    return metadata_load(card) or {}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    base = save_base(tmp_path / "repository", padding=8)
    (base / "README.md").write_text(BASE_CARD)
    return FakeHub(tmp_path / "cache", {"someone/base": base}).install(monkeypatch)


def test_the_head_is_the_hubs_and_carries_licence_tags_and_task(tmp_path: Path, hub: FakeHub) -> None:
    vocabx.extend("someone/base", out=tmp_path / "out", **learning(tmp_path), languages=["ko", "no"], method="eeve")
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert head(tmp_path / "out" / "README.md") == {
        "language": ["ko", "no"],
        "license": "other",
        "license_name": "gemma",
        "license_link": "https://example.org/terms",
        "pipeline_tag": "text-generation",
        "library_name": "transformers",
        "base_model": "someone/base",
        "base_model_relation": "finetune",
        "tags": ["chat", "no", "vocabx", "eeve"],
    }
    assert card.data.base_model == "someone/base"
    assert "It is wonderful." not in card.text
    assert "[someone/base](https://huggingface.co/someone/base)" in card.text
    assert "The licence is the base's: `gemma`." in card.text


def test_repository_and_commit_are_in_the_record_and_in_the_command(tmp_path: Path, hub: FakeHub) -> None:
    vocabx.extend("someone/base@main", out=tmp_path / "out", **learning(tmp_path), hub=HubOptions(token="secret"))
    manifest = Manifest.load(tmp_path / "out")
    assert manifest.base == "someone/base"
    assert manifest.base_source == {"repository": "someone/base", "commit": COMMIT}
    text = (tmp_path / "out" / "README.md").read_text()
    assert f"vocabx extend someone/base@{COMMIT} --corpus corpus.txt --size {SIZE}" in text
    assert f"| base commit | `{COMMIT}` |" in text
    assert not [file for file in (tmp_path / "out").iterdir() if b"secret" in file.read_bytes()]


def test_a_snapshot_given_by_its_path_is_known_again(tmp_path: Path, hub: FakeHub) -> None:
    place = hub.cache / "models--someone--base" / "snapshots" / COMMIT
    vocabx.extend("someone/base", out=tmp_path / "one", **learning(tmp_path))
    vocabx.extend(place, out=tmp_path / "two", **learning(tmp_path))
    for name in (FILE_NAME, "README.md"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_local_base_has_no_place_on_the_hub(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base")
    vocabx.extend(base, out=tmp_path / "out", **learning(tmp_path))
    assert head(tmp_path / "out" / "README.md") == {
        "library_name": "transformers",
        "tags": ["vocabx", "constituents"],
    }
    assert "base_source" not in json.loads((tmp_path / "out" / FILE_NAME).read_text())


@pytest.mark.parametrize(
    "card", ["no head", "---\n- a list\n---\n", "---\na: [\n---\n", "---\nlicense: {a: 1}\ntags: x\n---\n", "\xff"]
)
def test_a_base_card_that_cannot_be_read_stops_nothing(card: str, tmp_path: Path) -> None:
    base = save_base(tmp_path / "base")
    (base / "README.md").write_text(card, encoding="latin-1")
    vocabx.extend(base, out=tmp_path / "out", **learning(tmp_path))
    assert head(tmp_path / "out" / "README.md").keys() == {"library_name", "tags"}


def test_the_same_model_has_the_same_card_wherever_it_is_made(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", padding=8)
    cards = []
    for place in (tmp_path / "a", tmp_path / "b" / "c"):
        vocabx.extend(base, out=place, **learning(tmp_path), pad_to_multiple=64)
        cards.append((place / "README.md").read_bytes())
    assert cards[0] == cards[1]
    assert str(tmp_path).encode() not in cards[0]


def test_the_body_says_what_was_done(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", padding=8)
    made = vocabx.extend(base, out=tmp_path / "out", **learning(tmp_path), pad_to_multiple=64, method="merge")
    text = (tmp_path / "out" / "README.md").read_text()
    before, after = made.tokenizer.corpus_tokens
    kept = made.plan.kept
    for line in (
        f"# base with {SIZE} new tokens",
        f"| ids of new tokens | {kept} to {kept + SIZE - 1} |",
        "level by level ([arXiv:2406.11477](https://arxiv.org/abs/2406.11477)) |",
        f"| rows before, after | {made.plan.rows_before:,}, {made.plan.rows_after:,} |",
        f"| padding rows, never sampled | {len(made.plan.padding)} |",
        "| output head | rows of its own |",
        f"| tokens of the corpus before, after | {before:,}, {after:,} |",
        "model = AutoModelForCausalLM.from_pretrained(place)",
        'LoraConfig(trainable_token_indices={"embed_tokens": new_ids, "lm_head": new_ids}, ...)',
    ):
        assert line in text, line
    assert all(len(row.split(" | ")) == 2 for row in text.splitlines() if row.startswith("| "))


def test_peft_is_told_a_list_where_the_head_is_tied(tmp_path: Path) -> None:
    vocabx.extend(save_base(tmp_path / "base", tied=True), out=tmp_path / "out", **learning(tmp_path))
    assert "`LoraConfig(trainable_token_indices=new_ids, ...)`" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize("given", [10, SIZE])
def test_rows_that_were_given_are_not_said_to_be_the_methods(given: int, tmp_path: Path) -> None:
    base, text = save_base(tmp_path / "base"), learning(tmp_path)
    first = len(byte_level().tokens)
    rows = np.random.default_rng(0).normal(size=(given, WIDTH)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", input=rows, head=rows, ids=np.arange(first, first + given))
    vocabx.extend(base, out=tmp_path / "out", rows=tmp_path / "rows.npz", **text)
    card = (tmp_path / "out" / "README.md").read_text()
    told = f"| method of the new rows | {given} input rows, {given} head rows given in `rows.npz`"
    assert told + ("; the others by `constituents`: " if given < SIZE else " |") in card
    assert ("constituents" in head(tmp_path / "out" / "README.md")["tags"]) == (given < SIZE)
    made = "taken from a file or made from old ones" if given < SIZE else "taken from a file"
    assert f"New rows were {made}, and nothing was trained since" in card


def test_the_command_of_the_card_does_the_same_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vocabx.cli import main

    settings: Any = {"minimum_frequency": 7, "longest": 4, "scripts": ("Hangul", "Han"), "source_change_limit": 0.5}
    more: Any = {"exclude": "[a-z ]", "digits": False, "compose": False, "control_tokens": ("<|ab|>",), "seed": 3}
    rows: Any = {"method": "constituents-scaled", "method_options": {"scale": 1.2}}
    rows |= {"pad_to_multiple": 64, "dtype": "bfloat16", "source_corpus": tmp_path / "sample.txt"}
    vocabx.extend(save_base(tmp_path / "base"), out=tmp_path / "out", **learning(tmp_path), **settings, **more, **rows)
    text = (tmp_path / "out" / "README.md").read_text()
    (command,) = [line for line in text.splitlines() if line.startswith("$ vocabx ")]
    monkeypatch.chdir(tmp_path)
    main.main([*shlex.split(command.replace("DIRECTORY", "again"))[2:]], standalone_mode=False)
    for file in (tmp_path / "out").iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes(), file.name


def test_replaced_and_trimmed_models_have_cards_of_their_own(tmp_path: Path) -> None:
    base, texts = save_base(tmp_path / "base"), learning(tmp_path)
    save_tokenizer(tmp_path / "tokenizer", wordpiece())
    vocabx.replace(base, tmp_path / "tokenizer", tmp_path / "replaced", languages=["ko"])
    text = (tmp_path / "replaced" / "README.md").read_text()
    assert "# base with the tokenizer tokenizer" in text
    assert "$ vocabx replace base --tokenizer tokenizer --method constituents --out DIRECTORY" in text
    assert head(tmp_path / "replaced" / "README.md")["language"] == ["ko"]
    vocabx.trim(base, texts["source_sample"], tmp_path / "trimmed", minimum_frequency=2)
    text = (tmp_path / "trimmed" / "README.md").read_text()
    assert "$ vocabx trim base --corpus sample.txt --minimum-frequency 2 --out DIRECTORY" in text
    assert "No row is new." in text
    assert head(tmp_path / "trimmed" / "README.md")["tags"] == ["vocabx"]


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"architectures": ["BertForMaskedLM"]}, "AutoModelForMaskedLM"),
        ({"architectures": ["GPT2LMHeadModel"]}, "AutoModelForCausalLM"),
        ({"architectures": ["T5ForConditionalGeneration"]}, "AutoModelForSeq2SeqLM"),
        ({"architectures": ["Gemma3ForConditionalGeneration"], "vision_config": {}}, "AutoModelForImageTextToText"),
        ({"architectures": ["LlamaModel"]}, "AutoModel"),
        ({}, "AutoModel"),
    ],
)
def test_the_card_names_the_class_that_opens_the_model(config: Any, kind: str) -> None:
    assert auto_class(config) == kind


@pytest.mark.parametrize("language", ["Korean", "k", "KO", "", "ko\n"])
def test_a_language_is_a_code(language: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"A language is given by its code .* such as ko, got"):
        vocabx.extend(save_base(tmp_path / "base"), out=tmp_path / "out", **learning(tmp_path), languages=[language])
    assert not (tmp_path / "out").exists()


def test_codes_of_languages_are_taken() -> None:
    check_languages(["ko", "swa", "zh-Hant", "pt-BR", "multilingual", "code"])


@pytest.mark.torch
def test_a_base_of_pickles_has_its_own_name_and_its_own_rows(tmp_path: Path) -> None:
    import torch

    base = save_base(tmp_path / "base")
    same = vocabx.extend(base, out=tmp_path / "one", **learning(tmp_path))
    tensors = {name: torch.from_numpy(same_matrix(base, name)) for name in open_checkpoint(base).tensors}
    (base / "model.safetensors").unlink()
    torch.save(tensors, base / "pytorch_model.bin")
    made = vocabx.extend(base, out=tmp_path / "two", **learning(tmp_path), trust_pickle=True)
    assert made.manifest.base == same.manifest.base == "base"
    one, two = (open_checkpoint(tmp_path / name) for name in ("one", "two"))
    assert {name: one.matrix(name).tobytes() for name in one.tensors} == {
        name: two.matrix(name).tobytes() for name in two.tensors
    }
    assert vocabx.verify(tmp_path / "two", base, trust_pickle=True).passed
    assert not (tmp_path / "two" / "pytorch_model.bin").exists()


def same_matrix(directory: Path, name: str) -> Any:
    return open_checkpoint(directory).matrix(name).copy()

"""Outputs whose weights are linked or cast, from text to directory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import vocabx
from tests.checkpoint.models import checksums, load_model
from tests.extension.bases import HEAD, INPUT, learning, save_base, save_tokenizer
from vocabx.core.errors import InputError, OutputError
from vocabx.manifest import Manifest
from vocabx.request import Request
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import read_tokenizer
from vocabx.trimming import TrimRequest
from vocabx.verification import verify

MIDDLE = "model-00002-of-00003.safetensors"
Command = Callable[..., Any]


def extend(base: Path, out: Path, **settings: Any) -> Any:
    return vocabx.extend(base, out=out, **learning(base.parent), **settings)


def replace(base: Path, out: Path, **settings: Any) -> Any:
    if not (base.parent / "target").exists():
        save_tokenizer(base.parent / "target", read_tokenizer(base))
    return vocabx.replace(base, base.parent / "target", out, **settings)


def trim(base: Path, out: Path, **settings: Any) -> Any:
    return vocabx.trim(base, learning(base.parent)["source_sample"], out, **settings)


commands = pytest.mark.parametrize("command", [extend, replace, trim])


@commands
def test_linked_outputs_are_the_copied_ones_and_their_removal_leaves_the_base(command: Command, tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", shards=True)
    before, stages = checksums(base), Stages()
    command(base, tmp_path / "copied")
    command(base, tmp_path / "linked", shards="hardlink", stages=stages)
    assert checksums(tmp_path / "linked") == checksums(tmp_path / "copied")
    assert (tmp_path / "linked" / MIDDLE).stat().st_ino == (base / MIDDLE).stat().st_ino
    assert stages.notes["files that stay"] == "1 of 3 weight files hard-linked: base and output share them"
    command(base, tmp_path / "linked", force=True)
    assert (base / MIDDLE).stat().st_nlink == 1
    assert checksums(base) == before


@commands
def test_links_that_cannot_be_made_are_refused_before_the_long_work(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, stages = save_base(tmp_path / "base", shards=True), Stages()

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", refuse)
    with pytest.raises(OutputError, match=rf"{MIDDLE} cannot be hard-linked to the output: they lie on different"):
        command(base, tmp_path / "out", shards="hardlink", stages=stages)
    assert not stages.finished
    assert not (tmp_path / "out").exists()
    assert checksums(base).keys() == checksums(save_base(tmp_path / "other", shards=True)).keys()


@commands
@pytest.mark.parametrize("shards", [False, True], ids=["one file", "three files"])
def test_a_cast_output_is_padded_suppressed_recorded_and_sound(command: Command, shards: bool, tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", shards=shards, padding=3)
    command(base, tmp_path / "plain", pad_to_multiple=64)
    command(base, tmp_path / "out", pad_to_multiple=64, dtype="bfloat16")
    plan = Manifest.load(tmp_path / "out").plan
    assert plan.rows_after % 64 == 0
    assert plan.padding
    assert Manifest.load(tmp_path / "out").dtype == "bfloat16"
    assert Manifest.load(tmp_path / "plain").dtype is None
    settings = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert settings["suppress_tokens"] == list(plan.padding)
    plain, cast = load_model(tmp_path / "plain"), load_model(tmp_path / "out")
    assert plain.keys() == cast.keys()
    for name, tensor in plain.items():
        assert np.array_equal(cast[name].view(np.uint16), tensor.astype(cast[name].dtype).view(np.uint16)), name
    for name in (INPUT, HEAD):
        mean = load_model(base)[name][_usable(base)].astype(np.float64).mean(axis=0)
        for row in plain[name][plan.tokens :]:
            assert row == pytest.approx(mean, rel=1e-5, abs=1e-6)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == "bfloat16"
    result = verify(tmp_path / "out", base)
    assert result.passed, result.to_report().to_text()


def _usable(base: Path) -> Any:
    return np.flatnonzero(read_tokenizer(base).tokens.is_text)


@pytest.mark.torch
def test_a_cast_model_opens_in_its_type(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    extend(save_base(tmp_path / "base"), tmp_path / "out", dtype="float16")
    assert str(AutoModelForCausalLM.from_pretrained(tmp_path / "out").dtype) == "torch.float16"


def test_only_weights_are_cast_and_the_rest_is_as_without(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base")
    for name, settings in (("plain", {}), ("cast", {"dtype": "float16"})):
        extend(base, tmp_path / name, **settings)
    plain, cast = checksums(tmp_path / "plain"), checksums(tmp_path / "cast")
    changed = {name for name in plain if plain[name] != cast[name]} - {"README.md"}
    assert changed == {"config.json", "model.safetensors", "vocabx.json"}
    assert load_file(tmp_path / "cast" / "model.safetensors")[INPUT].dtype == np.float16


@pytest.mark.parametrize("settings", [{"shards": "move"}, {"dtype": "int4"}])
def test_what_is_not_known_is_refused_by_every_request(settings: Any) -> None:
    with pytest.raises(InputError, match=r"not 'move'|not to 'int4'"):
        Request("corpus", 10, **settings)
    with pytest.raises(InputError, match=r"not 'move'|not to 'int4'"):
        TrimRequest("corpus", **settings)


@pytest.mark.torch
@pytest.mark.parametrize("settings", [{"shards": "hardlink"}, {"dtype": "float16"}])
def test_a_loaded_model_is_not_stored(settings: Any, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = save_base(tmp_path / "base")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    with pytest.raises(InputError, match="no files to link and has its type already; leave out shards and dtype"):
        vocabx.extend_model(model, tokenizer, **learning(tmp_path), **settings)

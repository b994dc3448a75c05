"""A model that was cast: its weights are the base's, cast, and every damage is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import vocabx
from tests.verification.damages import Damage, setting
from tests.verification.models import (
    ENGLISH,
    HEAD,
    INPUT,
    damaged,
    edit_json,
    extend,
    failing,
    reasons,
    save_base,
    save_target,
)
from tests.verification.test_damages import ALL_ELSE, APPLIED, COMPUTES, HEAD_ROWS, NORMS, OLD_ROWS, PADDING, RECORD
from vocabx.factorization import FORMS, Factorization
from vocabx.manifest import FILE_NAME, Manifest
from vocabx.verification import verify

DTYPES = ("float16", "bfloat16")


@pytest.fixture(scope="module")
def halves(untied_base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("cast")
    return {dtype: extend(untied_base, place / dtype, dtype=dtype) for dtype in DTYPES}


@pytest.mark.torch
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_rounded_model_passes_all_that_concerns_it(dtype: str, halves: dict[str, Path], untied_base: Path) -> None:
    result = verify(halves[dtype], untied_base, ENGLISH)
    assert result.strict_passed, result.to_report().to_text()
    assert reasons(result) == {COMPUTES: f"the weights were rounded to {dtype}, so the model computes other numbers"}
    evidence = {finding.name: finding.evidence for finding in result.findings}
    assert evidence[OLD_ROWS].startswith(f"bit-identical to the base's cast to {dtype} are {INPUT}: 340 of 340")
    assert evidence[ALL_ELSE].startswith(f"cast to {dtype}, 10 tensors")
    assert evidence[ALL_ELSE].endswith("config.json but for dtype, vocab_size, as planned")
    assert Manifest.load(halves[dtype]).dtype == dtype


@pytest.mark.torch
def test_a_widened_model_computes_what_its_base_does(halves: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("\n".join(ENGLISH[:3]), encoding="utf-8")
    vocabx.trim(halves["bfloat16"], tmp_path / "kept.txt", tmp_path / "out", pad_to_multiple=16, dtype="float32")
    result = verify(tmp_path / "out", halves["bfloat16"], ENGLISH)
    assert result.passed, result.to_report().to_text()
    assert COMPUTES not in reasons(result)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_model_of_several_files_with_another_tokenizer_passes(dtype: str, tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", tied=True, sharded=True)
    vocabx.replace(base, save_target(tmp_path / "target"), tmp_path / "out", pad_to_multiple=16, dtype=dtype)
    result = verify(tmp_path / "out", base, ENGLISH)
    assert failing(result) == set(), result.to_report().to_text()
    assert OLD_ROWS not in reasons(result)


@pytest.mark.parametrize("form", FORMS)
def test_a_factorised_model_may_be_cast_too(form: str, untied_base: Path, tmp_path: Path) -> None:
    out = extend(untied_base, tmp_path / "out", dtype="bfloat16", factorization=Factorization(12, form))
    assert {str(tensor.dtype) for tensor in load_file(out / "model.safetensors").values()} == {"bfloat16"}
    result = verify(out, untied_base, ENGLISH)
    assert failing(result) == set(), result.to_report().to_text()
    assert OLD_ROWS not in reasons(result)


def test_without_the_base_rows_are_not_compared(halves: dict[str, Path]) -> None:
    result = verify(halves["float16"], lines=ENGLISH)
    assert failing(result) == set(), result.to_report().to_text()
    missing = "no base was given to compare with"
    assert {reasons(result)[name] for name in (OLD_ROWS, NORMS, HEAD_ROWS, APPLIED)} == {missing}


def flip(name: str, row: Callable[[Manifest], int]) -> Damage:
    """Change a 16-bit number of a row by as little as can be."""

    def apply(directory: Path) -> None:
        tensors = load_file(directory / "model.safetensors")
        rows = tensors[name].view(np.uint16)
        rows.reshape(len(rows), -1)[row(Manifest.load(directory)), 0] ^= 1
        save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})

    return apply


def uncast(directory: Path) -> None:
    """Store one tensor as it was."""
    tensors = load_file(directory / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"].astype(np.float32)
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("damage", "failures"),
    [
        (flip(INPUT, lambda manifest: 7), {OLD_ROWS}),
        (flip(HEAD, lambda manifest: 7), {OLD_ROWS}),
        (flip("model.norm.weight", lambda manifest: 3), {ALL_ELSE}),
        (flip(INPUT, lambda manifest: int(manifest.plan.new_ids[3])), {APPLIED}),
        (flip(HEAD, lambda manifest: manifest.plan.rows_after - 1), {PADDING}),
        (setting("config.json", "dtype", "float32"), {ALL_ELSE, "every copy of the vocabulary is the tokenizer's"}),
        (uncast, {ALL_ELSE, RECORD}),
    ],
    ids=["old row", "old head row", "other tensor", "new row", "padding", "setting", "uncast"],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_each_damage_is_noticed(
    damage: Any, failures: set[str], dtype: str, halves: dict[str, Path], untied_base: Path, tmp_path: Path
) -> None:
    broken = damaged(halves[dtype], tmp_path / "broken", damage)
    assert failing(verify(broken, untied_base, ENGLISH)) == failures


def test_a_record_of_no_cast_or_of_another_is_noticed(
    halves: dict[str, Path], untied_base: Path, tmp_path: Path
) -> None:
    def forget(directory: Path) -> None:
        edit_json(directory / FILE_NAME, lambda data: data.pop("dtype"))

    found = failing(verify(damaged(halves["float16"], tmp_path / "forgotten", forget), untied_base, ENGLISH))
    assert found >= {OLD_ROWS, ALL_ELSE}
    other = damaged(halves["float16"], tmp_path / "other", setting(FILE_NAME, "dtype", "bfloat16"))
    assert failing(verify(other, untied_base, ENGLISH)) >= {OLD_ROWS, ALL_ELSE, RECORD}


def test_padding_is_the_mean_and_suppressed_after_a_cast(halves: dict[str, Path]) -> None:
    for out in halves.values():
        plan = Manifest.load(out).plan
        assert plan.rows_after % 16 == 0
        assert plan.padding
        rows = load_file(out / "model.safetensors")[INPUT][plan.tokens :]
        assert all(row.tobytes() == rows[0].tobytes() for row in rows)
        settings = json.loads((out / "generation_config.json").read_text())
        assert settings["suppress_tokens"] == list(plan.padding)

"""A factorised model: its rows are compared with the base's, factorised again, and every damage is noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verification.damages import Damage, flip_low_bit, head_of_input_rows, in_json, new_rows, setting
from tests.verification.models import (
    ENGLISH,
    HEAD,
    INPUT,
    KOREAN,
    damaged,
    edit_tensor,
    failing,
    reasons,
    save_base,
    save_target,
)
from tests.verification.test_damages import ALL_ELSE, APPLIED, COMPUTES, HEAD_ROWS, NORMS, OLD_ROWS, OPENS, PADDING
from vocabx.checkpoint import staged_directory
from vocabx.directories import plan_extension
from vocabx.factorization import FOLDED, FORMS, MODEL, Factorization
from vocabx.manifest import FILE_NAME, Manifest
from vocabx.output import write_model
from vocabx.replacement import ReplaceRequest, plan_replacement
from vocabx.request import Request
from vocabx.stages import Stages
from vocabx.verification import verify

RANK = 12
PRIMITIVES = INPUT.replace("weight", "primitives.weight")


def extend(base: Path, out: Path, form: str, rank: int = RANK, method: str = "constituents") -> Path:
    out.parent.mkdir(exist_ok=True)
    for name, lines in (("korean.txt", KOREAN), ("english.txt", ENGLISH)):
        out.with_name(name).write_text("\n".join(lines * 5), encoding="utf-8")
    request = Request(
        out.with_name("korean.txt"),
        40,
        method=method,
        source_sample=out.with_name("english.txt"),
        minimum_frequency=2,
        pad_to_multiple=16,
    )
    stages = Stages()
    extension, checkpoint = plan_extension(base, request, stages)
    with staged_directory(out) as stage:
        write_model(extension, checkpoint, stage, stages, factorization=Factorization(rank, form, balanced=True))
    assert f"{rank} primitives" in stages.notes["factorized"]
    return out


@pytest.fixture(scope="module")
def untied_forms(untied_base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("factorized")
    return {form: extend(untied_base, place / form, form) for form in FORMS}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.torch
def test_an_untied_model_passes_all_that_concerns_it(
    form: str, untied_forms: dict[str, Path], untied_base: Path
) -> None:
    result = verify(untied_forms[form], untied_base, ENGLISH)
    assert result.strict_passed, result.to_report().to_text()
    assert reasons(result) == {COMPUTES: "the embeddings were factorised"}
    evidence = {finding.name: finding.evidence for finding in result.findings}
    assert evidence[OLD_ROWS].startswith("the same, but for the factorisation to 12 primitives, are model.embed")
    assert "lm_head.weight: 340 of 340" in evidence[OLD_ROWS]


@pytest.mark.torch
def test_a_tied_model_passes(form: str, tied_base: Path, tmp_path: Path) -> None:
    result = verify(extend(tied_base, tmp_path / "out", form), tied_base, ENGLISH)
    assert result.strict_passed, result.to_report().to_text()


@pytest.mark.parametrize("method", ["eeve", "mean", "multivariate"])
def test_every_kind_of_method_passes(method: str, form: str, untied_base: Path, tmp_path: Path) -> None:
    result = verify(extend(untied_base, tmp_path / "out", form, method=method), untied_base, ENGLISH)
    assert failing(result) == set(), result.to_report().to_text()


def test_a_model_of_several_files_passes(form: str, tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", tied=False, sharded=True)
    result = verify(extend(base, tmp_path / "out", form), base, ENGLISH)
    assert failing(result) == set(), result.to_report().to_text()


def test_a_model_with_another_tokenizer_passes(form: str, untied_base: Path, tmp_path: Path) -> None:
    target = save_target(tmp_path / "target")
    replacement, checkpoint = plan_replacement(untied_base, ReplaceRequest(target, pad_to_multiple=16), Stages())
    with staged_directory(tmp_path / "out") as stage:
        factorization = Factorization(RANK, form)
        write_model(replacement, checkpoint, stage, Stages(), replacement.style, factorization)
    result = verify(tmp_path / "out", untied_base, ENGLISH)
    assert failing(result) == set(), result.to_report().to_text()
    assert OLD_ROWS not in reasons(result)


def test_without_the_base_rows_are_not_compared(form: str, untied_forms: dict[str, Path]) -> None:
    result = verify(untied_forms[form], lines=ENGLISH)
    assert failing(result) == set(), result.to_report().to_text()
    assert not result.strict_passed
    assert {reasons(result)[name] for name in (OLD_ROWS, NORMS, HEAD_ROWS, APPLIED)} == {
        "no base was given to compare with"
    }


def test_the_manifest_says_that_rows_were_factorised(form: str, untied_forms: dict[str, Path]) -> None:
    record = Manifest.load(untied_forms[form]).factorization
    assert {name: record[name] for name in ("rank", "form", "balanced")} == {
        "rank": RANK,
        "form": form,
        "balanced": True,
    }
    assert all(0.5 < share < 1 for share in record["retained"].values())


def one_row(name: str, row: int, factor: float) -> Damage:
    """Change one row by a little."""

    def edit(array: Any, manifest: Manifest) -> None:
        array[row] *= factor

    return lambda directory: edit_tensor(directory, name, edit)


def without_factorization(directory: Path) -> None:
    in_json(FILE_NAME, lambda data: data.pop("factorization"))(directory)


DAMAGES = {
    "old input row": (one_row(INPUT, 200, 1.001), {OLD_ROWS}),
    "old head row": (one_row(HEAD, 200, 1.001), {OLD_ROWS}),
    "new row": (one_row(INPUT, 345, 1.001), {APPLIED}),
    "padding": (one_row(INPUT, -1, 1.001), {PADDING}),
    "long rows": (new_rows(INPUT, lambda rows: np.multiply(rows, 99, out=rows)), {NORMS, APPLIED}),
    "other weight": (flip_low_bit("model.norm.weight", lambda manifest: 0), {ALL_ELSE}),
    "other rank": (in_json(FILE_NAME, lambda data: data["factorization"].update(rank=11)), set()),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_fails_its_check(
    name: str, form: str, untied_forms: dict[str, Path], untied_base: Path, tmp_path: Path
) -> None:
    damage, expected = DAMAGES[name]
    result = verify(damaged(untied_forms[form], tmp_path / "out", damage), untied_base, ENGLISH)
    if name == "other rank":
        assert {OLD_ROWS, HEAD_ROWS, APPLIED} <= failing(result)
    else:
        assert failing(result) == expected, result.to_report().to_text()


def test_a_head_of_input_rows_is_found(untied_forms: dict[str, Path], untied_base: Path, tmp_path: Path) -> None:
    out = damaged(untied_forms[FOLDED], tmp_path / "out", head_of_input_rows)
    assert {HEAD_ROWS, APPLIED} <= failing(verify(out, untied_base, ENGLISH))


def test_rows_that_are_secretly_factorised_fail(
    untied_forms: dict[str, Path], untied_base: Path, tmp_path: Path
) -> None:
    out = damaged(untied_forms[FOLDED], tmp_path / "out", without_factorization)
    assert {OLD_ROWS, APPLIED} <= failing(verify(out, untied_base, ENGLISH))


def test_damaged_primitives_are_found(untied_forms: dict[str, Path], untied_base: Path, tmp_path: Path) -> None:
    out = damaged(untied_forms[MODEL], tmp_path / "out", one_row(PRIMITIVES, 3, 1.01))
    assert {OLD_ROWS, APPLIED, PADDING} <= failing(verify(out, untied_base, ENGLISH))


def test_missing_primitives_are_found(untied_forms: dict[str, Path], untied_base: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    out = damaged(untied_forms[MODEL], tmp_path / "out")
    tensors = load_file(out / "model.safetensors")
    del tensors[PRIMITIVES]
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    assert failing(verify(out, untied_base, ENGLISH))


@pytest.mark.torch
@pytest.mark.parametrize("edit", [b"import os\n", None])
def test_code_that_is_not_ours_is_not_run(
    edit: bytes | None, untied_forms: dict[str, Path], untied_base: Path, tmp_path: Path
) -> None:
    out = damaged(untied_forms[MODEL], tmp_path / "out")
    code = out / "modeling_factorized.py"
    code.unlink() if edit is None else code.write_bytes(edit + code.read_bytes())
    result = verify(out, untied_base, ENGLISH)
    assert failing(result) == {OPENS}
    assert "is not there, or not what vocabx writes, and is not run" in result.to_report().to_text()


def test_a_setting_of_the_factorised_model_is_compared(
    untied_forms: dict[str, Path], untied_base: Path, tmp_path: Path
) -> None:
    out = damaged(untied_forms[MODEL], tmp_path / "out", setting("config.json", "auto_map", {}))
    assert failing(verify(out, untied_base, ENGLISH)) == {ALL_ELSE}
    assert json.loads((untied_forms[MODEL] / "config.json").read_text())["num_primitives"] == RANK

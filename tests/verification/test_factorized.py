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
    SPECIAL,
    damaged,
    edit_tensor,
    failing,
    read_tensor,
    reasons,
    save_base,
    save_target,
)
from tests.verification.test_damages import (
    ALL_ELSE,
    APPLIED,
    COMPUTES,
    GREEDY,
    HEAD_ROWS,
    NORMS,
    OLD_ROWS,
    OPENS,
    PADDING,
)
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
        factorization=Factorization(rank, form, balanced=True),
    )
    stages = Stages()
    extension, checkpoint = plan_extension(base, request, stages)
    with staged_directory(out) as stage:
        write_model(extension, checkpoint, stage, stages, factorized=extension.factorized)
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
    assert reasons(result) == {COMPUTES: "the embeddings were factorised, so all rows changed"}
    evidence = {finding.name: finding.evidence for finding in result.findings}
    assert evidence[OLD_ROWS].startswith(
        "all rows changed; within rounding the base's factorised to rank 12 are model.e"
    )
    assert "lm_head.weight: 340 of 340" in evidence[OLD_ROWS]
    assert evidence[GREEDY].endswith("all rows changed, so which old token wins may be another than the base's")


@pytest.mark.torch
def test_it_is_said_how_users_open_it_and_what_was_added(untied_forms: dict[str, Path], untied_base: Path) -> None:
    folded, model = (
        {finding.name: finding.evidence for finding in verify(untied_forms[form], untied_base, ENGLISH).findings}
        for form in (FOLDED, MODEL)
    )
    assert folded[OPENS].startswith("plain AutoModelForCausalLM: ")
    assert model[OPENS].startswith(
        "AutoModelForCausalLM.from_pretrained(DIR, trust_remote_code=True), by the code that"
    )
    assert folded[ALL_ELSE].endswith("config.json but for vocab_size, as planned")
    assert model[ALL_ELSE].endswith(
        "config.json but for auto_map, num_primitives, vocab_size, as planned; added for the factors: "
        f"lm_head.primitives.weight, {PRIMITIVES}"
    )


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
    request = ReplaceRequest(target, pad_to_multiple=16, factorization=Factorization(RANK, form))
    replacement, checkpoint = plan_replacement(untied_base, request, Stages())
    with staged_directory(tmp_path / "out") as stage:
        write_model(replacement, checkpoint, stage, Stages(), replacement.style, replacement.factorized)
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


def test_rows_are_measured_as_they_are_written_and_all_are_said_to_have_changed(
    form: str, untied_forms: dict[str, Path], untied_base: Path
) -> None:
    out = untied_forms[form]
    manifest, plan = Manifest.load(out).diagnostics, Manifest.load(out).plan
    for matrix, name in (("input", INPUT), ("head", HEAD)):
        rows = read_tensor(out, name).astype(np.float64)
        if form == MODEL:
            rows = rows @ read_tensor(out, name.replace("weight", "primitives.weight")).astype(np.float64).T
        lengths = np.linalg.norm(rows, axis=1)
        assert manifest[matrix]["new"]["norm"] == pytest.approx(np.median(lengths[plan.new_ids]), rel=5e-3)
        text = np.setdiff1d(plan.kept_ids, list(range(len(SPECIAL))))
        assert manifest[matrix]["source"]["norm"] == pytest.approx(np.median(lengths[text]), rel=5e-3)
    assert manifest["loss_bound"] is manifest["loss_estimate"] is None
    assert manifest["warnings"][0].startswith("All rows changed, old ones too: two factors of rank 12 keep ")
    assert manifest["warnings"][0].endswith("A decoder must be trained before it is of use; an encoder suffers less.")


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


@pytest.mark.torch
def test_a_setting_of_the_factorised_model_is_compared(
    untied_forms: dict[str, Path], untied_base: Path, tmp_path: Path
) -> None:
    out = damaged(untied_forms[MODEL], tmp_path / "out", setting("config.json", "auto_map", {}))
    result = verify(out, untied_base, ENGLISH)
    assert failing(result) == {ALL_ELSE, OPENS}
    assert "does not say in auto_map that modeling_factorized.py opens AutoModelForCausalLM" in str(result)
    assert json.loads((untied_forms[MODEL] / "config.json").read_text())["num_primitives"] == RANK

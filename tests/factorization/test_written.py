"""What is written is the base's rows and the new ones, projected, and all else as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.checkpoint.models import (
    HEAD,
    INPUT,
    LLAMA,
    PLAN,
    expected_rows,
    llama_tensors,
    load_model,
    save_model,
    save_two_shards,
)
from tests.factorization.models import INPUT_RULE, RANK, RULES, write
from vocabx.checkpoint import bytes_to_write, open_checkpoint
from vocabx.checkpoint.writing.resize import Resize
from vocabx.core.errors import CheckpointError, InputError
from vocabx.core.plan import NEW, Plan
from vocabx.factorization import FOLDED, MODEL, Factorization, factorize

PRIMITIVES = {name: name.replace("weight", "primitives.weight") for name in (INPUT, HEAD)}


def projected(rows: NDArray[Any], base: NDArray[Any], rank: int = RANK) -> NDArray[np.float64]:
    """Project rows onto the first right singular vectors of the base's rows that belong to tokens."""
    right = np.linalg.svd(base[: PLAN.tokens_before].astype(np.float64))[2][:rank]
    return np.asarray(rows.astype(np.float64) @ right.T @ right)


def rule_of(name: str) -> Any:
    return RULES.input if name == INPUT else RULES.head


@pytest.mark.parametrize("name", [INPUT, HEAD])
@pytest.mark.parametrize("balanced", [False, True])
def test_both_forms_stand_for_all_rows_projected(name: str, balanced: bool, tmp_path: Path) -> None:
    tensors = llama_tensors()
    base = save_model(tmp_path / "base", tensors)
    folded = load_model(write(base, tmp_path / "folded", FOLDED, balanced=balanced))
    model = load_model(write(base, tmp_path / "model", MODEL, balanced=balanced))
    expected = projected(expected_rows(tensors[name], rule_of(name)), tensors[name])
    np.testing.assert_allclose(folded[name], expected, atol=1e-5)
    assert model[name].shape == (PLAN.rows_after, RANK)
    np.testing.assert_allclose(model[name] @ model[PRIMITIVES[name]].T, expected, atol=1e-5)


@pytest.mark.parametrize("form", [FOLDED, MODEL])
def test_the_stored_type_stays(form: str, tmp_path: Path) -> None:
    tensors = llama_tensors(ml_dtypes.bfloat16)
    base = save_model(tmp_path / "base", tensors)
    written = load_model(write(base, tmp_path / "out", form))
    assert {array.dtype for array in written.values()} == {np.dtype(ml_dtypes.bfloat16)}
    rows = written[INPUT].astype(np.float32)
    found = rows @ written[PRIMITIVES[INPUT]].T.astype(np.float32) if form == MODEL else rows
    expected = projected(expected_rows(tensors[INPUT].astype(np.float32), INPUT_RULE), tensors[INPUT])
    distance = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert distance.max() < 0.01


@pytest.mark.parametrize("form", [FOLDED, MODEL])
def test_other_tensors_are_the_same_bytes(form: str, tmp_path: Path) -> None:
    tensors = llama_tensors()
    written = load_model(write(save_model(tmp_path / "base", tensors), tmp_path / "out", form))
    added = set(PRIMITIVES.values()) if form == MODEL else set()
    assert written.keys() == tensors.keys() | added
    for name in tensors.keys() - {INPUT, HEAD}:
        assert written[name].tobytes() == tensors[name].tobytes()


def test_folded_settings_are_those_of_any_resized_model(tmp_path: Path) -> None:
    out = write(save_model(tmp_path / "base", llama_tensors()), tmp_path / "out", FOLDED)
    assert json.loads((out / "config.json").read_text()) == {**LLAMA, "vocab_size": PLAN.rows_after}
    assert not list(out.glob("*.py"))


def test_the_factorised_model_says_how_it_is_opened(tmp_path: Path) -> None:
    out = write(save_model(tmp_path / "base", llama_tensors()), tmp_path / "out", MODEL)
    config = json.loads((out / "config.json").read_text())
    assert config["num_primitives"] == RANK
    assert config["auto_map"]["AutoModelForCausalLM"] == "modeling_factorized.FactorizedAutoModelForCausalLM"
    assert config["model_type"] == "llama"
    compile((out / "modeling_factorized.py").read_text(), "modeling_factorized.py", "exec")


@pytest.mark.parametrize("form", [FOLDED, MODEL])
def test_the_index_lists_what_is_there_and_counts_it(form: str, tmp_path: Path) -> None:
    out = write(save_two_shards(tmp_path / "base"), tmp_path / "out", form)
    index = json.loads((out / "model.safetensors.index.json").read_text())
    written = load_model(out)
    assert index["weight_map"].keys() == written.keys()
    assert {index["weight_map"][name] for name in written if "embed" in name or "head" in name} == {
        "model-2.safetensors"
    }
    assert index["metadata"]["total_size"] == sum(array.nbytes for array in written.values())
    assert index["metadata"]["total_parameters"] == sum(array.size for array in written.values())
    assert open_checkpoint(out).dimensions == (RANK if form == MODEL else 32)


@pytest.mark.parametrize("form", [FOLDED, MODEL])
def test_progress_tells_of_every_byte(form: str, tmp_path: Path) -> None:
    base, counts = save_two_shards(tmp_path / "base"), list[int]()
    out = write(base, tmp_path / "out", form, progress=counts.append)
    checkpoint = open_checkpoint(base)
    recoding = factorize(checkpoint, Factorization(RANK, form), PLAN.tokens_before).recoding
    assert sum(counts) == bytes_to_write(checkpoint, PLAN, recoding)
    assert sum(counts) == sum(array.nbytes for array in load_model(out).values())


def test_rows_go_where_the_plan_takes_them(tmp_path: Path) -> None:
    tensors, plan = llama_tensors(), Plan(np.array([NEW, 50, 3, NEW, 3, *range(60, 97), *[NEW] * 8]), 97, 100, 52, {})
    written = load_model(write(save_model(tmp_path / "base", tensors), tmp_path / "out", FOLDED, plan=plan))
    expected = projected(expected_rows(tensors[INPUT], INPUT_RULE, plan), tensors[INPUT])
    np.testing.assert_allclose(written[INPUT], expected, atol=1e-5)


@pytest.mark.parametrize("form", [FOLDED, MODEL])
def test_a_kept_row_that_is_not_finite_stays_so_and_spoils_no_other(form: str, tmp_path: Path) -> None:
    tensors = llama_tensors()
    tensors[INPUT][7, 3], tensors[INPUT][9] = np.nan, np.inf
    base = save_model(tmp_path / "base", tensors)
    checkpoint = open_checkpoint(base)
    factorized = factorize(checkpoint, Factorization(RANK, form), PLAN.tokens_before)
    row_map = factorized.recoding.maps[INPUT]
    plan = Plan(np.arange(97), 97, 100, 97, {})  # no row is made of them
    resize = Resize(INPUT, checkpoint.tensors[INPUT], plan, INPUT_RULE, None, row_map)
    rows = np.concatenate([block for _, block in resize.other_rows()])
    assert np.flatnonzero(np.isnan(rows).all(axis=1)).tolist() == [7, 9]
    assert np.isfinite(np.delete(rows, [7, 9], axis=0)).all()


def test_a_tied_head_that_is_stored_too_stays_equal_to_the_input(tmp_path: Path) -> None:
    tensors = llama_tensors()
    tensors[HEAD] = tensors[INPUT].copy()
    base = save_model(tmp_path / "base", tensors, {**LLAMA, "tie_word_embeddings": True})
    written = load_model(write(base, tmp_path / "out", MODEL))
    assert written[HEAD].tobytes() == written[INPUT].tobytes()
    assert PRIMITIVES[HEAD] not in written


def test_the_record_says_what_each_matrix_keeps(tmp_path: Path) -> None:
    tensors = llama_tensors()
    tensors[HEAD][:, :4] *= 10
    checkpoint = open_checkpoint(save_model(tmp_path / "base", tensors))
    found = factorize(checkpoint, Factorization(RANK), PLAN.tokens_before)
    values = {name: np.linalg.svd(tensors[name][:97].astype(np.float64))[1] ** 2 for name in (INPUT, HEAD)}
    shares = {name: square[:RANK].sum() / square.sum() for name, square in values.items()}
    assert found.record["retained"] == pytest.approx({"input": shares[INPUT], "head": shares[HEAD]})
    kept = f"keep {found.factors['input'].retained:.1%} of the input, {found.factors['head'].retained:.1%} of the head"
    assert kept in found.warning


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (FOLDED, "multiplied out again, which any program opens"),
        (MODEL, "kept apart by code of its own: open it with from_pretrained(DIR, trust_remote_code=True)"),
    ],
)
def test_it_is_said_in_words_what_the_embeddings_are_now(form: str, words: str, tmp_path: Path) -> None:
    checkpoint = open_checkpoint(save_model(tmp_path / "base", llama_tensors()))
    found = factorize(checkpoint, Factorization(RANK, form), PLAN.tokens_before)
    assert found.note == f"the embeddings are two factors of rank 8, {words}"


def test_a_request_that_cannot_be_met_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a rank of 1 or more, not 0\..* --factorize"):
        Factorization(0)
    with pytest.raises(InputError, match=r"no factorised form 'flat'\. Known: folded, model"):
        Factorization(8, "flat")
    checkpoint = open_checkpoint(save_model(tmp_path / "base", llama_tensors()))
    tensors = llama_tensors()
    tensors[HEAD][:, 9:] = 0
    checkpoint = open_checkpoint(save_model(tmp_path / "low", tensors))
    with pytest.raises(
        InputError, match=r"32 dimensions and rank 9 has factors of rank 1 to 9, not 10\..* --factorize"
    ):
        factorize(checkpoint, Factorization(10), PLAN.tokens_before)


def test_a_rank_above_the_width_is_refused_before_rows_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = open_checkpoint(save_model(tmp_path / "base", llama_tensors()))
    monkeypatch.setattr("vocabx.factorization.recoded.spectrum", None)
    with pytest.raises(InputError, match=r"of 32 dimensions has factors of rank 1 to 32, not 33\..* --factorize"):
        factorize(checkpoint, Factorization(33), PLAN.tokens_before)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"auto_map": {"AutoModel": "code.Model"}}, "is opened by code of its own"),
        ({"is_encoder_decoder": True}, "has several input embeddings"),
        ({"text_config": {"vocab_size": 100}}, "reads more than text"),
    ],
)
def test_a_class_that_cannot_be_factorised_can_still_be_folded(
    settings: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    checkpoint = open_checkpoint(save_model(tmp_path / "base", llama_tensors(), {**LLAMA, **settings}))
    with pytest.raises(CheckpointError, match=f"{reason}. Choose the folded form"):
        factorize(checkpoint, Factorization(8, MODEL), PLAN.tokens_before)
    assert factorize(checkpoint, Factorization(8), PLAN.tokens_before).recoding.maps


@pytest.mark.parametrize(("form", "name"), [(FOLDED, INPUT), (MODEL, PRIMITIVES[INPUT])])
def test_what_is_too_large_for_its_type_is_refused(form: str, name: str, tmp_path: Path) -> None:
    tensors = llama_tensors(np.float16)
    tensors[INPUT][:] = [40000, *[20000] * 31]
    tensors[INPUT][5] = 60000
    base = save_model(tmp_path / "base", tensors)
    with pytest.raises(CheckpointError, match=rf"{name} is not finite when .*stored as F16\. "):
        write(base, tmp_path / "out", form, rank=1)

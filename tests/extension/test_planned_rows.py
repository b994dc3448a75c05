from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import vocabx
from tests.checkpoint.models import checksums, load_model
from tests.extension.bases import HEAD, INPUT, learning, save_base, save_tokenizer, transformers_model
from tests.tokenizer_tools.toys import byte_level, llama3_like, metaspace, wordpiece
from vocabx.core.errors import InputError
from vocabx.planned_rows import Rows

DTYPES = pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16, np.float16], ids=["f32", "bf16", "f16"])


def target(directory: Path, toy: Any = metaspace) -> Path:
    save_tokenizer(directory / "target", toy())
    return directory / "target"


def same(left: Any, right: Any) -> bool:
    return bool(left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes())


@DTYPES
@pytest.mark.parametrize("method", ["eeve", "univariate"])
@pytest.mark.parametrize("toy", [metaspace, wordpiece, llama3_like])
def test_the_rows_are_those_that_replace_writes(toy: Any, method: str, dtype: Any, tmp_path: Path) -> None:
    base, other = save_base(tmp_path / "base", dtype=dtype, padding=3), target(tmp_path, toy)
    settings: dict[str, Any] = {"method": method, "seed": 4, "pad_to_multiple": 64}
    plan = vocabx.replace(base, other, tmp_path / "out", **settings).plan
    before, written = checksums(base), load_model(tmp_path / "out")
    rows = vocabx.rows(base, other, **settings)
    assert checksums(base) == before
    assert rows.plan == plan
    assert rows.head is not None
    assert rows.bias is None
    assert same(rows.input, written[INPUT][plan.new_ids])
    assert same(rows.head, written[HEAD][plan.new_ids])
    assert same(rows.matrix(), written[INPUT])
    assert same(rows.matrix("head"), written[HEAD])


@pytest.mark.parametrize("method", ["constituents", "eeve", "merge", "mean"])
def test_the_rows_of_an_extended_tokenizer_are_those_that_extend_writes(method: str, tmp_path: Path) -> None:
    base, text = save_base(tmp_path / "base", dtype=ml_dtypes.bfloat16), learning(tmp_path)
    save_tokenizer(tmp_path / "donor", metaspace())
    plan = vocabx.extend(base, out=tmp_path / "out", method=method, **text).plan
    rows = vocabx.rows(base, tmp_path / "out", method=method)
    assert rows.new_ids.tolist() == plan.new_ids.tolist()
    written = load_model(tmp_path / "out")
    assert same(rows.input, written[INPUT][plan.new_ids])
    assert same(rows.matrix(), written[INPUT])
    assert same(rows.matrix("head"), written[HEAD])


def test_the_rows_of_tokens_from_a_donor_are_those_that_extend_writes(tmp_path: Path) -> None:
    base, donor = save_base(tmp_path / "base"), target(tmp_path)
    text = {**learning(tmp_path), "size": None}
    plan = vocabx.extend(base, out=tmp_path / "out", tokenizer_donor=donor, scripts=(), **text).plan  # type: ignore[arg-type]
    assert plan.new
    assert same(vocabx.rows(base, tmp_path / "out").matrix(), load_model(tmp_path / "out")[INPUT])


def test_matrices_without_a_model_give_the_same_rows(tmp_path: Path) -> None:
    base, other = save_base(tmp_path / "base", dtype=ml_dtypes.bfloat16, padding=5), target(tmp_path)
    stored = load_model(base)
    expected = vocabx.rows(base, other, method="eeve", pad_to_multiple=8)
    matrices = {"input": stored[INPUT], "head": stored[HEAD]}
    rows = vocabx.rows(matrices, other, base_tokenizer=base, method="eeve", pad_to_multiple=8)
    for name in ("input", "head"):
        assert same(rows.matrix(name), expected.matrix(name))
    assert rows.pieces == expected.pieces
    tied = vocabx.rows({"input": stored[INPUT], "head": None}, other, base_tokenizer=base)
    assert tied.head is None


def test_a_bias_has_rows_of_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    save_tokenizer(tmp_path / "base")
    size = len(byte_level().tokens)
    matrices = {"input": rng.normal(size=(size, 4)), "bias": rng.normal(size=size)}
    rows = vocabx.rows(matrices, target(tmp_path), base_tokenizer=tmp_path / "base", method="mean")
    usable = byte_level().tokens.is_text
    assert rows.bias is not None
    assert rows.bias.shape == (rows.plan.new,)
    np.testing.assert_allclose(rows.bias, matrices["bias"][usable].mean(), rtol=1e-5)
    assert rows.matrix("bias").shape == (rows.plan.tokens,)


@pytest.mark.torch
def test_a_bias_is_that_of_replace(tmp_path: Path) -> None:
    base = tmp_path / "base"
    transformers_model("phi", len(byte_level().tokens), "bfloat16").save_pretrained(base)
    save_tokenizer(base)
    plan = vocabx.replace(base, target(tmp_path), tmp_path / "out").plan
    rows = vocabx.rows(base, tmp_path / "target")
    assert rows.plan == plan
    assert same(rows.matrix("bias"), load_model(tmp_path / "out")["lm_head.bias"])


def test_another_type_is_rounded_once(tmp_path: Path) -> None:
    base, other = save_base(tmp_path / "base", dtype=ml_dtypes.bfloat16), target(tmp_path)
    wide, stored = vocabx.rows(base, other, dtype="float32"), vocabx.rows(base, other)
    assert wide.input.dtype == np.float32
    assert same(wide.input.astype(ml_dtypes.bfloat16), stored.input)
    assert not same(wide.input, stored.input.astype(np.float32))
    assert same(wide.matrix().astype(ml_dtypes.bfloat16), stored.matrix())


def test_a_matrix_has_the_rows_that_are_asked_for(tmp_path: Path) -> None:
    rows = vocabx.rows(save_base(tmp_path / "base"), target(tmp_path))
    whole, size = rows.matrix(), rows.plan.tokens
    larger = rows.matrix(rows=size + 3)
    assert same(larger[:size], whole)
    assert (larger[size:] == larger[size]).all()
    with pytest.raises(InputError, match=f"A matrix of 5 rows does not hold {size} tokens"):
        rows.matrix(rows=5)
    with pytest.raises(InputError, match="no matrix 'bias' with rows of its own; there are input, head"):
        rows.matrix("bias")


@pytest.mark.parametrize(
    ("base", "more", "match"),
    [
        ({"input": np.ones((9, 4))}, {}, "Say with base_tokenizer= which tokenizer"),
        ({"head": np.ones((9, 4))}, {"base_tokenizer": "base"}, "of which input is needed; got \\['head'\\]"),
        ({"input": np.ones((900, 4), int)}, {"base_tokenizer": "base"}, "input is of type int64, and rows are floats"),
        ({"input": np.ones(900)}, {"base_tokenizer": "base"}, r"one row per token, and has shape \(900,\)"),
        ({"input": np.ones((9, 4))}, {"base_tokenizer": "base"}, "do not belong together"),
        (
            {"input": np.ones((900, 4)), "head": np.ones((800, 4))},
            {"base_tokenizer": "base"},
            "The matrix head has 800 rows, and input has 900",
        ),
        ("base", {"base_tokenizer": "base"}, "A model has its own tokenizer"),
        ("base", {"factorization": vocabx.Factorization(rank=2)}, "Rows are not factorised here"),
    ],
)
def test_a_base_that_cannot_be_used_is_refused(
    base: Any, more: dict[str, Any], match: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_base(tmp_path / "base")
    with pytest.raises(InputError, match=match):
        vocabx.rows(base, target(tmp_path), **more)


@pytest.mark.parametrize("ending", [".safetensors", ".npz"])
def test_what_is_saved_is_what_replace_takes(ending: str, tmp_path: Path) -> None:
    """Rows that one method made, given to another: nothing is left of the other."""
    base, other = save_base(tmp_path / "base", dtype=ml_dtypes.bfloat16), target(tmp_path)
    rows = vocabx.rows(base, other, method="eeve")
    rows.save(tmp_path / f"rows{ending}")
    vocabx.replace(base, other, tmp_path / "expected", method="eeve")
    vocabx.replace(base, other, tmp_path / "out", method="random", rows=tmp_path / f"rows{ending}")
    expected, written = load_model(tmp_path / "expected"), load_model(tmp_path / "out")
    assert written.keys() == expected.keys()
    assert all(same(written[name], expected[name]) for name in expected)
    result = vocabx.verify(tmp_path / "out", base)
    assert result.passed, str(result)
    recorded = json.loads((tmp_path / "out" / "vocabx.json").read_text())["materials"]["rows"]
    assert recorded["file"] == f"rows{ending}"
    assert len(recorded["sha256"]) == 64


def test_rows_compare_by_identity() -> None:
    assert Rows.__eq__ is object.__eq__

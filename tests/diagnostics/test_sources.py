"""Rows of a base that are not finite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import vocabx
from tests.extension.bases import HEAD, INPUT, learning, save_base
from tests.tokenizer_tools.toys import byte_level
from vocabx.checkpoint import open_checkpoint
from vocabx.core.errors import CheckpointError

NUMBERS = (np.nan, np.inf, -np.inf)
LETTERS = [byte_level().tokens.pieces.index(letter) for letter in "abc"]


def broken_base(directory: Path, name: str, ids: list[int], numbers: Any = NUMBERS, **how: Any) -> Path:
    """Write a base with numbers that are none in some rows of a matrix."""
    base = save_base(directory, **how)
    tensors = load_file(base / "model.safetensors")
    tensors[name][ids, 3] = numbers
    save_file(tensors, base / "model.safetensors", {"format": "pt"})
    return base


def warnings_of(extension: Any) -> list[str]:
    return [text for text in extension.diagnosis.warnings if "finite" in text]


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("method", ["constituents", "mean", "multivariate"])
def test_input_rows_that_are_not_finite_are_told_and_nothing_is_made_of_them(
    method: str, tied: bool, tmp_path: Path
) -> None:
    base = broken_base(tmp_path / "base", INPUT, LETTERS, tied=tied)
    extension = vocabx.extend(base, out=tmp_path / "out", method=method, **learning(tmp_path))
    [told] = warnings_of(extension)
    named = ", ".join(map(str, sorted(LETTERS)))
    assert told.startswith(f"3 of the base's input rows are not finite (NaN or infinite): ids {named}. No new row")
    written = open_checkpoint(tmp_path / "out").matrix(INPUT)
    assert np.isfinite(written[extension.plan.new_ids]).all()
    assert np.isnan(written[LETTERS[0], 3])


def test_a_sound_base_is_not_spoken_of(tmp_path: Path) -> None:
    assert warnings_of(vocabx.extend(save_base(tmp_path / "base"), out=tmp_path / "out", **learning(tmp_path))) == []


@pytest.mark.parametrize(
    ("method", "pattern"),
    [
        (
            "mean",
            r"^3 of the base's head rows are not .*, and new rows would be made of them: ids \d+, \d+, \d+\.",
        ),
        (
            "multivariate",
            r"^3 of the base's rows are not .*, and new rows would be drawn like them: .* id \d+\.",
        ),
        ("univariate", r"^3 of the base's rows are not finite"),
    ],
)
def test_head_rows_that_are_not_finite_are_refused_where_new_ones_are_made_of_them(
    method: str, pattern: str, tmp_path: Path
) -> None:
    base = broken_base(tmp_path / "base", HEAD, LETTERS)
    with pytest.raises(CheckpointError, match=pattern):
        vocabx.extend(base, out=tmp_path / "out", method=method, **learning(tmp_path))
    assert not (tmp_path / "out").exists()


def test_head_rows_that_are_not_finite_are_told_where_nothing_is_made_of_them(tmp_path: Path) -> None:
    extension = vocabx.extend(save_base(tmp_path / "base"), out=tmp_path / "sound", **learning(tmp_path))
    rule: Any = extension.initialization.head
    unused = np.setdiff1d(np.flatnonzero(byte_level().tokens.is_text), rule.weights.indices)[-1:].tolist()
    base = broken_base(tmp_path / "broken", HEAD, unused, [np.inf])
    [told] = warnings_of(vocabx.extend(base, out=tmp_path / "out", **learning(tmp_path)))
    assert told.startswith(f"1 of the base's head rows are not finite (NaN or infinite): ids {unused[0]}. No new row")


def test_a_padding_row_of_such_rows_is_refused_by_what_writes_it(tmp_path: Path) -> None:
    extension = vocabx.extend(save_base(tmp_path / "base"), out=tmp_path / "sound", **learning(tmp_path))
    rule: Any = extension.initialization.head
    unused = np.setdiff1d(np.flatnonzero(byte_level().tokens.is_text), rule.weights.indices)[-1:].tolist()
    base = broken_base(tmp_path / "broken", HEAD, unused, [np.nan])
    with pytest.raises(CheckpointError, match=r"Rows of lm_head\.weight are not finite .* a row would be made of them"):
        vocabx.extend(base, out=tmp_path / "out", pad_to_multiple=64, **learning(tmp_path))

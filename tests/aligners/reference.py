"""What the published packages answered on a small input; `data_scripts/freeze_reference_rows.py` asks them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from vocabx.core.arrays import Bools
from vocabx.core.transfer import Materials, Transfer
from vocabx.tokenizer_tools.read import FastSegmenter

__all__ = ["FOLDER", "answers", "reference_transfer", "segmenter"]

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "reference"


@cache
def segmenter(name: str) -> FastSegmenter:
    """Return the tokenizer called `source` or `target`."""
    tokenizer = Tokenizer.from_file(str(FOLDER / f"{name}-tokenizer.json"))
    return FastSegmenter.from_backend(tokenizer, {"eos": tokenizer.get_vocab()["<|end|>"]})


@cache
def answers(package: str) -> dict[str, NDArray[Any]]:
    """Return the arrays that a package's run left."""
    with np.load(FOLDER / f"{package}.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def reference_transfer(source: str, target: str, usable: Bools | None = None, **materials: Any) -> Transfer:
    """Make rows for every token of the target, as the packages do."""
    own, other = segmenter(source), segmenter(target)
    usable = own.tokens.is_text if usable is None else usable
    return Transfer(own, other, np.arange(len(other.tokens)), usable, materials=Materials(**materials))

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vocabx.advice import HELD_OUT, advise


@pytest.mark.slow
@pytest.mark.parametrize("name", ["smollm2", "mistral", "minilm", "e5", "gemma3"])
def test_the_curve_of_a_real_model_falls_and_flattens(name: str, resources: Callable[[str], Path]) -> None:
    found = advise(resources(name), resources("texts") / "pydocs.ko.txt", largest=8000)
    text = found.curve.texts[HELD_OUT]
    per_token = np.diff(text.tokens[1:]) / np.diff(found.curve.sizes[1:])
    assert (per_token < 0).all()
    # A grid's sizes are rounded, so the fall per token may waver by a little.
    assert (per_token[1:] >= 1.02 * per_token[:-1]).all()
    assert found.is_foreign
    assert found.guarded.changed_lines == 0
    assert found.recommended is None or found.recommended in found.curve.sizes

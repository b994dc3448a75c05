"""Computation: what the model makes of kept tokens must be what the base makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vocabx.core.arrays import Ints
from vocabx.verification.finding import Outcome, judge, not_run
from vocabx.verification.model import open_model
from vocabx.verification.subject import Subject

if TYPE_CHECKING:
    import torch

__all__ = ["check_computation"]

MOST_TEXTS = 4
MOST_TOKENS = 32
MOST_DIFFERENCE = 1e-4
"""Of a score in float32: products of other sizes are summed in another order."""


def check_computation(subject: Subject) -> Outcome:
    """Run both models on the same tokens: last hidden states must be equal to the bit, and scores nearly so."""
    origins, kept = subject.plan.origins, subject.plan.kept_ids
    found = [ids[:MOST_TOKENS] for ids in subject.line_ids if ids and subject.is_kept(ids[:MOST_TOKENS])]
    if not found:
        return not_run(f"none of the {subject.lines_name} is spelt with kept ids only", is_open=True)
    texts = found[:: -(-len(found) // MOST_TEXTS)]
    base = subject.base_directory
    assert base is not None, "the table of checks says base_weights"
    ours = _run(subject.directory, texts, kept)
    theirs = _run(base, [origins[ids].tolist() for ids in texts], origins[kept])
    offenders, largest = list[str](), 0.0
    for ids, (state, scores), (base_state, base_scores) in zip(texts, ours, theirs, strict=True):
        if state.shape != base_state.shape or not state.equal(base_state):
            offenders.append(f"hidden states differ for {subject.table.select(ids).pieces}")
        difference = float((scores - base_scores).abs().max()) if scores.shape == base_scores.shape else float("inf")
        # `not <=`, because a NaN is neither above nor below.
        if not difference <= MOST_DIFFERENCE:
            offenders.append(f"scores differ by {difference:.3g} for {subject.table.select(ids).pieces}")
        largest = max(largest, difference)
    places = sum(map(len, texts))
    return judge(
        offenders,
        f"{places:,} places in {len(texts)} {subject.lines_name}, in float32: scores differ by {largest:.2g} at most",
    )


def _run(directory: Path, texts: Sequence[Sequence[int]], columns: Ints) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return hidden states and the wanted columns of the scores; the model itself is given up at once."""
    model = open_model(directory, dtype="float32")
    results = []
    for ids in texts:
        state, scores = model.last_state(ids), model.scores(ids)
        results.append((state, scores[:, columns] if model.is_headed else scores))
    return results

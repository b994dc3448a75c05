"""What a card says of a distillation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vocabx.card.named_texts import spell_files
from vocabx.core.report import Cell, Table

__all__ = ["distillation_text"]


def distillation_text(run: Mapping[str, Any]) -> str:
    """Spell what was distilled, and what it changed on held-out text."""
    settings = run["settings"]
    facts: dict[str, Cell] = {
        "distilled": f"{run['distilled']:,} rows of new tokens (Token Distillation, arXiv:2505.20133)",
        "objective": f"`{settings['objective']}`",
        "corpus": spell_files(run.get("corpus", ())) or None,
        "held-out text": spell_files(run.get("held_out", ())) or "lines of the corpus, not trained on",
        "snippets, steps": f"{run['snippets']:,}, {run['steps']:,}",
        "snippets per token, at most": settings["contexts"],
        "old rows": "as before, to the bit",
        "error of hidden states on held-out text, before and after": _pair(run["hidden_error"]),
        "bits per byte of held-out text, before and after": _pair(run["bits_per_byte"]),
    }
    known = [(fact, value) for fact, value in facts.items() if value is not None]
    return Table("", ("what", "value"), known).to_markdown()


def _pair(values: list[float | None]) -> str | None:
    before, after = values
    return None if before is None or after is None else f"{before:.4f}, {after:.4f}"

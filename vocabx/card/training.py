"""What a card says of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vocabx.card.distillation import distillation_text
from vocabx.card.metadata import read_metadata, spell_metadata, trained_metadata
from vocabx.card.named_texts import spell_bytes, spell_files
from vocabx.core.report import Cell, Table

__all__ = ["training_text", "write_training_card"]


def training_text(runs: Sequence[Mapping[str, Any]]) -> str:
    """Spell what was trained, run after run."""
    return "\n\n".join(distillation_text(run) if "distilled" in run else _run(run) for run in runs)


def write_training_card(
    out: Path, base: Path, name: str, runs: Sequence[Mapping[str, Any]], languages: Sequence[str] = ()
) -> None:
    """Write the card of a model whose vocabulary vocabx did not change; licence, tags and task are the base's."""
    head = spell_metadata(trained_metadata(name, read_metadata(base), languages))
    text = (
        f"# {name}, trained on\n\nThe model is `{name}` after continued pretraining with vocabx. What the base's own "
        f"card says of its uses and limits holds here too.\n\n## Training\n\n{training_text(runs)}\n"
    )
    (out / "README.md").write_text(f"{head}\n{text}", encoding="utf-8")


def _run(run: Mapping[str, Any]) -> str:
    recipe, curve = run["recipe"], run["curve"]
    facts: dict[str, Cell] = {
        "recipe": f"`{recipe['name']}`: {recipe['summary']}",
        "source": recipe["source"],
        "chosen by vocabx, not by the source": ", ".join(recipe.get("ours", ())) or None,
        "objective": run["objective"],
        "tokens, sequence length": f"{run['tokens']:,}, {run['length']:,}",
        "corpus": f"{spell_files(run['corpus'])}, read {run['epochs']:.2f} times",
        "source-language text": _replay(run),
        "text that was read": spell_bytes(run["bytes"]),
        "held-out text": _held_out(run["held_out"]),
        "loss, mean of the first and the last tenth of the curve": _pair(
            curve.get("loss_of_first_tenth"), curve.get("loss_of_last_tenth")
        ),
        "old rows": "as before, to the bit" if run["keeps_old_rows"] else "trained",
        "made with": f"vocabx {run['vocabx']}, {run['device']}",
    }
    for label, before in curve["bits_per_byte_before"].items():
        facts[f"bits per byte of held-out {label}, before and after"] = _pair(
            before, curve["bits_per_byte_after"].get(label)
        )
    known = [(fact, value) for fact, value in facts.items() if value is not None]
    stages = [
        (stage["name"], ", ".join(stage["trains"]), stage["steps"], stage["trained"], f"{stage['learning_rate']:g}")
        for stage in run["stages"]
    ]
    columns = ("stage", "trains", "steps", "parameters", "learning rate")
    return f"{Table('', ('what', 'value'), known).to_markdown()}\n\n{Table('', columns, stages).to_markdown()}"


def _replay(run: Mapping[str, Any]) -> str | None:
    if not run["replay_share"]:
        return None
    return f"{spell_files(run['replay'])}, {run['replay_share']:.4g} of the sequences"


def _held_out(counts: Mapping[str, int]) -> str | None:
    return ", ".join(f"`{label}`: {count:,} document{'s' * (count != 1)}" for label, count in counts.items()) or None


def _pair(before: float | None, after: float | None) -> str | None:
    return None if before is None or after is None else f"{before:.4f}, {after:.4f}"

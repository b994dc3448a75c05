"""The report of a pretraining."""

from __future__ import annotations

from pathlib import Path

from vocabx.core.report import Cell, Report, Table
from vocabx.training.pretrain import Pretraining

__all__ = ["pretraining_report"]


def pretraining_report(done: Pretraining, headline: str = "", out: Path | None = None) -> Report:
    """Tabulate what was trained, what came of it, and where it was written."""
    record, curve = done.record, done.record["curve"]
    facts: dict[str, Cell] = {
        "recipe": record["recipe"]["name"],
        "chosen by vocabx, not by the recipe's source": ", ".join(record["recipe"]["ours"]) or "nothing",
        "objective": record["objective"],
        "tokens": record["tokens"],
        "sequence length": record["length"],
        "bytes of text": record["bytes"],
        "of these, of the source language": record["replay_bytes"],
        "times the corpus was read": record["epochs"],
        "seconds of training": curve["seconds"],
        "loss, mean of the first tenth of the curve": curve["loss_of_first_tenth"],
        "loss, mean of the last tenth of the curve": curve["loss_of_last_tenth"],
        "tensors that changed": len(done.changed),
        "old rows": "as before, to the bit" if record["keeps_old_rows"] else "trained",
        "on": record["device"],
    }
    if out is not None:
        facts["output"] = str(out)
    stages = Table(
        "stages",
        ("stage", "trains", "steps", "parameters", "learning rate"),
        [
            (each["name"], ", ".join(each["trains"]), each["steps"], each["trained"], each["learning_rate"])
            for each in record["stages"]
        ],
    )
    tables = [stages]
    if curve["bits_per_byte_before"]:
        rows = [
            (label, before, curve["bits_per_byte_after"][label])
            for label, before in curve["bits_per_byte_before"].items()
        ]
        tables.append(Table("bits per byte of held-out text", ("text", "before", "after"), rows))
    return Report(headline, facts, tables)

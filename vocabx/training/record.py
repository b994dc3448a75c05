"""The record of a run: what was trained, how, and on what, for the output's own files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vocabx.card import write_card
from vocabx.card.metadata import read_metadata
from vocabx.card.training import write_training_card
from vocabx.checkpoint import Checkpoint
from vocabx.manifest import FILE_NAME, Manifest

__all__ = ["CURVE_FILE", "RECORD_FILE", "save_record"]

RECORD_FILE, CURVE_FILE = "vocabx-training.json", "vocabx-training.jsonl"


def save_record(
    record: Mapping[str, Any], checkpoint: Checkpoint, name: str, out: Path, languages: Sequence[str] = ()
) -> None:
    """Write what was trained into `vocabx.json`, or a file of its own where vocabx did not write the base, and a card.

    Parameters
    ----------
    record : mapping
        Plain data.
    checkpoint : Checkpoint
        Of the directory that the training began with.
    name : str
        Of that directory.
    out : Path
        A directory that is complete but for these files.
    languages : sequence of str
        For the card.
    """
    languages = languages or _languages(checkpoint.directory)
    if (checkpoint.directory / FILE_NAME).is_file():
        manifest = Manifest.load(checkpoint.directory)
        replace(manifest, training=(*manifest.training, record)).save(out)
        write_card(out, checkpoint, languages)
        return
    runs = [*_earlier(checkpoint.directory), record]
    (out / RECORD_FILE).write_text(json.dumps(runs, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    write_training_card(out, checkpoint.directory, name, runs, languages)


def _languages(directory: Path) -> list[str]:
    """Return the languages that the card of the base names."""
    found = read_metadata(directory).get("language")
    return [found] if isinstance(found, str) else [each for each in found or () if isinstance(each, str)]


def _earlier(directory: Path) -> list[Mapping[str, Any]]:
    try:
        found = json.loads((directory / RECORD_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return found if isinstance(found, list) else []

"""Write the card of a new model."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from vocabx.card.metadata import card_metadata, read_metadata, spell_metadata
from vocabx.card.text import card_text
from vocabx.checkpoint import Checkpoint
from vocabx.core.errors import InputError
from vocabx.manifest import Manifest

__all__ = ["CARD", "check_languages", "write_card"]

CARD = "README.md"
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,8})*|multilingual|code")


def check_languages(languages: Sequence[str]) -> None:
    """Raise `InputError` where a language is not given by its code."""
    if isinstance(languages, str) or not isinstance(languages, Collection):
        raise InputError(f'languages: expected a list of codes, such as ["ko"], got {languages!r}.')
    for language in languages:
        if not LANGUAGE.fullmatch(str(language)):
            raise InputError(f"A language is given by its code of two or three letters, such as ko, got {language!r}.")


def write_card(out: Path, base: Checkpoint, languages: Sequence[str] = ()) -> None:
    """Write `README.md` into a directory that is complete but for it.

    The base's card describes another model, so that only its licence, tags and task are carried over. The same
    directory gives the same bytes.
    """
    manifest = Manifest.load(out)
    head = card_metadata(manifest, read_metadata(base.directory), languages)
    licence = head.get("license_name") or head.get("license")
    text = card_text(manifest, base, licence if isinstance(licence, str) else None)
    (out / CARD).write_text(f"{spell_metadata(head)}\n{text}", encoding="utf-8")

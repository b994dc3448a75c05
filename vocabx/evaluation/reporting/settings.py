"""Settings of results as people read them: spelt as the options of `vocabx evaluate` are."""

from __future__ import annotations

from collections.abc import Mapping

from vocabx.core.report import Cell, format_number

__all__ = ["as_options", "spell_setting", "spell_settings"]

OPTIONS = {
    "minimum bytes": "minimum-bytes",
    "minimum characters": "minimum-characters",
    "characters of each text": "characters",
    "text field": "text-field",
    "batch size": "batch-size",
    "new tokens": "new-tokens",
    "few_shot": "few-shot",
    "learning_rate": "learning-rate",
    "batch_size": "batch-size",
    "max_length": "max-length",
    "frozen_embeddings": "frozen-embeddings",
}
"""Settings that result files call otherwise than the option that decides them."""
OTHERS = {"characters": "characters of all texts", "weight_decay": "weight decay"}
"""Settings that would be taken for an option, and those that have none."""


def as_options(settings: Mapping[str, Cell]) -> dict[str, Cell]:
    """Name settings as the command line does, whatever the file calls them.

    >>> as_options({"few_shot": 5, "limit": 200})
    {'few-shot': 5, 'limit': 200}
    """
    names = OPTIONS | OTHERS
    return {names.get(name, name): value for name, value in settings.items()}


def spell_setting(value: Cell) -> str:
    """Spell one for people; a learning rate of 0.00002 is not 0.0000."""
    return f"{value:g}" if isinstance(value, float) else format_number(value)


def spell_settings(settings: Mapping[str, Cell]) -> str:
    """Spell settings, or versions, in one line.

    >>> spell_settings({"vocabx": "0.1.0", "window": 1024})
    'vocabx 0.1.0, window 1,024'
    """
    return ", ".join(f"{name} {spell_setting(value)}" for name, value in settings.items())

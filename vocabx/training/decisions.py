"""Decisions: what a run must keep to its end, and what of it was given otherwise, in the words of the command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vocabx.training.settings import option_name

__all__ = ["changes"]

VALUES = ("objective", "unit", "text_field")
"""Options beside the settings that are compared, and shown, as they are."""


def changes(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Say what of a run's decisions is another now.

    Parameters
    ----------
    found, wanted : mapping
        What the run was begun with, and what it is to be gone on with: plain data as `TrainingRequest.deciding` gives.

    Returns
    -------
    list of str
        Empty if there is nothing. Texts and models are compared by checksums, which are not shown.
    """
    if found.get("format") != wanted.get("format"):
        return ["another version of vocabx began it"]
    return [*_values(found, wanted), *_texts(found, wanted)]


def _values(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    yield from _recipe(found.get("recipe") or {}, wanted.get("recipe") or {})
    settings = [each.get("settings") or {} for each in (found, wanted)]
    for name in dict.fromkeys([*settings[1], *settings[0]]):
        yield from _change(option_name(name), settings[0].get(name), settings[1].get(name))
    for name in VALUES:
        yield from _change(option_name(name), found.get(name), wanted.get(name))
    yield from _change("the number of processes", found.get("processes"), wanted.get("processes"))


def _texts(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    if found.get("model") != wanted.get("model"):
        yield "the model is another"
    for name in ("corpus", "replay"):
        before, now = found.get(name), wanted.get(name)
        if before and now and before != now:
            yield f"the text of {option_name(name)} has changed"
        else:
            yield from _change(option_name(name), bool(before), bool(now))
    before, now = (each.get("held_out") or {} for each in (found, wanted))
    if list(before) != list(now):
        yield from _change("--held-out", ", ".join(before) or None, ", ".join(now) or None)
    else:
        yield from (f"the text of --held-out {label} has changed" for label in now if before[label] != now[label])


def _recipe(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Name the recipes where their names differ, and else the fields of their stages that do."""
    if before.get("name") != now.get("name"):
        yield from _change("--recipe", before.get("name"), now.get("name"))
        return
    name, stages = now.get("name"), [each.get("stages") or [] for each in (before, now)]
    yield from _fields(f"of the recipe {name}, ", before, now)
    if len(stages[0]) != len(stages[1]):
        yield from _change(f"of the recipe {name}, the number of stages", len(stages[0]), len(stages[1]))
        return
    for number, (one, other) in enumerate(zip(*stages, strict=True), 1):
        yield from _fields(f"of the recipe {name}, stage {number}: ", one, other)


def _fields(of: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in now:
        if name != "stages":
            yield from _change(f"{of}{name}", before.get(name), now[name])


def _change(what: str, before: Any, now: Any) -> Iterator[str]:
    if before != now:
        yield f"{what} was {_spell(before)} and is {_spell(now)}"


def _spell(value: Any) -> str:
    if value is None or value is False:
        return "not given"
    if value is True:
        return "given"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)

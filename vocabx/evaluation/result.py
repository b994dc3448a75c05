"""Result: what one evaluation measured, of all the models that it looked at, in one file."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self, get_type_hints

from vocabx.core.errors import InputError, OutputError
from vocabx.core.report import Cell

__all__ = ["DataFile", "Difference", "EvaluatedModel", "Result", "Score", "plain_data"]

FORMAT = 1


@dataclass(frozen=True, slots=True)
class EvaluatedModel:
    """A model as a result names it.

    `checksum` is of the settings, the tokenizer and the weights; `revision` is the commit of the hub,
    where it is from there; `seconds` is what its evaluation took; `has_weights` is false where only the tokenizer and
    settings were at hand, so that the checksum is of these.
    """

    name: str
    checksum: str
    revision: str | None = None
    seconds: float | None = None
    has_weights: bool = True


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that was read: its name without its place, and the SHA-256 of its bytes."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Score:
    """One number about one model.

    `low` and `high` are the 95 % interval where there is one; of speeds, the slowest and the fastest repeat. `floor` is
    what the best constant answer gets, `items` is how many items (documents, questions, sentences) the number is of,
    and `error` is its standard error.
    """

    model: str
    task: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    items: int | None = None
    error: float | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more one model scores than another on the same items; `low` and `high` are of paired draws of items."""

    model: str
    against: str
    task: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Result:
    """Everything that the file of an evaluation holds.

    Attributes
    ----------
    kind : str
        The evaluation, as the command line names it.
    models, data, scores, differences
        What was looked at, and what came out; the first model is the one that others are compared with.
    settings : mapping
        Everything that decides the numbers and is not data: windows, few-shot examples, limits, prompts.
    seed : int or None
        Of everything that was drawn; None where nothing was.
    versions : mapping of str to str
        Packages that took part, vocabx first.
    commit : str or None
        Of the program's own repository, where it runs out of one.
    device : str
        What the models ran on.
    notes : sequence of str
        Sentences that a reader of the numbers must know.
    """

    kind: str
    models: Sequence[EvaluatedModel]
    scores: Sequence[Score]
    differences: Sequence[Difference] = ()
    data: Sequence[DataFile] = ()
    settings: Mapping[str, Cell] = field(default_factory=dict)
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    device: str = ""
    notes: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data; a number that is not finite becomes None, for JSON has no way to spell it."""
        content: dict[str, Any] = plain_data(asdict(self))
        return {"format": FORMAT, **content}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave.

        Raises
        ------
        KeyError, TypeError, ValueError
            Where it is something else.
        """
        rest = dict(content)
        if rest.pop("format") != FORMAT:
            raise ValueError("another format")
        parts = {"models": EvaluatedModel, "data": DataFile, "scores": Score, "differences": Difference}
        for name, kind in parts.items():
            rest[name] = tuple(_row(kind, row) for row in rest[name])
        result = cls(**{**rest, "notes": tuple(rest["notes"])})
        texts = (result.kind, result.device, result.commit or "", *result.notes, *result.versions.values())
        cells = (result.seed or 0, *result.settings.values())
        if not all(isinstance(text, str) for text in texts) or not all(isinstance(cell, Cell) for cell in cells):
            raise TypeError("not what a result holds")
        names = [model.name for model in result.models]
        named = {one.model for one in result.scores}
        named |= {name for one in result.differences for name in (one.model, one.against)}
        if len(set(names)) < len(names) or not named.issubset(names):
            raise ValueError("not the scores of these models")
        return result

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all.

        Raises
        ------
        OutputError
            When it cannot be written.
        """
        staged = path.with_name(f".{path.name}.incomplete")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            staged.write_text(json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            os.replace(staged, path)
        except OSError as error:
            raise OutputError(f"The result cannot be written to {path}: {error.strerror}.") from error
        finally:
            with suppress(OSError):
                staged.unlink()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file.

        Raises
        ------
        InputError
            When it is missing, damaged, or not the result of an evaluation.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise InputError(f"{path} is not JSON, so it is no result of `vocabx evaluate`.") from error
        try:
            return cls.from_json(content)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is not a result of `vocabx evaluate`, or of another version of it.") from error


def plain_data(part: Any) -> Any:
    """Return what JSON can spell: rows as lists, and None for a number that is not finite."""
    match part:
        case dict():
            return {name: plain_data(value) for name, value in part.items()}
        case list() | tuple():
            return [plain_data(value) for value in part]
        case float() if not math.isfinite(part):
            return None
    return part


def _row(kind: Any, row: Mapping[str, Any]) -> Any:
    # A score that was not finite was spelt as null.
    cells = {**row, "value": math.nan} if "value" in row and row["value"] is None else dict(row)
    for name, wanted in get_type_hints(kind).items():
        allowed = wanted | int if isinstance(0.0, wanted) else wanted
        if name in cells and not isinstance(cells[name], allowed):
            raise TypeError(f"{name} is of another type")
    return kind(**cells)

"""Results: what was measured of one method, kept in one file each so that a rerun goes on where it was cut off."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from errno import ENOTDIR
from pathlib import Path
from typing import Any, Self

import numpy as np

from vocabx.core.errors import OutputError
from vocabx.eval.bits_per_byte import BitsPerByte
from vocabx.eval.cost import DocumentCost
from vocabx.eval.greedy import GreedyFlips

__all__ = ["CACHE", "NOT_KEPT", "Measured", "Results", "Side", "check_place", "fingerprint"]

UNSAFE = re.compile(r"[^\w.=-]+")
HASHED_BYTES = 1 << 20
RESULTS, CACHE = "results", "cache"
"""Folders in the place of a comparison: what was measured, and vectors that were trained."""


@dataclass(frozen=True)
class Side:
    """What the documents of one language cost, and in how many tokens, of which how many new."""

    cost: DocumentCost
    tokens: int
    new_tokens: int

    @classmethod
    def of(cls, measured: BitsPerByte) -> Self:
        """Take what is kept of a measurement."""
        old, new = (group.tokens if group else 0 for group in (measured.old, measured.new))
        return cls(DocumentCost(measured.nats, measured.bytes), old + new, new)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        nats, sizes = self.cost.nats.tolist(), self.cost.bytes.tolist()
        return {"nats": nats, "bytes": sizes, "tokens": self.tokens, "new_tokens": self.new_tokens}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        cost = DocumentCost(np.array(data["nats"], np.float64), np.array(data["bytes"], np.int64))
        return cls(cost, int(data["tokens"]), int(data["new_tokens"]))


@dataclass(frozen=True)
class Measured:
    """One method after so many steps of training; with 0 steps nothing was trained and the seed says nothing.

    Attributes
    ----------
    label : str
        The method and its options, or `BASE`.
    steps, seed : int
    sides : mapping of str to Side
        By language: target, and source where there is text in it.
    flips : GreedyFlips, optional
        Against the base, right after the change.
    seconds : float
        That it took, making rows included.
    losses : tuple of float
        Training loss before each step, in nats for one token.
    """

    label: str
    steps: int
    seed: int
    sides: Mapping[str, Side]
    flips: GreedyFlips | None = None
    seconds: float = 0.0
    losses: tuple[float, ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "label": self.label,
            "steps": self.steps,
            "seed": self.seed,
            "sides": {name: side.to_json() for name, side in self.sides.items()},
            "flips": asdict(self.flips) if self.flips else None,
            "seconds": self.seconds,
            "losses": list(self.losses),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        return cls(
            label=data["label"],
            steps=data["steps"],
            seed=data["seed"],
            sides={name: Side.from_json(side) for name, side in data["sides"].items()},
            flips=GreedyFlips(**data["flips"]) if data["flips"] else None,
            seconds=data["seconds"],
            losses=tuple(data["losses"]),
        )


@dataclass(frozen=True)
class Results:
    """A folder of results, one JSON file each; without a folder nothing is kept."""

    folder: Path | None = None

    def find(self, label: str, steps: int, seed: int, mark: str) -> Measured | None:
        """Return what was measured under this fingerprint; None where nothing was, or the file is broken."""
        file = self._file(label, steps, seed, mark)
        if file is None or not file.is_file():
            return None
        try:
            data = json.loads(file.read_text("utf-8"))
            return Measured.from_json(data) if data["fingerprint"] == mark else None
        except (OSError, ValueError, KeyError, TypeError):
            return None  # cut off, or changed by hand: it is measured again

    def keep(self, measured: Measured, mark: str) -> None:
        """Write a result; its file appears whole or not at all."""
        file = self._file(measured.label, measured.steps, measured.seed, mark)
        if file is None:
            return
        part = file.with_name(f".{file.name}.{os.getpid()}.incomplete")
        content = json.dumps({"fingerprint": mark, **measured.to_json()}, ensure_ascii=False, indent=1)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(content + "\n", "utf-8")
            part.replace(file)
        except OSError as error:
            raise OutputError(f"{file} cannot be written: {error.strerror or error}. Choose another --out.") from error
        finally:
            part.unlink(missing_ok=True)

    def _file(self, label: str, steps: int, seed: int, mark: str) -> Path | None:
        name = f"{UNSAFE.sub('_', label)[:80]}.{steps}-steps.seed-{seed}.{mark[:12]}.json"
        return None if self.folder is None else self.folder / RESULTS / name


NOT_KEPT = Results()


def check_place(folder: Path, *, make: bool) -> None:
    """Raise `OutputError`, before any work, where results cannot be kept in a folder, or it is used for other things.

    With `make` the folder is there afterwards, with room for results.
    """
    try:
        if folder.is_dir() and not _is_ours(folder):
            raise OutputError(f"{folder} holds other files, and no results of a comparison. Choose another --out.")
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        present = next(place for place in (folder / RESULTS, folder, *folder.parents) if place.exists())
        if not present.is_dir():
            raise NotADirectoryError(ENOTDIR, f"{present} is a file")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror or error}. Choose another --out.") from error
    if not os.access(present, os.W_OK):
        raise OutputError(f"You may not write into {present}. Choose another --out, or change its permissions.")


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds nothing, or nothing but what a comparison leaves, or results of one."""
    others = {entry.name for entry in folder.iterdir()} - {RESULTS, CACHE}
    results = [entry.name for entry in (folder / RESULTS).iterdir()] if (folder / RESULTS).is_dir() else []
    return any(".seed-" in name for name in results) or not (others or results)


def fingerprint(*parts: Any) -> str:
    """Hash plain data, texts, bytes and files; of a large file its size and its first and last megabyte."""
    digest = hashlib.sha256()
    for part in parts:
        content = _content(part)
        digest.update(f"{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def _content(part: Any) -> bytes:
    match part:
        case bytes():
            return part
        case str():
            return part.encode("utf-8", "surrogatepass")
        case Path():
            return _sample(part)
    return json.dumps(part, sort_keys=True, default=str).encode()


def _sample(file: Path) -> bytes:
    size = file.stat().st_size
    with file.open("rb") as stream:
        first = stream.read(HASHED_BYTES)
        stream.seek(max(size - HASHED_BYTES, 0))
        return f"{size} {hashlib.sha256(first + stream.read()).hexdigest()}".encode()

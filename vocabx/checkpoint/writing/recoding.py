"""Recoding: rows that are written otherwise than they were read, and what it takes to read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from vocabx.core.arrays import Floats, Matrix

__all__ = ["Decoder", "Recoding", "RowMap"]


class RowMap(Protocol):
    """Takes rows of a matrix, kept and made ones alike, to what is written."""

    @property
    def columns(self) -> int:
        """Numbers of a written row."""

    def __call__(self, rows: Floats) -> Matrix:
        """Return the rows to write, shape (B, columns), of any float type; equal rows must give equal ones."""


@dataclass(frozen=True)
class Decoder:
    """A matrix that is written beside the tensor `beside`, into the same file and in the same type."""

    beside: str
    matrix: Matrix = field(repr=False)


@dataclass(frozen=True)
class Recoding:
    """A map for each matrix whose rows change, new tensors by name, and settings for config.json."""

    maps: Mapping[str, RowMap] = field(default_factory=dict)
    decoders: Mapping[str, Decoder] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

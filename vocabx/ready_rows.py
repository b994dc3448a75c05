"""Ready-made rows: a file of rows that were made elsewhere, checked and put in the place of a method's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import ml_dtypes
import numpy as np
from scipy.sparse import csr_array

from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Bools, Floats, Ints, Matrix
from vocabx.core.checksum import checksum
from vocabx.core.errors import InputError
from vocabx.core.initialization import Initialization, RowRule
from vocabx.core.transfer import Transfer
from vocabx.rows_file import MATRICES, read_arrays

__all__ = ["GIVEN", "ReadyRows", "ReadyRule", "given_rows", "made_by_method", "made_part", "ready_notes"]

GIVEN = "given"
"""Origin of a row of a file, beside the names of `Origin`."""


@dataclass(frozen=True, eq=False)
class ReadyRows:
    """Rows of K tokens, which are named by their ids, their pieces, or both.

    Attributes
    ----------
    path : Path
    ids : ndarray of int64, shape (K,), optional
        Ids of the resulting tokenizer.
    pieces : tuple of str, optional
    matrices : mapping
        ``input`` of shape (K, D), and where they are given ``head`` of shape (K, D) and ``bias`` of shape (K, 1).
    """

    path: Path
    ids: Ints | None
    pieces: tuple[str, ...] | None
    matrices: Mapping[str, Matrix] = field(repr=False)

    @classmethod
    def open(cls, path: Path) -> ReadyRows:
        """Read a `.safetensors` or `.npz` file; raise `InputError` where it does not hold what it must."""
        arrays, pieces = read_arrays(path)
        unknown = sorted(arrays.keys() - {*MATRICES, "ids"})
        if unknown or "input" not in arrays:
            found = ", ".join(sorted(arrays)) or "nothing"
            raise InputError(
                f"{path} must hold input, and may hold head, bias, ids and pieces, but nothing else; it holds {found}."
            )
        matrices = {name: _matrix(path, name, arrays[name]) for name in MATRICES if name in arrays}
        ids = arrays.get("ids")
        counts = {name: len(matrix) for name, matrix in matrices.items()}
        counts |= {} if ids is None else {"ids": ids.size}
        counts |= {} if pieces is None else {"pieces": len(pieces)}
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{count} of {name}" for name, count in counts.items())
            raise InputError(f"{path} must name each row once, and holds {told}.")
        if ids is None and pieces is None:
            raise InputError(f"{path} does not say which tokens its rows are for: it needs ids or pieces.")
        if ids is not None and (ids.ndim != 1 or ids.dtype.kind not in "iu"):
            raise InputError(f"{path}: ids must be a list of whole numbers, not {ids.dtype} of shape {ids.shape}.")
        return cls(path, None if ids is None else ids.astype(np.int64), pieces, matrices)

    def places(self, transfer: Transfer) -> Ints:
        """Return for each new token the row of the file that is its own, or -1, shape (N,).

        Raises
        ------
        InputError
            When a token is named twice, an id and its piece contradict each other, or no new token is named.
        """
        named = self._ids(transfer.target.tokens.pieces)
        row_of: dict[int, int] = {}
        for row, token in enumerate(named):
            if token >= 0 and token in row_of:
                raise InputError(f"{self.path} has two rows for the token {transfer.target.tokens.pieces[token]!r}.")
            row_of[token] = row
        places = np.fromiter((row_of.get(token, -1) for token in transfer.new_ids.tolist()), np.int64)
        if len(places) and (places < 0).all():
            first = transfer.target.tokens.pieces[transfer.new_ids[0]]
            raise InputError(
                f"{self.path} names none of the {len(places)} new tokens; it was made for others, or spells them in "
                f"another way. Name a token by its id or as the tokenizer spells it: the first new one is {first!r}."
            )
        return places

    def _ids(self, pieces: Sequence[str]) -> list[int]:
        """Return the id that each row is for; -1 where the tokenizer has no such token."""
        known = {piece: token for token, piece in enumerate(pieces) if piece}
        if self.ids is None:
            return [known.get(piece, -1) for piece in self.pieces or ()]
        for row, token in enumerate(self.ids.tolist()):
            if not 0 <= token < len(pieces):
                raise InputError(f"{self.path} has a row for id {token}, and the new tokenizer has {len(pieces)} ids.")
            if self.pieces is not None and pieces[token] != self.pieces[row]:
                raise InputError(
                    f"{self.path} was made for another tokenizer: its id {token} is {self.pieces[row]!r}, and here "
                    f"{pieces[token]!r}."
                )
        return [int(token) for token in self.ids]

    def put_into(self, made: Initialization, transfer: Transfer, has_bias: bool) -> Initialization:
        """Return the rules of a method with these rows in the place of its own.

        What the file lacks, a token or a whole matrix, is made by the method.

        Raises
        ------
        InputError
            When the rows do not fit the base's matrices.
        """
        self.check_widths(transfer.input_rows, transfer.head_rows, has_bias)
        places = self.places(transfer)
        rules = {name: ReadyRule(self, name, places, getattr(made, name)) for name in self.matrices}
        return Initialization(*(rules.get(name, getattr(made, name)) for name in MATRICES))

    def check_widths(self, input_rows: Matrix | None, head_rows: Matrix | None, has_bias: bool) -> None:
        """Raise `InputError` where a matrix is not as wide as the base's, or the base has none."""
        widths = {
            "input": None if input_rows is None else input_rows.shape[1],
            "head": None if head_rows is None else head_rows.shape[1],
            "bias": 1 if has_bias else None,
        }
        for name, matrix in self.matrices.items():
            if widths[name] is None:
                raise InputError(f"{self.path} holds {name} rows, and the base has no {name} of its own.")
            if matrix.shape[1] != widths[name]:
                raise InputError(
                    f"{self.path}: {name} has rows of {matrix.shape[1]} numbers, and the base's have {widths[name]}."
                )


@dataclass(frozen=True, eq=False, repr=False)
class ReadyRule:
    """Rows of a file where it has them, and those of another rule elsewhere."""

    ready: ReadyRows
    matrix: str
    places: Ints
    rest: RowRule

    @property
    def given(self) -> Bools:
        """Mark the rows that are the file's, shape (N,)."""
        return self.places >= 0

    def blocks(self, matrix: Matrix) -> Iterator[Floats]:
        """Yield the rows in order."""
        rows, start = self.ready.matrices[self.matrix], 0
        for block in self.rest.blocks(matrix):
            places = self.places[start : start + len(block)]
            mixed = np.where((places >= 0)[:, None], np.asarray(rows[places], np.float32), block)
            yield mixed
            start += len(block)

    def __repr__(self) -> str:
        """Describe it for the record, which depends on the file's content and not on its place."""
        given = int(self.given.sum())
        return f"ReadyRows(sha256={checksum(self.ready.path)!r}, given={given}, made={len(self.places) - given})"


def made_part(rule: RowRule) -> RowRule:
    """Return the rule of the rows that a method made: without those of a file, which have no weights.

    A draw makes all rows together, and stays whole unless none of its rows is used.
    """
    if not isinstance(rule, ReadyRule):
        return rule
    if rule.given.all():
        return Alignment.build(csr_array((0, 1)))
    return rule.rest.select(np.flatnonzero(~rule.given)) if isinstance(rule.rest, Alignment) else rule.rest


def made_by_method(initialization: Initialization) -> Initialization:
    """Return the rules of the rows that a method made, of each matrix; see `made_part`."""
    return Initialization(*(made_part(getattr(initialization, name)) for name in MATRICES))


def given_rows(initialization: Initialization, transfer: Transfer, has_bias: bool) -> dict[str, int]:
    """Count the rows of each of the base's matrices that came from a file, for the record; nothing where none did."""
    has_own = {"input": True, "head": transfer.head_rows is not None, "bias": has_bias}
    rules = {name: getattr(initialization, name) for name in MATRICES if has_own[name]}
    counts = {name: int(rule.given.sum()) if isinstance(rule, ReadyRule) else 0 for name, rule in rules.items()}
    return counts if any(counts.values()) else {}


def ready_notes(initialization: Initialization, method: str) -> dict[str, str]:
    """Say how many rows came from a file, for the report; nothing where none did."""
    rule = initialization.input
    if not isinstance(rule, ReadyRule):
        return {}
    given, held = int(rule.given.sum()), len(rule.ready.matrices["input"])
    told = f"{given} of {len(rule.places)} new tokens"
    told += f", the others by {method}" if given < len(rule.places) else ""
    told += f"; {held - given} rows of the file are for no new token" if given < held else ""
    return {"ready-made rows": told}


def _matrix(path: Path, name: str, array: Matrix) -> Matrix:
    if array.dtype != ml_dtypes.bfloat16 and array.dtype.kind != "f":
        raise InputError(f"{path}: {name} is of type {array.dtype}, and rows are floats.")
    if name == "bias" and array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise InputError(f"{path}: {name} must have one row per token, and has shape {array.shape}.")
    bad = np.flatnonzero(~np.isfinite(np.asarray(array, np.float32)).all(axis=1))
    if len(bad):
        raise InputError(f"{path}: row {bad[0]} of {name} is not finite.")
    return array

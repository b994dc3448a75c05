"""Explain a new token: what it is made of, what proves it, where its row comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.checkpoint import Checkpoint, open_checkpoint
from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Ints, Matrix
from vocabx.core.errors import InputError
from vocabx.core.neighbours import nearest_by_cosine
from vocabx.core.plan import NEW
from vocabx.core.report import Cell, Report, Table
from vocabx.core.tokens import TokenTable
from vocabx.manifest import Manifest, NewToken, load_alignments
from vocabx.ready_rows import GIVEN
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer

__all__ = ["Explainer"]

SHOWN_SOURCES = 12
SHOWN_NEIGHBOURS = 5


@dataclass(frozen=True)
class Explainer:
    """Reads a directory that vocabx wrote and explains its new tokens."""

    directory: Path
    manifest: Manifest
    segmenter: FastSegmenter

    @classmethod
    def open(cls, directory: Path) -> Explainer:
        """Open the directory; raise `InputError` when vocabx did not write it."""
        return cls(directory, Manifest.load(directory), read_tokenizer(directory))

    @cached_property
    def tokens(self) -> TokenTable:
        """The extended table."""
        return self.segmenter.tokens

    @cached_property
    def alignments(self) -> Mapping[str, Alignment]:
        """Stored weights by matrix."""
        return load_alignments(self.manifest, self.directory)

    def find(self, name: str) -> NewToken:
        """Find a new token by its text (a visible space ␣ or a plain one), its piece, or its id."""
        text = name.replace("␣", " ")
        known = {str(token.id): token for token in self.manifest.new_tokens}
        known |= {token.piece: token for token in self.manifest.new_tokens}
        for token in self.manifest.new_tokens:
            known.setdefault(token.text.replace("␣", " "), token)
        normalizer = self.segmenter.backend.normalizer
        spellings = [text, normalizer.normalize_str(text).replace("\u2581", " ").strip()] if normalizer else [text]
        found = next((known[f"{space}{t}"] for t in spellings for space in ("", " ") if f"{space}{t}" in known), None)
        if found is None and name.isascii() and name.isdigit():
            raise InputError(f"{name} is no new id of {self.directory}; those are {self._new_ids()}.")
        if found is None:
            ids = self.segmenter.encode([text])[0]
            pieces = " + ".join(self.tokens.show(token) for token in ids)
            raise InputError(
                f"{name!r} is not a new token of {self.directory}; it is segmented as {pieces or 'nothing'}."
            )
        return found

    def _new_ids(self) -> str:
        ids = self.manifest.plan.new_ids
        if not len(ids):
            return "none"
        return f"{ids[0]} to {ids[-1]}" if ids[-1] - ids[0] + 1 == len(ids) else f"{len(ids):,} from {ids[0]} on"

    def explain(self, name: str) -> Report:
        """Explain one token."""
        token = self.find(name)
        facts: dict[str, Cell] = {
            "token": token.text,
            "id": str(token.id),
            "bytes": self.tokens.surfaces[token.id].hex(" "),
        }
        if token.parts:
            facts["merge"] = " + ".join(map(self.tokens.show, token.parts))
        if token.witness is not None:
            facts["witness"] = token.witness.replace(" ", "␣")
        if token.needed_by is not None:
            facts["needed by"] = self.tokens.show(token.needed_by)
        if token.origin is not None:
            known = "" if token.evidence is None else f", evidence: {token.evidence}"
            facts["row"] = f"{token.origin}{known}"
        if self.manifest.training:
            facts["trained since"] = f"by {', '.join(map(_trainer, self.manifest.training))}"
        checkpoint = open_checkpoint(self.directory) if self.manifest.rows else None
        tables = [self._sources(matrix, token) for matrix in self._distinct(checkpoint, token)]
        return Report("", facts, [*tables, *self._neighbours(token, checkpoint)])

    def _distinct(self, checkpoint: Checkpoint | None, token: NewToken) -> list[str]:
        """Name the matrices that are there and whose row of the token was not given, one for each file of weights."""
        if checkpoint is None:
            return []
        names = ["input"]
        names += ["head"] if checkpoint.head is not None and not checkpoint.tied else []
        names += ["bias"] if checkpoint.biases else []
        names = [name for name in names if token.origin != GIVEN or not self.manifest.given_rows.get(name)]
        file_of = {self.manifest.rows[name]: name for name in reversed(names) if name in self.alignments}
        return [name for name in names if name in file_of.values()]

    def _sources(self, matrix: str, token: NewToken) -> Table:
        alignment, row = self.alignments[matrix], int(np.searchsorted(self.manifest.plan.new_ids, token.id))
        pairs = alignment.sources(row)
        rows: list[tuple[Cell, ...]] = [(self._show_source(i), str(i), weight) for i, weight in pairs[:SHOWN_SOURCES]]
        if len(pairs) > SHOWN_SOURCES:
            rows.append((f"{len(pairs) - SHOWN_SOURCES} more", "", sum(weight for _, weight in pairs[SHOWN_SOURCES:])))
        if share := alignment.shared_share(row):
            rows.append(("mean of the usable rows", "", share))
        where = {"input": "row", "head": "head row", "bias": "bias"}[matrix]
        where += " before training" if self.manifest.training else ""
        return Table(f"{where}: weights of source tokens", ("source token", "id", "weight"), rows)

    def _show_source(self, token: int) -> str:
        """Spell an id of the base, whose tokenizer is known here by the ids that were kept."""
        image = int(self.manifest.plan.images[token])
        return "(not kept)" if image == NEW else self.tokens.show(image)

    def _neighbours(self, token: NewToken, checkpoint: Checkpoint | None) -> list[Table]:
        if checkpoint is None:
            return []
        matrix = checkpoint.matrix(checkpoint.input)
        query = np.asarray(matrix[token.id : token.id + 1], np.float32)
        kept = self.manifest.plan.kept_ids
        places, cosines = nearest_by_cosine(query, _take(matrix, kept), SHOWN_NEIGHBOURS)
        pairs = zip(kept[places[0]].tolist(), cosines[0].tolist(), strict=True)
        rows = [(self.tokens.show(i), str(i), cosine) for i, cosine in pairs]
        return [Table("nearest source rows", ("source token", "id", "cosine"), rows)]


def _trainer(run: Mapping[str, Any]) -> str:
    """Name what trained the model in a run."""
    return "distillation" if "distilled" in run else f"the recipe {run['recipe']['name']}"


def _take(matrix: Matrix, ids: Ints) -> Matrix:
    """Return these rows, still mapped from the file where they are the first ones, as in most extensions."""
    return matrix[: len(ids)] if len(ids) and ids[-1] == len(ids) - 1 else matrix[ids]

"""The subject: a model directory under verification, opened piece by piece when a check asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np

from vocabx.checkpoint import Checkpoint, open_checkpoint
from vocabx.checkpoint.writing.storage import Storage
from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Bools
from vocabx.core.embeddings import Embeddings
from vocabx.core.errors import InputError
from vocabx.core.plan import NEW, Plan
from vocabx.core.tokens import TokenTable
from vocabx.manifest import FILE_NAME, Manifest, NewToken, load_alignments
from vocabx.ready_rows import GIVEN
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer
from vocabx.verification.model import OpenedModel, open_model
from vocabx.verification.vocabulary_rows import VocabularyRows, read_vocabulary_rows

__all__ = ["Subject"]

WEIGHT_FILES = ("model.safetensors", "model.safetensors.index.json")


def _holds_weights(directory: Path) -> bool:
    return any((directory / name).is_file() for name in WEIGHT_FILES)


@dataclass(frozen=True)
class Subject:
    """A directory that vocabx wrote, and what it is compared with.

    Attributes
    ----------
    directory : Path
    manifest : Manifest
        What its `vocabx.json` says.
    base_directory : Path, optional
        The model that it was made of.
    text : tuple of str, optional
        Lines in the source language; without them the English sample that ships with vocabx is used.
    after_training : bool
        Whether the model was trained since it was written, so that weights differ from the base's.
    """

    directory: Path
    manifest: Manifest
    base_directory: Path | None = None
    text: tuple[str, ...] | None = None
    after_training: bool = False

    @property
    def plan(self) -> Plan:
        """What happened to each id."""
        return self.manifest.plan

    @property
    def is_trained(self) -> bool:
        """Whether the model was trained since it was made: somebody says so, or `vocabx pretrain` did it."""
        return self.after_training or bool(self.manifest.training)

    @property
    def storage(self) -> Storage:
        """The type that the weights were cast to, if any."""
        return Storage(dtype=self.manifest.dtype)

    @cached_property
    def segmenter(self) -> FastSegmenter:
        """The directory's tokenizer, as `AutoTokenizer` opens it."""
        return read_tokenizer(self.directory)

    @cached_property
    def base_segmenter(self) -> FastSegmenter:
        """The base's tokenizer, as `AutoTokenizer` opens it."""
        return read_tokenizer(self._base)

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The directory's weights."""
        return open_checkpoint(self.directory)

    @cached_property
    def base_checkpoint(self) -> Checkpoint | None:
        """The base's weights, or None where it is not given or holds none."""
        has_base = self.base_directory is not None and _holds_weights(self.base_directory)
        return open_checkpoint(self._base) if has_base else None

    @property
    def _base(self) -> Path:
        if self.base_directory is None:
            raise InputError("No base was given to compare with.")
        return self.base_directory

    @cached_property
    def model(self) -> OpenedModel:
        """The model in memory, as plain transformers opens it."""
        return open_model(self.directory)

    @property
    def is_tokenizer_only(self) -> bool:
        """Whether the directory is meant to hold no weights."""
        return not self.manifest.rows and not _holds_weights(self.directory)

    @cached_property
    def alignments(self) -> Mapping[str, Alignment]:
        """The stored weights of each matrix that has them: input, head, bias."""
        found = load_alignments(self.manifest, self.directory)
        wanted = (self.plan.new, self.plan.tokens_before)
        for role, alignment in found.items():
            if alignment.weights.shape != wanted:
                raise InputError(
                    f"{self.directory / self.manifest.rows[role]} holds weights of shape {alignment.weights.shape}; "
                    f"{FILE_NAME} says {wanted}."
                )
        return found

    @cached_property
    def vocabulary_rows(self) -> tuple[VocabularyRows, ...]:
        """Every stored tensor that has one row per token."""
        return read_vocabulary_rows(
            self.checkpoint,
            self.base_checkpoint,
            self.plan,
            self.alignments,
            self.manifest.factorization,
            self.has_own_rows,
            self.is_made,
        )

    def is_made(self, matrix: str) -> Bools:
        """Mark the new rows of input, head or bias that the method made; the others came from a file, shape (N,)."""
        if not self.manifest.given_rows.get(matrix):
            return np.ones(self.plan.new, np.bool_)
        return np.array([token.origin != GIVEN for token in self.new_tokens], np.bool_)

    @property
    def has_own_rows(self) -> bool:
        """Whether the directory itself holds the rows that new ones were made of, under their old ids."""
        return self.plan.keeps_ids and not self.manifest.factorization and not self.manifest.dtype

    @cached_property
    def usable(self) -> Bools:
        """Old ids whose rows may take part in a mean, shape (S,)."""
        usable = Embeddings(self._old_table, self.vocabulary_rows[0].source).usable()
        # A reserved slot that was given a meaning is a text token by now, and was none when the rows were made.
        reused = self.plan.new_ids[self.plan.new_ids < len(usable)]
        if self.plan.keeps_ids:
            usable[reused] = False
        return usable

    @property
    def _old_table(self) -> TokenTable:
        if not self.plan.keeps_ids:
            return self.base_segmenter.tokens
        tokens, size = self.segmenter.tokens, self.plan.tokens_before
        if len(tokens) < size:
            raise InputError(f"{self.directory}: the tokenizer has {len(tokens):,} ids, fewer than the base's.")
        return tokens.select(np.arange(size))

    @cached_property
    def new_tokens(self) -> Sequence[NewToken]:
        """The new tokens, once it is sure that their ids are those of the plan and of the tokenizer."""
        tokens, plan = self.manifest.new_tokens, self.plan
        if [token.id for token in tokens] != plan.new_ids.tolist() or len(self.segmenter.tokens) < plan.tokens:
            raise InputError(
                f"{self.directory / FILE_NAME} lists {len(tokens):,} new tokens, its plan has {plan.new:,} new ids of "
                f"{plan.tokens:,}, and the tokenizer {len(self.segmenter.tokens):,} ids: they do not fit together."
            )
        return tokens

    @property
    def table(self) -> TokenTable:
        """What every id of the directory's tokenizer stands for."""
        return self.segmenter.tokens

    def show(self, token: int) -> str:
        """Spell an id with its token for people."""
        return f"{token} {self.table.show(token)!r}" if 0 <= token < len(self.table) else f"{token} (no such id)"

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Source-language text."""
        if self.text is not None:
            return self.text
        sample = files("vocabx").joinpath("samples/english.txt")
        lines = sample.read_text(encoding="utf-8").splitlines() if sample.is_file() else []
        return tuple(line for line in lines if line.strip())

    @property
    def lines_name(self) -> str:
        """Where the source-language text is from."""
        return "lines of the given text" if self.text is not None else "lines of the shipped English sample"

    @cached_property
    def witnesses(self) -> tuple[str, ...]:
        """Texts that are said to produce the new tokens."""
        return tuple(token.witness for token in self.manifest.new_tokens if token.witness is not None)

    @cached_property
    def line_ids(self) -> list[list[int]]:
        """The lines as ids of the directory's tokenizer."""
        return self.segmenter.encode(self.lines)

    @cached_property
    def witness_ids(self) -> list[list[int]]:
        """The witnesses as ids of the directory's tokenizer."""
        return self.segmenter.encode(self.witnesses)

    @cached_property
    def base_line_ids(self) -> list[list[int]]:
        """The lines as ids of the base's tokenizer."""
        return self.base_segmenter.encode(self.lines)

    def move(self, ids: Sequence[int]) -> list[int]:
        """Take ids of the base where the plan takes them; `NEW` where one is dropped, or is none of the base's."""
        images = self.plan.images
        return [int(images[token]) if token < len(images) else NEW for token in ids]

    def is_kept(self, ids: Sequence[int]) -> bool:
        """Whether these ids of the directory all keep their rows."""
        origins = self.plan.origins
        return all(token < len(origins) and origins[token] != NEW for token in ids)

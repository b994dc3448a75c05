"""What the user asks for, checked before any work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import TypedDict

from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError
from vocabx.initializers.table import DEFAULT_METHOD, INITIALIZERS
from vocabx.tokenizer_tools.options import ExtensionOptions

__all__ = ["Request", "Settings", "Texts"]

SHIPPED_SAMPLE = "samples/english.txt"

Texts = str | Path | Sequence[str | Path]
"""A file, directory or glob pattern, or several."""


class Settings(TypedDict, total=False):
    """The optional settings of `Request`, as keywords of the functions that make one."""

    method: str
    seed: int
    minimum_frequency: int
    longest: int
    scripts: tuple[str, ...] | None
    source_sample: Texts
    source_change_limit: float | None
    compose: bool
    pad_to_multiple: int | None
    text_field: str


def _patterns(texts: Texts) -> list[str | Path]:
    return [texts] if isinstance(texts, str | Path) else list(texts)


@dataclass(frozen=True)
class Request:
    """An extension to make.

    Attributes
    ----------
    corpus : path, pattern, or several
        Target-language text: `.txt`, `.jsonl`, `.parquet`, compressed or not, directories, globs. It is streamed.
    size : int
        New tokens, exactly.
    method : str
        How new rows are made; a name of `vocabx methods`.
    seed : int
        Fixes every draw.
    minimum_frequency, longest, scripts, source_change_limit, compose
        What may be learned; see `ExtensionOptions`.
    source_sample : path, pattern, or several
        Source-language text whose ids must hold; by default an English sample that ships with vocabx.
    pad_to_multiple : int, optional
        Fill the matrices up to a multiple with rows of the mean, which generation suppresses.
    text_field : str
        Where JSONL and Parquet corpora keep the text.
    """

    corpus: Texts
    size: int
    method: str = DEFAULT_METHOD
    seed: int = 0
    minimum_frequency: int = ExtensionOptions.minimum_frequency
    longest: int = ExtensionOptions.longest
    scripts: tuple[str, ...] | None = None
    source_sample: Texts = ()
    source_change_limit: float | None = None
    compose: bool = True
    pad_to_multiple: int | None = None
    text_field: str = "text"

    def __post_init__(self) -> None:
        INITIALIZERS[self.method]
        if self.pad_to_multiple is not None and self.pad_to_multiple < 1:
            raise InputError(f"The rows can be padded to a multiple of at least 1, got {self.pad_to_multiple}.")
        if self.seed < 0:
            raise InputError(f"The seed must not be negative, got {self.seed}.")
        _ = self.options

    @property
    def options(self) -> ExtensionOptions:
        """The part that concerns the tokenizer."""
        return ExtensionOptions(
            size=self.size,
            minimum_frequency=self.minimum_frequency,
            longest=self.longest,
            scripts=self.scripts,
            source_change_limit=self.source_change_limit,
            compose=self.compose,
        )

    def open_corpus(self) -> Corpus:
        """Resolve the corpus; raise `CorpusError` when a part of it is missing."""
        return Corpus.open(_patterns(self.corpus), self.text_field)

    def open_sample(self) -> Corpus | None:
        """Resolve the source-language sample that was given, if one was."""
        return Corpus.open(_patterns(self.source_sample), self.text_field) if self.source_sample else None

    def source_lines(self) -> Iterator[str]:
        """Stream the source-language sample."""
        sample = self.open_sample()
        if sample is not None:
            return chain.from_iterable(sample.batches())  # unlike `lines`, they object to a text without a line
        text = files("vocabx").joinpath(SHIPPED_SAMPLE).read_text(encoding="utf-8")
        return (line for line in text.splitlines() if line.strip())

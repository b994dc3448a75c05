"""What the user asks for, checked before any work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import TypedDict

from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError
from vocabx.initializers.table import DEFAULT_METHOD, INITIALIZERS
from vocabx.tokenizer_tools.extend.options import ExtensionOptions

__all__ = ["Request", "Settings", "Texts", "open_texts"]

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
    exclude: str | None
    digits: bool
    punctuation: bool
    reuse_reserved: bool
    control_tokens: tuple[str, ...]
    donor: str | Path | None
    pad_to_multiple: int | None
    text_field: str


def open_texts(texts: Texts, text_field: str) -> Corpus:
    """Resolve files, directories or patterns; raise `CorpusError` when one of them is missing."""
    return Corpus.open([texts] if isinstance(texts, str | Path) else list(texts), text_field)


@dataclass(frozen=True)
class Request:
    """An extension to make.

    Attributes
    ----------
    corpus : path, pattern, or several
        Target-language text: `.txt`, `.jsonl`, `.parquet`, compressed or not, directories, globs. It is streamed.
    size : int, optional
        New tokens, exactly. With a donor it may be left out: then all that can be reached are taken.
    method : str
        How new rows are made; a name of `vocabx methods`.
    seed : int
        Fixes every draw.
    minimum_frequency, longest, scripts, source_change_limit, compose, exclude, digits, punctuation, reuse_reserved, \
    control_tokens
        What may be learned, and which ids it may take; see `ExtensionOptions`.
    donor : path, optional
        A directory with another tokenizer, or a hub id; new tokens are taken from it instead of learned.
    source_sample : path, pattern, or several
        Source-language text whose ids must hold; by default an English sample that ships with vocabx.
    pad_to_multiple : int, optional
        Fill the matrices up to a multiple with rows of the mean, which generation suppresses.
    text_field : str
        Where JSONL and Parquet corpora keep the text.
    """

    corpus: Texts
    size: int | None
    method: str = DEFAULT_METHOD
    seed: int = 0
    minimum_frequency: int = ExtensionOptions.minimum_frequency
    longest: int = ExtensionOptions.longest
    scripts: tuple[str, ...] | None = None
    source_sample: Texts = ()
    source_change_limit: float | None = None
    compose: bool = True
    exclude: str | None = None
    digits: bool = True
    punctuation: bool = True
    reuse_reserved: bool = False
    control_tokens: tuple[str, ...] = ()
    donor: str | Path | None = None
    pad_to_multiple: int | None = None
    text_field: str = "text"

    def __post_init__(self) -> None:
        INITIALIZERS[self.method]
        if self.pad_to_multiple is not None and self.pad_to_multiple < 1:
            raise InputError(f"The rows can be padded to a multiple of at least 1, got {self.pad_to_multiple}.")
        if self.size is None and self.donor is None:
            raise InputError("Say how many new tokens there should be, with --size or size=.")
        if self.seed < 0:
            raise InputError(f"The seed must not be negative, got {self.seed}.")
        _ = self.options

    @property
    def options(self) -> ExtensionOptions:
        """The part that concerns the tokenizer."""
        return ExtensionOptions(**{option.name: getattr(self, option.name) for option in fields(ExtensionOptions)})

    def open_corpus(self) -> Corpus:
        """Resolve the corpus; raise `CorpusError` when a part of it is missing."""
        return open_texts(self.corpus, self.text_field)

    def open_sample(self) -> Corpus | None:
        """Resolve the source-language sample that was given, if one was."""
        return open_texts(self.source_sample, self.text_field) if self.source_sample else None

    def source_lines(self) -> Iterator[str]:
        """Stream the source-language sample."""
        sample = self.open_sample()
        if sample is not None:
            return chain.from_iterable(sample.batches())  # unlike `lines`, they object to a text without a line
        text = files("vocabx").joinpath(SHIPPED_SAMPLE).read_text(encoding="utf-8")
        return (line for line in text.splitlines() if line.strip())

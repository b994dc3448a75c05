"""What the user asks for, checked before any work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from importlib.resources import files
from itertools import chain
from pathlib import Path

from vocabx.core.corpus import Corpus, Texts, open_texts
from vocabx.core.errors import InputError
from vocabx.row_request import RowRequest, WrittenSettings
from vocabx.tokenizer_tools.extend.options import ExtensionOptions

__all__ = ["Request", "Settings"]

SHIPPED_SAMPLE = "samples/english.txt"


class Settings(WrittenSettings, total=False):
    """The optional settings of `Request`, as keywords of the functions that make one."""

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
    tokenizer_donor: str | Path | None


@dataclass(frozen=True)
class Request(RowRequest):
    """An extension to make; how its rows are made is said by `RowRequest`.

    Attributes
    ----------
    corpus : path, pattern, or several
        Target-language text: `.txt`, `.jsonl`, `.parquet`, compressed or not, directories, globs. It is streamed.
    size : int, optional
        New tokens, exactly. With a tokenizer to take them from it may be left out: then all that can be reached.
    minimum_frequency, longest, scripts, source_change_limit, compose, exclude, digits, punctuation, reuse_reserved, \
    control_tokens
        What may be learned, and which ids it may take; see `ExtensionOptions`.
    tokenizer_donor : path, optional
        A directory with another tokenizer, or a hub id; new tokens are taken from it instead of learned.
    source_sample : path, pattern, or several
        Source-language text whose ids must hold; by default an English sample that ships with vocabx.
    """

    corpus: Texts
    size: int | None
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
    tokenizer_donor: str | Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size is None and self.tokenizer_donor is None:
            raise InputError("Say how many new tokens there should be, with --size or size=.")
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

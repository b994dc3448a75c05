"""Documents: the texts that models are measured on, each read by itself."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from vocabx.core.corpus import Corpus
from vocabx.core.errors import CorpusError, InputError, UnknownNameError
from vocabx.core.report import Cell
from vocabx.evaluation.context import describe_file
from vocabx.evaluation.result import DataFile

__all__ = [
    "UNITS",
    "DocumentSettings",
    "Documents",
    "Unit",
    "data_files",
    "label_texts",
    "read_all",
    "read_documents",
    "split_documents",
]

Unit = Literal["line", "paragraph", "file"]
UNITS: tuple[str, ...] = get_args(Unit)
"""What a document of a plain text file is."""


@dataclass(frozen=True, slots=True)
class DocumentSettings:
    """Which documents are read.

    Attributes
    ----------
    unit : {"line", "paragraph", "file"}
        What a document of a plain text file is: a line, what stands between blank lines, or all of it. A record of
        JSONL or Parquet is always one.
    field : str
        Where records keep their text.
    minimum_bytes : int
        Shorter ones are left out.
    limit : int, optional
        How many are drawn; the same places of texts that have equally many.
    seed : int
        Of the draw.
    """

    unit: str = "line"
    field: str = "text"
    minimum_bytes: int = 1
    limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise UnknownNameError("kind of document", self.unit, UNITS)
        if self.minimum_bytes < 1:
            raise InputError(f"--minimum-bytes is {self.minimum_bytes}, but a document has at least one byte.")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit is {self.limit}; at least one document must be read.")

    def facts(self, read: Sequence[Documents]) -> dict[str, Cell]:
        """Return what a result says of the documents that were read."""
        counts = {f"documents of {text.label}": f"{len(text.texts):,}, {text.bytes:,} bytes" for text in read}
        return {
            "document": f"{self.unit} of plain text, or record",
            "minimum bytes": self.minimum_bytes,
            "text field": None if self.field == "text" else self.field,
            "limit": self.limit,
            **counts,
        }


@dataclass(frozen=True)
class Documents:
    """The documents of one text.

    Attributes
    ----------
    label : str
        What the user calls the text.
    texts : tuple of str
        Not one of them is blank.
    files : tuple of Path
    empty, short : int
        How many were left out, because they are blank or shorter than asked for.
    """

    label: str
    texts: tuple[str, ...] = field(repr=False)
    files: tuple[Path, ...] = ()
    empty: int = 0
    short: int = 0

    @property
    def bytes(self) -> int:
        """Of all documents, in UTF-8."""
        return sum(len(text.encode()) for text in self.texts)

    @property
    def notes(self) -> list[str]:
        """What a reader of the numbers must know."""
        found = [(self.empty, "empty"), (self.short, "shorter than asked for")]
        return [
            f"{self.label}: {count:,} documents were left out, because they are {what}."
            for count, what in found
            if count
        ]


def label_texts(texts: Sequence[str]) -> dict[str, str]:
    """Split each [LABEL=]PATH; without a label the name of the file is one."""
    labelled: dict[str, str] = {}
    for text in texts:
        label, mark, path = text.partition("=")
        if mark and not label:
            raise InputError(f"The label in {text!r} is empty: give LABEL=PATH, or PATH alone.")
        # A name with = in it is one where there is such a file, and so is a folder's, as in lang=ko/*.txt.
        is_path = not path or Path(text).exists() or glob.glob(text) != []
        label, path = (Path(text).stem, text) if is_path else (label, path)
        if label in labelled:
            raise InputError(f"Two texts are called {label!r}: {labelled[label]} and {path}. Label them: LABEL=PATH.")
        labelled[label] = path
    return labelled


def read_all(texts: Sequence[str], settings: DocumentSettings) -> list[Documents]:
    """Read each [LABEL=]PATH with `read_documents`."""
    return [read_documents(label, path, settings) for label, path in label_texts(texts).items()]


def data_files(read: Sequence[Documents]) -> list[DataFile]:
    """Describe the files of all texts, each once."""
    return [describe_file(path) for path in dict.fromkeys(path for text in read for path in text.files)]


def read_documents(label: str, path: str, settings: DocumentSettings) -> Documents:
    """Read a file, directory or pattern.

    Raises
    ------
    CorpusError
        When there is nothing to read, or no document that is long enough.
    """
    corpus = Corpus.open([path], settings.field)
    texts, empty, short = list[str](), 0, 0
    for text in (text for file in corpus.files for text in split_documents(corpus, file, settings.unit)):
        if not text or text.isspace():
            empty += 1
        elif len(text.encode()) < settings.minimum_bytes:
            short += 1
        else:
            texts.append(text)
    if not texts:
        size = f" of at least {settings.minimum_bytes} bytes" if settings.minimum_bytes > 1 else ""
        raise CorpusError(f"The text {label!r} is empty: there is no document{size} in {path}.")
    return Documents(label, tuple(_draw(texts, settings)), corpus.files, empty, short)


def _draw(texts: Sequence[str], settings: DocumentSettings) -> Sequence[str]:
    if settings.limit is None or settings.limit >= len(texts):
        return texts
    chosen = np.random.default_rng(settings.seed).choice(len(texts), settings.limit, replace=False)
    return [texts[index] for index in sorted(chosen)]


def split_documents(corpus: Corpus, file: Path, unit: str) -> Iterator[str]:
    """Yield the documents of one of the corpus's files, blank ones too; a record is always one."""
    texts = corpus.texts_of(file)
    if unit == "line" or ".txt" not in file.suffixes:
        return texts
    return iter(["\n".join(texts)]) if unit == "file" else _paragraphs(texts)


def _paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """Yield what stands between blank lines."""
    paragraph = list[str]()
    for line in lines:
        if line.strip():
            paragraph.append(line)
        elif paragraph:
            yield "\n".join(paragraph)
            paragraph = []
    if paragraph:
        yield "\n".join(paragraph)

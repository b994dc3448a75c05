"""Corpus: lines of text from files of any supported kind, streamed."""

from __future__ import annotations

import glob
import gzip
import io
import itertools
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from vocabx.core.errors import CorpusError

__all__ = ["SUFFIXES", "Corpus", "Texts", "open_texts"]

SUFFIXES = (".txt", ".jsonl", ".parquet")
COMPRESSIONS = (".gz", ".zst")
PARQUET_ROWS = 4096

Texts = str | Path | Sequence[str | Path]
"""A file, directory or glob pattern, or several."""


def _kind(path: Path) -> tuple[str, str]:
    compression = path.suffix if path.suffix in COMPRESSIONS else ""
    suffix = Path(path.stem).suffix if compression else path.suffix
    return suffix, compression


def _is_corpus_file(path: Path) -> bool:
    suffix, compression = _kind(path)
    return suffix in SUFFIXES and not (suffix == ".parquet" and compression)


def _files(pattern: str) -> list[Path]:
    if not pattern:
        raise CorpusError("The name of a corpus is empty. Name a text file, directory or pattern.")
    path = Path(pattern)
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and _is_corpus_file(file))
        if not found:
            raise CorpusError(
                f"The directory {path} holds no corpus file ({', '.join(SUFFIXES)}, plain or compressed)."
            )
        return found
    if path.exists():
        return [path]
    found = sorted(Path(name) for name in glob.glob(pattern, recursive=True) if Path(name).is_file())
    if not found:
        raise CorpusError(f"There is no corpus file {pattern}. Check the path, or quote the pattern.")
    return found


@dataclass(frozen=True)
class Corpus:
    """Text files, read lazily and as often as needed; never held whole.

    Attributes
    ----------
    files : tuple of Path
        `.txt` (one text per line), `.jsonl` and `.parquet` (one text per record), the first two also `.gz` or `.zst`.
    field : str
        Where JSONL and Parquet keep the text.
    """

    files: tuple[Path, ...]
    field: str = "text"

    @classmethod
    def open(cls, patterns: Sequence[str | Path], field: str = "text") -> Corpus:
        """Resolve files, directories (searched recursively) and glob patterns; raise `CorpusError` when nothing fits.

        A file that several patterns name is read once; the order is the patterns' and then the alphabet's.
        """
        found: dict[Path, Path] = {}
        for file in (file for pattern in patterns for file in _files(str(pattern))):
            found.setdefault(file.resolve(), file)
        files = tuple(found.values())
        if not files:
            raise CorpusError("No corpus was given. Name at least one text file, directory or pattern.")
        for file in files:
            if not _is_corpus_file(file):
                raise CorpusError(
                    f"{file} is not a corpus file: expected {', '.join(SUFFIXES)}, the first two also with "
                    f"{' or '.join(COMPRESSIONS)}. If it is text, rename it to {file.name}.txt."
                )
        return cls(files, field)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.stat().st_size for file in self.files)

    def lines(self) -> Iterator[str]:
        """Yield every text that is not blank, without its line end."""
        for file in self.files:
            for text in self.texts_of(file):
                if text and not text.isspace():
                    yield text

    def batches(self, size: int = 1024) -> Iterator[list[str]]:
        """Yield the lines in lists; raise `CorpusError` when there is not one line."""
        lines = self.lines()
        first = list(itertools.islice(lines, size))
        if not first:
            raise CorpusError(f"The corpus is empty: there is no text in {', '.join(map(str, self.files))}.")
        yield first
        while batch := list(itertools.islice(lines, size)):
            yield batch

    def texts_of(self, file: Path) -> Iterator[str]:
        """Yield every text of one of the files, blank ones too."""
        suffix, compression = _kind(file)
        if suffix == ".parquet":
            return self._parquet_texts(file)
        texts = self._raw_lines(file, compression)
        return texts if suffix == ".txt" else self._json_texts(file, texts)

    def _raw_lines(self, file: Path, compression: str) -> Iterator[str]:
        number = 0
        with ExitStack() as stack:
            try:
                stream = stack.enter_context(_open_bytes(file, compression))
                for number, line in enumerate(stream, 1):
                    if b"\x00" in line:
                        raise CorpusError(f"{file} is not text: line {number} holds a NUL byte.")
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise CorpusError(
                    f"{file} is not valid UTF-8 at line {number}, byte {error.start} of the line. Convert it, for "
                    "example with iconv -f OLD -t UTF-8."
                ) from error
            except (OSError, EOFError, ValueError, zlib.error) as error:
                raise CorpusError(f"{file} cannot be read as {compression or 'text'}: {error}") from error

    def _json_texts(self, file: Path, lines: Iterator[str]) -> Iterator[str]:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise CorpusError(f"{file}, line {number}: not JSON ({error}).") from error
            text = record.get(self.field) if isinstance(record, dict) else None
            if not isinstance(text, str):
                raise CorpusError(
                    f"{file}, line {number}: no text in the field {self.field!r}. Name another with --text-field."
                )
            if not _is_unicode(text):
                raise CorpusError(f"{file}, line {number}: half of a surrogate pair, which is no character.")
            yield text

    def _parquet_texts(self, file: Path) -> Iterator[str]:
        import pyarrow
        import pyarrow.parquet

        try:
            with pyarrow.parquet.ParquetFile(file) as table:
                if self.field not in table.schema_arrow.names:
                    raise CorpusError(
                        f"{file} has no column {self.field!r}; its columns are {', '.join(table.schema_arrow.names)}."
                    )
                for batch in table.iter_batches(PARQUET_ROWS, columns=[self.field]):
                    column = batch.column(0).to_pylist()
                    if any(not isinstance(text, str | None) for text in column):
                        raise CorpusError(f"{file}: the column {self.field!r} holds {batch.column(0).type}, not text.")
                    yield from filter(None, column)
        except (OSError, UnicodeDecodeError, pyarrow.ArrowException) as error:
            raise CorpusError(f"{file} cannot be read as Parquet: {error}") from error


def _open_bytes(file: Path, compression: str) -> io.BufferedIOBase:
    if compression == ".gz":
        return gzip.open(file, "rb")
    if compression == ".zst":
        import pyarrow

        # pyarrow notices a file that was cut off; zstandard ends it quietly.
        return io.BufferedReader(pyarrow.input_stream(str(file), compression="zstd"))
    return file.open("rb")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def open_texts(texts: Texts, text_field: str) -> Corpus:
    """Resolve files, directories or patterns; raise `CorpusError` when one of them is missing."""
    return Corpus.open([texts] if isinstance(texts, str | Path) else list(texts), text_field)

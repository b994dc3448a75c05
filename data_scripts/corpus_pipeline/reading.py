"""Inputs: text, JSON Lines and Parquet files, web archives, datasets of the hub."""

from __future__ import annotations

import importlib
import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from corpus_pipeline.stages import Read
from corpus_pipeline.step import Step, in_one_line
from vocabx.core.corpus import Corpus
from vocabx.core.errors import CorpusError, InputError, MissingExtraError, VocabxError

__all__ = [
    "ORIGINS",
    "Archives",
    "LocalFiles",
    "Origins",
    "RemoteFiles",
    "describe_inputs",
    "find_files",
    "open_inputs",
    "reading_steps",
]

HUB = "hub:"
ARCHIVES = (".warc", ".warc.gz", ".wet", ".wet.gz")
PLAIN_ARCHIVES = (".wet", ".wet.gz")
TEXT = (".txt", ".txt.gz", ".txt.zst")
RECORDS = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
ORIGINS = ("url", "source", "file_path", "dataset")
"""What of a document's metadata says where it is from, the best first."""
SECONDS_OF_A_PAGE = 60.0
"""Long, so that what is read does not depend on how busy a machine is."""


class LocalFiles(Step):
    """Documents of local files: each task reads its share of the files, or of a file's documents."""

    def __init__(self, corpus: Corpus, stage: Read) -> None:
        super().__init__("read files")
        self.corpus, self.stage = corpus, stage
        # Files of several folders may have the same name.
        paths = [Path(os.path.abspath(file)) for file in corpus.files]
        root = os.path.commonpath([path.parent for path in paths])
        self.names = {file: path.relative_to(root).as_posix() for file, path in zip(corpus.files, paths, strict=True)}

    def __call__(self, data: Iterable[Any] | None = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Pass on what comes from other readers, then read."""
        yield from data or ()
        for file, part, parts in shares(self.corpus.files, rank, world_size):
            found = documents(self.corpus, file, self.stage, self.names[file])
            yield from itertools.islice(found, part, None, parts)


class RemoteFiles(Step):
    """Documents of files elsewhere: each is brought to this machine by one task, and read as a local one is."""

    def __init__(self, address: str, stage: Read) -> None:
        super().__init__("read remote files")
        self.address, self.stage = address, stage

    def check(self) -> None:
        """Look for the files; raise `InputError` where there is none."""
        find_files(self.address)

    def __call__(self, data: Iterable[Any] | None = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Pass on what comes from other readers, then read."""
        yield from data or ()
        system, names = find_files(self.address)
        for name in names[rank::world_size]:
            with tempfile.TemporaryDirectory() as folder:
                local = Path(folder, name.rpartition("/")[2])
                with _reaching(self.address):
                    system.get_file(name, str(local))
                source = system.unstrip_protocol(name)
                yield from documents(Corpus((local,), self.stage.text_field), local, self.stage, source)


class Archives(Step):
    """Pages of web archives, with their HTML if they have any."""

    def __init__(self, name: str) -> None:
        super().__init__("read web archives")
        self.name_of_files = name if "://" in name else str(Path(name).expanduser().absolute())

    def check(self) -> None:
        """Look for the files and for what reads them.

        Raises
        ------
        InputError
            When there is no such file.
        MissingExtraError
            When what reads them is not installed.
        """
        for module in ("warcio", "cchardet", "magic"):
            try:
                importlib.import_module(module)
            except ImportError as error:
                raise MissingExtraError("Reading web archives", "data") from error
        find_files(self.name_of_files)

    def __call__(self, data: Iterable[Any] | None = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Pass on what comes from other readers, then read."""
        yield from data or ()
        system, names = find_files(self.name_of_files)
        for name in names[rank::world_size]:
            with _reaching(self.name_of_files), system.open(name, "rb", compression="infer") as stream:
                yield from self._pages(stream, name)

    def _pages(self, stream: Any, name: str) -> Iterator[Any]:
        from datatrove.data import Document
        from datatrove.pipeline.readers.warc import process_record
        from warcio.archiveiterator import ArchiveIterator

        for record in ArchiveIterator(stream):
            page = process_record(record)
            if page:
                yield Document(page["text"], page["id"], [], {"url": page["url"]})
        try:  # what is cut off looks to the iterator like what has ended
            stream.read(1)
        except EOFError as error:
            raise CorpusError(f"{name} ends in the middle of a page; fetch it again.") from error


class Origins(Step):
    """Leaves of what readers say beside the text only where it is from: nobody reads the rest."""

    def __init__(self) -> None:
        super().__init__("origins")

    def __call__(self, data: Iterable[Any] | None = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Pass on everything."""
        for document in data or ():
            found = {name: document.metadata.get(name) for name in ORIGINS}
            document.metadata = {name: str(value) for name, value in found.items() if value}
            yield document


def find_files(address: str) -> tuple[Any, list[str]]:
    """Return a file system and the names of the files there that an address or a pattern means.

    Raises
    ------
    InputError
        When there is none, or it cannot be asked.
    """
    from fsspec.core import url_to_fs

    with _reaching(address):
        system, name = url_to_fs(address)
        found = sorted(system.glob(name)) if "*" in name else [name] * system.exists(name)
    if not found:
        raise InputError(f"There is no file {address}.")
    return system, found


@contextmanager
def _reaching(address: str) -> Iterator[None]:
    try:
        yield
    except VocabxError:
        raise
    except Exception as error:  # each kind of place has errors of its own
        raise InputError(f"{address} cannot be read: {in_one_line(error)}") from error


def documents(corpus: Corpus, file: Path, stage: Read, name: str) -> Iterator[Any]:
    """Yield the documents of a file, which is known as `name`."""
    from datatrove.data import Document

    try:
        for number, text in enumerate(_document_texts(corpus.texts_of(file), file, stage)):
            yield Document(text, f"{name}:{number}", [], {"source": name})
    except CorpusError as error:
        said = str(error).replace("--text-field", "--set read.text_field=NAME")
        raise CorpusError(said.replace(str(file), name) if "://" in name else said) from error


def _document_texts(texts: Iterator[str], file: Path, stage: Read) -> Iterator[str]:
    if not file.name.endswith(TEXT) or (stage.document, stage.lines) == ("line", 1):
        return texts
    if stage.document == "file":
        return iter(["\n".join(texts)])
    if stage.document == "line":
        return map("\n".join, _groups(texts, stage.lines))
    groups = itertools.groupby(texts, key=lambda line: bool(line.strip()))
    return ("\n".join(lines) for has_text, lines in groups if has_text)


def _groups(lines: Iterator[str], size: int) -> Iterator[list[str]]:
    while group := list(itertools.islice(lines, size)):
        yield group


def shares(files: Sequence[Path], rank: int, tasks: int) -> Iterator[tuple[Path, int, int]]:
    """Yield the files of a task, with its part of each and in how many parts that file is read."""
    if len(files) >= tasks:
        yield from ((file, 0, 1) for file in files[rank::tasks])
        return
    number, part = rank % len(files), rank // len(files)
    yield files[number], part, len(range(number, tasks, len(files)))


def open_inputs(inputs: Sequence[str], stage: Read) -> Corpus | None:
    """Check that inputs exist and can be read, and return the local files that hold texts, if any.

    Raises
    ------
    InputError
        When there is no input, or a file is missing or of an unknown kind.
    """
    if not inputs:
        raise InputError("There is no input. Name text, JSON Lines, Parquet or WARC files, folders, or hub:DATASET.")
    for name in inputs:
        if name.endswith(ARCHIVES) and "://" not in name and not Path(name).expanduser().is_file():
            raise InputError(f"There is no web archive {name}.")
        if "://" in name and not name.endswith((*ARCHIVES, *RECORDS, *TEXT)):
            raise InputError(f"{name} must be a .txt, .jsonl, .parquet or WARC file, or a pattern of such.")
    local = [str(Path(name).expanduser()) for name in inputs if _is_local_text(name)]
    return Corpus.open(local, stage.text_field) if local else None


def _is_local_text(name: str) -> bool:
    return not name.startswith(HUB) and not name.endswith(ARCHIVES) and "://" not in name


def describe_inputs(inputs: Sequence[str], corpus: Corpus | None) -> list[list[Any]]:
    """Return names and sizes of all inputs, by which a later run knows them again."""
    files = [
        *(corpus.files if corpus else ()),
        *(Path(name).expanduser() for name in inputs if name.endswith(ARCHIVES)),
    ]
    sized = [[str(file.resolve()), file.stat().st_size] for file in files if file.is_file()]
    return [*sized, *([name, None] for name in inputs if name.startswith(HUB) or "://" in name)]


def reading_steps(inputs: Sequence[str], corpus: Corpus | None, stage: Read) -> list[Any]:
    """Return the steps that read all inputs; pages of web archives lose their HTML first."""
    pages = [name for name in inputs if name.endswith(ARCHIVES) and not name.endswith(PLAIN_ARCHIVES)]
    steps: list[Any] = [Archives(name) for name in pages]
    if pages:
        from datatrove.pipeline.extractors import Trafilatura

        try:  # in datatrove's processes a failure would look like a page without text
            importlib.import_module("trafilatura")
        except ImportError as error:
            raise MissingExtraError("Reading web archives", "data") from error
        steps.append(Trafilatura(timeout=SECONDS_OF_A_PAGE))
    steps += [Archives(name) for name in inputs if name.endswith(PLAIN_ARCHIVES)]
    steps += [_hub_reader(name.removeprefix(HUB), stage) for name in inputs if name.startswith(HUB)]
    steps += [RemoteFiles(name, stage) for name in inputs if "://" in name and not name.endswith(ARCHIVES)]
    return [*steps, LocalFiles(corpus, stage)] if corpus else steps


def _hub_reader(name: str, stage: Read) -> Any:
    from datatrove.pipeline.readers import HuggingFaceDatasetReader

    dataset, _, config = name.partition("#")
    options = {"split": stage.split, **({"name": config} if config else {})}
    return HuggingFaceDatasetReader(dataset, options, streaming=True, text_key=stage.text_field)

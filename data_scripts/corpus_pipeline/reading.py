"""Inputs: text, JSON Lines and Parquet files, web archives, datasets of the hub."""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from corpus_pipeline.stages import Read
from corpus_pipeline.step import Step
from vocabx.core.corpus import Corpus
from vocabx.core.errors import CorpusError, InputError, MissingExtraError

__all__ = ["LocalFiles", "describe_inputs", "open_inputs", "reading_steps"]

HUB = "hub:"
ARCHIVES = (".warc", ".warc.gz", ".wet", ".wet.gz")
PLAIN_ARCHIVES = (".wet", ".wet.gz")
TEXT = (".txt", ".txt.gz", ".txt.zst")
REMOTE_LINES = (".jsonl", ".jsonl.gz", ".jsonl.zst")
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
        from datatrove.data import Document

        yield from data or ()
        for file, part, parts in shares(self.corpus.files, rank, world_size):
            texts = itertools.islice(enumerate(self._documents(file)), part, None, parts)
            name = self.names[file]
            yield from (Document(text, f"{name}:{number}", [], {"source": name}) for number, text in texts)

    def _texts(self, file: Path) -> Iterator[str]:
        try:
            yield from self.corpus.texts_of(file)
        except CorpusError as error:
            raise CorpusError(str(error).replace("--text-field", "--set read.text_field=NAME")) from error

    def _documents(self, file: Path) -> Iterator[str]:
        texts = self._texts(file)
        if not file.name.endswith(TEXT) or (self.stage.document, self.stage.lines) == ("line", 1):
            return texts
        if self.stage.document == "file":
            return iter(["\n".join(texts)])
        if self.stage.document == "line":
            return map("\n".join, _groups(texts, self.stage.lines))
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
        if "://" in name:
            _remote_reader(name, stage)
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
    steps: list[Any] = [_archive_reader(name) for name in pages]
    if pages:
        from datatrove.pipeline.extractors import Trafilatura

        try:  # in datatrove's processes a failure would look like a page without text
            importlib.import_module("trafilatura")
        except ImportError as error:
            raise MissingExtraError("Reading web archives", "data") from error
        steps.append(Trafilatura(timeout=SECONDS_OF_A_PAGE))
    steps += [_archive_reader(name) for name in inputs if name.endswith(PLAIN_ARCHIVES)]
    steps += [_hub_reader(name.removeprefix(HUB), stage) for name in inputs if name.startswith(HUB)]
    steps += [_remote_reader(name, stage) for name in inputs if "://" in name and not name.endswith(ARCHIVES)]
    return [*steps, LocalFiles(corpus, stage)] if corpus else steps


def _split(name: str) -> tuple[str, str]:
    folder, _, file = (name if "://" in name else str(Path(name).expanduser().absolute())).rpartition("/")
    return folder, file


def _archive_reader(name: str) -> Any:
    from datatrove.pipeline.readers import WarcReader

    folder, file = _split(name)
    return WarcReader(folder, glob_pattern=file)


def _remote_reader(name: str, stage: Read) -> Any:
    from datatrove.pipeline.readers import JsonlReader, ParquetReader

    folder, file = _split(name)
    if file.endswith(ARCHIVES):
        return _archive_reader(name)
    for suffixes, reader in ((".parquet", ParquetReader), (REMOTE_LINES, JsonlReader)):
        if file.endswith(suffixes):
            return reader(folder, glob_pattern=file, text_key=stage.text_field)
    raise InputError(f"{name} must be a .jsonl, .jsonl.gz, .jsonl.zst, .parquet or WARC file, or a pattern of such.")


def _hub_reader(name: str, stage: Read) -> Any:
    from datatrove.pipeline.readers import HuggingFaceDatasetReader

    dataset, _, config = name.partition("#")
    options = {"split": stage.split, **({"name": config} if config else {})}
    return HuggingFaceDatasetReader(dataset, options, streaming=True, text_key=stage.text_field)

"""Train a tokenizer from text files into a directory of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypedDict, Unpack

from vocabx.checkpoint import staged_directory
from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError, OutputError
from vocabx.core.report import Cell, Report, Table
from vocabx.core.setting_types import as_path
from vocabx.output import check_place
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import read_tokenizer
from vocabx.tokenizer_tools.train.directory import (
    ModelFileCheck,
    check_directory,
    check_model_file,
    write_trained,
)
from vocabx.tokenizer_tools.train.mixture import Mixture, Part
from vocabx.tokenizer_tools.train.options import TrainingOptions
from vocabx.tokenizer_tools.train.train import check_options, train_tokenizer
from vocabx.tokenizer_tools.train.trained import TrainedTokenizer
from vocabx.tokenizer_tools.write import TOKENIZER_FILES

__all__ = ["TrainedDirectory", "TrainingSettings", "open_mixture", "train_tokenizer_only", "training_report"]

PROBES = 2000
"""Lines of each corpus that the reopened tokenizer must encode as the trained one does."""

MODEL_FILE_PROBES = 20_000
"""Lines of each corpus on which a SentencePiece model is compared with `tokenizer.json`."""


class TrainingSettings(TypedDict, total=False):
    """The fields of `TrainingOptions`, as keywords."""

    family: str | None
    size: int | None
    minimum_frequency: int
    longest: int
    character_coverage: float | None
    compose: bool
    special: dict[str, str]


@dataclass(frozen=True)
class TrainedDirectory:
    """A tokenizer that was trained and written: what each corpus gave, and what was compared."""

    trained: TrainedTokenizer
    family: str
    mixture: Mixture
    model_file: ModelFileCheck


def open_mixture(
    corpora: Sequence[str | Path], *, temperature: float = 1.0, seed: int = 0, text_field: str = "text"
) -> tuple[Mixture, list[Path]]:
    """Read ``[LABEL[:WEIGHT]=]PATH`` of each corpus; return their mixture and their files.

    Paths with the same label are one corpus. Without a label the name of the file is one. A path that exists is taken
    as it is, equals signs and all.

    Raises
    ------
    InputError
        When a weight is no number, a label has two, or some corpora have a weight and some none.
    CorpusError
        When a file is missing.
    """
    paths: dict[str, list[str]] = {}
    weights: dict[str, float | None] = {}
    for text in map(str, corpora):
        label, weight, path = _parse(text)
        paths.setdefault(label, []).append(path)
        if weights.setdefault(label, weight) != weight:
            raise InputError(f"The corpus {label!r} has two weights; give each label one.")
    opened = {label: Corpus.open(patterns, text_field) for label, patterns in paths.items()}
    if not opened:
        Corpus.open([])
    parts = [Part(label, corpus.batches, weights[label]) for label, corpus in opened.items()]
    return Mixture(parts, temperature, seed), [file for corpus in opened.values() for file in corpus.files]


def _parse(text: str) -> tuple[str, float | None, str]:
    head, equals, path = text.partition("=")
    if not equals or Path(text).exists():
        return Path(text).stem, None, text
    label, colon, weight = head.partition(":")
    try:
        number = float(weight) if colon else None
    except ValueError as error:
        raise InputError(f"The weight of the corpus {label!r} is no number: {weight!r}.") from error
    return label or Path(path).stem, number, path


def train_tokenizer_only(
    corpora: Sequence[str | Path] | str | Path,
    out: str | Path,
    *,
    like: str | Path | None = None,
    temperature: float = 1.0,
    seed: int = 0,
    text_field: str = "text",
    force: bool = False,
    stages: Stages | None = None,
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    **settings: Unpack[TrainingSettings],
) -> TrainedDirectory:
    """Train a tokenizer on text and write it so that plain `AutoTokenizer` opens it.

    Parameters
    ----------
    corpora : path, or ``[LABEL[:WEIGHT]=]PATH``, or several
        Text: `.txt`, `.jsonl`, `.parquet`, compressed or not, directories, patterns.
    out : str or Path
        The directory to write; it appears whole or not at all.
    like : str or Path, optional
        A model directory or hub id; all but the vocabulary is taken from its tokenizer. Otherwise `family` and `size`
        are needed.
    temperature, seed
        How corpora are mixed; see `Mixture`.
    text_field : str
        Where JSONL and Parquet corpora keep the text.
    force : bool
        Replace an `out` that holds a tokenizer and nothing else.
    stages : Stages, optional
        Hears what goes on and measures it.
    hub : HubOptions
        How a hub id is looked up.
    **settings
        As in `TrainingOptions`.

    Raises
    ------
    VocabxError
        With one sentence about what is wrong with the text, a setting, the model or the disk.
    """
    options = TrainingOptions(**settings)
    check_options(options, has_model=like is not None)
    named = [corpora] if isinstance(corpora, str | Path) else corpora
    mixture, files = open_mixture(named, temperature=temperature, seed=seed, text_field=text_field)
    stages = stages or Stages()
    with _output(as_path("out", out), force, like, files, hub) as (base, stage):
        source = read_tokenizer(base) if base else None
        with stages("tokenizer"):
            trained = train_tokenizer(mixture.batches(), options, like=source, progress=stages.say)
        with stages("comparing"):
            compared = check_model_file(trained, _first_lines(mixture, MODEL_FILE_PROBES) if trained.files else [])
        with stages("reopening"):
            write_trained(trained, stage, base)
            check_directory(trained, stage, _first_lines(mixture, PROBES))
    family = options.family or f"{trained.segmenter.family.value}, like {Path(like or '').name}"
    return TrainedDirectory(trained, family, mixture, compared)


@contextmanager
def _output(
    out: Path, force: bool, like: str | Path | None, files: Sequence[Path], hub: HubOptions
) -> Iterator[tuple[Path | None, Path]]:
    """Yield the directory of `like`, if given, and a staged one that becomes `out`."""
    check_place(out, files)
    base = resolve_model(like, weights=False, hub=hub) if like is not None else None
    with staged_directory(out, force=force, protect=[base] if base else []) as stage:
        held = {path.name for path in out.iterdir()} if out.is_dir() else set()
        if os.path.lexists(out) and not (out.is_dir() and held <= TOKENIZER_FILES):
            raise OutputError(f"{out} holds more than a tokenizer and is not replaced. Choose another place.")
        yield base, stage


def _first_lines(mixture: Mixture, count: int) -> list[str]:
    """Return the first lines of each corpus."""
    return [
        line for part in mixture.parts for line in islice((line for batch in part.batches() for line in batch), count)
    ]


def training_report(result: TrainedDirectory, stages: Stages, headline: str) -> Report:
    """Say what was trained and what each corpus gave."""
    trained, blueprint = result.trained, result.trained.blueprint
    given = sum(part.bytes_taken for part in result.mixture.contributions)
    facts: dict[str, Cell] = {
        "family": result.family,
        "tokens": len(trained.segmenter.tokens),
        "special tokens": len(blueprint.special),
        "byte tokens": 256 if blueprint.has_bytes or blueprint.is_byte_level else 0,
        "characters in the alphabet": None if blueprint.is_byte_level else len(trained.material.alphabet),
        "share of the corpus that they cover": trained.material.coverage,
        "tokens per character of the corpus": trained.tokens_per_character,
        "tokens per byte of the corpus": trained.tokens_per_byte,
        "tokens that the corpus never uses": len(trained.unused),
        "tokens that no text was found to produce": len(trained.unreached),
    }
    if result.model_file.lines:
        facts["lines compared with tokenizer.model"] = result.model_file.lines
        facts["of them ties, cut another way"] = result.model_file.ties
    rows = [
        (part.label, part.lines, part.bytes, part.lines_taken, part.bytes_taken, part.bytes_taken / max(given, 1))
        for part in result.mixture.contributions
    ]
    columns = ("corpus", "lines", "bytes", "lines taken", "bytes taken", "share")
    return Report(headline, facts, [Table("corpora", columns, rows), stages.table()])

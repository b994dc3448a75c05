"""Bring the data of the evaluations from the hub, in the files that `vocabx evaluate ... --data` reads.

What    Fetches Parquet files, compares them with the checksums that the hub gives and with those of the first time, and
        writes KoBEST as the files that its makers publish, and pairs of sentences as JSON lines of premise, hypothesis
        and label, under the names that are looked for: `xnli.dev.sw.jsonl`, `klue-nli_dev.jsonl`.
From    Repositories of the hub; `--list` prints them with their licences:
        kobest   CC BY-SA 4.0
        xnli     CC BY-NC 4.0: not for commercial use
        mnli     by genre: OANC's own terms, CC BY 3.0, CC BY-SA 3.0, MIT and others
        kornli   CC BY-SA 4.0
        klue-nli CC BY-SA 4.0
Out     A folder for each in `--data`, and `checksums.json`: commits, and the SHA-256 of what was fetched and written. A
        later run fetches the same commits, and stops where bytes differ; `--update` takes the newest commits instead.
Time    Minutes: mnli is 220 MB, kornli 80 MB, the others under 15 MB. What is there already is not fetched again, and a
        download that was cut off goes on.

    python data_scripts/get_evaluation_data.py kobest xnli --data data
    vocabx evaluate kobest MODEL --data data/kobest
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet
from downloads import ask_hub, fetch_from_hub, read_records, write_records, write_whole

from vocabx.core.checksum import checksum
from vocabx.core.errors import InputError, VocabxError
from vocabx.core.report import Report, Table

RECORD = "checksums.json"
LANGUAGES = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")

Row = Mapping[str, Any]


# --- what a row becomes -------------------------------------------------------------------------------------------

KOBEST: Mapping[str, tuple[str, Mapping[str, Callable[[Row], str]]]] = {
    "boolq": (
        "BoolQ",
        {
            "Text": lambda row: row["paragraph"],
            "Question": lambda row: row["question"],
            "Answer": lambda row: str(bool(row["label"])),
        },
    ),
    "copa": (
        "COPA",
        {
            "sentence": lambda row: row["premise"],
            "question": lambda row: row["question"],
            "1": lambda row: row["alternative_1"],
            "2": lambda row: row["alternative_2"],
            "Answer": lambda row: str(row["label"] + 1),
        },
    ),
    "hellaswag": (
        "HellaSwag",
        {
            "context": lambda row: row["context"],
            "choice1": lambda row: row["ending_1"],
            "choice2": lambda row: row["ending_2"],
            "choice3": lambda row: row["ending_3"],
            "choice4": lambda row: row["ending_4"],
            "label": lambda row: str(row["label"]),
        },
    ),
    "sentineg": ("SentiNeg", {"Label": lambda row: str(row["label"]), "Text": lambda row: row["sentence"]}),
    "wic": (
        "WiC",
        {
            "Target": lambda row: row["word"],
            "SENTENCE1": lambda row: row["context_1"],
            "SENTENCE2": lambda row: row["context_2"],
            "ANSWER": lambda row: str(bool(row["label"])),
        },
    ),
}
"""By task: the folder and the columns of the published files."""


def kobest_lines(path: str, rows: Sequence[Row], names: Sequence[str]) -> Iterator[str]:
    """Spell rows as KoBEST's makers do: tab-separated, quotation marks as they are."""
    (columns,) = (columns for folder, columns in KOBEST.values() if path.startswith(f"{folder}/"))
    yield "\t".join(columns)
    for number, row in enumerate(rows, 1):
        cells = [spell(row) for spell in columns.values()]
        if any(mark in cell for cell in cells for mark in "\t\n\r"):
            raise InputError(f"Row {number} of {path} holds a tab or the end of a line, which its format cannot hold.")
        yield "\t".join(cells)


def pair_lines(path: str, rows: Sequence[Row], names: Sequence[str]) -> Iterator[str]:
    """Spell pairs as JSON lines, their labels as words; a pair without one has a dash."""
    if set(names) != {"entailment", "neutral", "contradiction"}:
        raise InputError(f"The labels of {path} are {', '.join(names) or 'not named'}, and not those of inference.")
    for row in rows:
        label = names[row["label"]] if row["label"] >= 0 else "-"
        pair = {"premise": row["premise"], "hypothesis": row["hypothesis"], "label": label}
        yield json.dumps(pair, ensure_ascii=False)


# --- the table ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """Where data is from, under which licence, and which files of the hub become which of ours."""

    repository: str
    licence: str
    files: Mapping[str, str]
    lines: Callable[[str, Sequence[Row], Sequence[str]], Iterator[str]] = pair_lines
    revision: str = "main"


SOURCES: Mapping[str, Source] = {
    "kobest": Source(
        "skt/kobest_v1",
        "CC BY-SA 4.0",
        {
            f"{folder}/{ours}.tsv": f"{task}/{split}/*.parquet"
            for task, (folder, _) in KOBEST.items()
            for ours, split in (("train", "train"), ("dev", "validation"), ("test", "test"))
        },
        kobest_lines,
        "refs/convert/parquet",  # its main branch holds a loading script
    ),
    "xnli": Source(
        "facebook/xnli",
        "CC BY-NC 4.0",
        {
            f"xnli.{ours}.{language}.jsonl": f"{language}/{split}-*.parquet"
            for language in LANGUAGES
            for ours, split in (("dev", "validation"), ("test", "test"))
        },
    ),
    "mnli": Source(
        "nyu-mll/multi_nli",
        "by genre: OANC's own terms, CC BY 3.0, CC BY-SA 3.0, MIT and others",
        {
            "multinli.train.en.jsonl": "data/train-*.parquet",
            "multinli.dev.en.jsonl": "data/validation_matched-*.parquet",
            "multinli-mismatched.dev.en.jsonl": "data/validation_mismatched-*.parquet",
        },
    ),
    "kornli": Source(
        "kakaobrain/kor_nli",
        "CC BY-SA 4.0",
        {
            "multinli.train.ko.jsonl": "multi_nli/train-*.parquet",
            "snli.train.ko.jsonl": "snli/train-*.parquet",
            "xnli.dev.ko.jsonl": "xnli/validation-*.parquet",
            "xnli.test.ko.jsonl": "xnli/test-*.parquet",
        },
    ),
    "klue-nli": Source(
        "klue/klue",
        "CC BY-SA 4.0",
        {
            "klue-nli_train.jsonl": "nli/train-*.parquet",
            "klue-nli_dev.jsonl": "nli/validation-*.parquet",
        },
    ),
}


# --- fetching -----------------------------------------------------------------------------------------------------


@dataclass
class Record:
    """What is known of one source: its commit, and the SHA-256 of files of the hub and of ours."""

    commit: str | None = None
    fetched: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)

    def check(self, known: dict[str, str], name: str, found: str, place: str) -> None:
        """Compare a checksum with the one of an earlier time, or note it down.

        Raises
        ------
        InputError
            When they differ.
        """
        if known.setdefault(name, found) != found:
            raise InputError(
                f"{name} of {place} has the SHA-256 {found[:12]}..., and {known[name][:12]}... was expected. If the "
                "new one is right, run again with --update."
            )


def get(name: str, data: Path, record: Record) -> bool:
    """Bring one source, and note in its record what it is; return whether anything was to be fetched.

    Raises
    ------
    InputError
        When the hub cannot be reached, lacks a file, or gives other bytes than before.
    """
    source, folder = SOURCES[name], data / name
    if record.commit and all(
        (folder / path).is_file() and record.written.get(path) == checksum(folder / path) for path in source.files
    ):
        return False
    offered = ask_hub(source.repository, record.commit, source.revision)
    record.commit = offered.commit
    for path, pattern in source.files.items():
        rows, names = list[Row](), list[str]()
        for file in offered.find(pattern):
            place = fetch(source.repository, file, record, offered.promised[file])
            names = label_names(place) or names
            rows += pyarrow.parquet.read_table(place).to_pylist()
        text = "".join(f"{line}\n" for line in source.lines(path, rows, names))
        record.check(record.written, path, hashlib.sha256(text.encode()).hexdigest(), str(folder))
        write_whole(folder / path, text)
        print(f"{len(rows):>9,}  {folder / path}")
    return True


def fetch(repository: str, file: str, record: Record, promised: str | None) -> Path:
    """Fetch one file into the hub's cache and compare it with what the hub promised and with what it was before."""
    print(f"fetching {repository}: {file}", file=sys.stderr)
    place = fetch_from_hub(repository, file, record.commit)
    found = checksum(place)
    if promised is not None and found != promised:
        raise InputError(f"{file} of {repository} came damaged: take {place} away and run again.")
    record.check(record.fetched, file, found, repository)
    return place


def label_names(file: Path) -> list[str]:
    """Return what the labels of a Parquet file stand for, as the hub's library notes it in there."""
    metadata = pyarrow.parquet.read_schema(file).metadata or {}
    features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    return list(features.get("label", {}).get("names", ()))


# --- command line -------------------------------------------------------------------------------------------------


def list_sources() -> Report:
    """Tabulate the sources."""
    rows = [(name, one.repository, one.revision, len(one.files), one.licence) for name, one in SOURCES.items()]
    return Report("", {}, [Table("", ("name", "repository", "revision", "files", "licence"), rows)])


def main() -> None:
    """Read the arguments, bring what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(SOURCES)}; all without one")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder for the files (default: %(default)s)")
    parser.add_argument("--update", action="store_true", help="take the newest commits, and forget old checksums")
    parser.add_argument("--list", action="store_true", help="print what there is, and stop")
    options = parser.parse_args()
    if options.list:
        print(list_sources().to_text())
        return
    if unknown := sorted(set(options.names) - SOURCES.keys()):
        parser.error(f"there is no {', '.join(unknown)}; choose from {', '.join(SOURCES)}")
    try:
        records = read_records(options.data / RECORD, Record)
        for name in options.names or SOURCES:
            record = Record() if options.update else records.get(name, Record())
            is_new = get(name, options.data, record)
            records[name] = record
            write_records(options.data / RECORD, records)
            print(f"{name}: {'complete' if is_new else 'there already'}. Licence: {SOURCES[name].licence}.")
    except VocabxError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()

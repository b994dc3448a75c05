"""Text of evaluation sets, found in documents by n-grams of words.

Words are casefolded and lose their punctuation. In scripts that put no space between words two characters count as one,
and n-grams are of characters. A word, or such a character, is a 64-bit hash and an n-gram a polynomial in these, so a
document is looked up in a few vectorised steps; that two n-grams of a corpus are taken for one another by chance is as
rare as 2^-64 times the pairs that are compared.
"""

from __future__ import annotations

import itertools
import json
import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import regex
from numpy.typing import NDArray

from corpus_pipeline.stages import Decontaminate
from corpus_pipeline.step import Rule
from corpus_pipeline.words import UNSPACED
from vocabx.core.errors import InputError, OutputError
from vocabx.core.text_files import read_lines

__all__ = ["READERS", "Contamination", "Index", "build_index", "evaluation_texts", "save_index", "unread_files"]

Hashes = NDArray[np.uint64]

FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no word's part is lost
CHARACTER = rf"[{UNSPACED}]\p{{M}}*"
WORD = regex.compile(rf"{CHARACTER}|(?:(?![{UNSPACED}])[\p{{L}}\p{{M}}\p{{N}}])+")
STARTS_UNSPACED = regex.compile(CHARACTER).match
CHARACTERS_OF_A_WORD = 2


@lru_cache(1 << 18)
def _word_hash(word: str) -> int:
    import xxhash

    return int(xxhash.xxh64_intdigest(word.encode()))


def split_words(text: str) -> list[str]:
    """Return the words of a text, and the single characters of scripts without spaces."""
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def count_words(words: Sequence[str]) -> float:
    """Count them, characters of scripts without spaces as parts of words."""
    characters = sum(map(bool, map(STARTS_UNSPACED, words)))
    return len(words) - characters + characters / CHARACTERS_OF_A_WORD


def word_hashes(words: Sequence[str]) -> Hashes:
    """Return the hashes of words, shape (words,)."""
    return np.fromiter(map(_word_hash, words), np.uint64, len(words))


def gram_hashes(words: Hashes, n: int) -> Hashes:
    """Return the hash of each n words in a row, shape (words - n + 1,)."""
    count = max(0, len(words) - n + 1)
    grams = np.zeros(count, np.uint64)
    for place in range(n):
        grams = grams * FACTOR + words[place : place + count]
    return grams


Index = dict[int, Hashes]
"""By length, the sorted n-grams that are looked for."""


def build_index(texts: Iterable[str], stage: Decontaminate) -> Index:
    """Collect the n-grams of evaluation texts, and short texts whole; raise `InputError` where all are too short."""
    found: dict[int, list[Hashes]] = defaultdict(list)
    for text in texts:
        words = split_words(text)
        count = count_words(words)
        if count >= stage.least_words:
            length = round(len(words) * min(1.0, stage.words / count))
            found[length].append(gram_hashes(word_hashes(words), length))
    if not found:
        raise InputError(
            f"No text in {', '.join(stage.against)} has {stage.least_words} words, so there is nothing to look for; "
            "name other files, or lower decontaminate.least_words."
        )
    return {length: np.unique(np.concatenate(parts)) for length, parts in sorted(found.items())}


def evaluation_texts(paths: Sequence[str]) -> Iterator[str]:
    """Yield every text of evaluation files and of folders of these; raise `InputError` where there is none."""
    for path in _expanded(paths):
        files = sorted(one for one in path.rglob("*") if one.suffix in READERS) if path.is_dir() else [path]
        if not files:
            raise InputError(f"{path} holds no evaluation file ({', '.join(READERS)}).")
        for file in files:
            if file.suffix not in READERS:
                raise InputError(f"{file} is no evaluation file ({', '.join(READERS)}).")
            yield from READERS[file.suffix](file)


def unread_files(paths: Sequence[str]) -> list[Path]:
    """Return the files in folders of evaluation files that are of no kind that is read."""
    folders = [path for path in _expanded(paths) if path.is_dir()]
    return sorted(one for folder in folders for one in folder.rglob("*") if one.is_file() and one.suffix not in READERS)


def _expanded(paths: Sequence[str]) -> list[Path]:
    return [Path(name).expanduser() for name in paths]


def _cells(file: Path) -> Iterator[str]:
    for line in read_lines(file):
        yield from line.split("\t")


def _json_strings(file: Path) -> Iterator[str]:
    for number, line in enumerate(read_lines(file), 1):
        if line.strip():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{file}, line {number}: not JSON ({error}).") from error
            yield from _strings(record)


def _parquet_strings(file: Path) -> Iterator[str]:
    import pyarrow.parquet

    try:
        yield from _strings(pyarrow.parquet.read_table(file).to_pylist())
    except (OSError, UnicodeDecodeError, pyarrow.ArrowException) as error:
        raise InputError(f"{file} cannot be read as Parquet: {error}") from error


READERS: Mapping[str, Callable[[Path], Iterator[str]]] = {
    ".tsv": _cells,
    ".txt": lambda file: iter(read_lines(file)),
    ".jsonl": _json_strings,
    ".parquet": _parquet_strings,
}
"""How the texts of an evaluation file are found, by its suffix."""


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


@cache
def _load(file: Path) -> Index:
    with np.load(file) as stored:
        return {int(name): stored[name] for name in stored.files}


def save_index(file: Path, index: Index) -> None:
    """Write the index for the workers, whole or not at all."""
    staged = file.with_name(f".{file.name}")
    named: dict[str, Any] = {str(length): grams for length, grams in index.items()}
    try:
        with staged.open("wb") as stream:
            np.savez(stream, **named)
        os.replace(staged, file)
    except OSError as error:
        raise OutputError(f"{file} cannot be written: {error}") from error


class Contamination(Rule):
    """Drops the documents, or takes out the lines, that hold an n-gram of the index."""

    def __init__(self, stage: Decontaminate, file: Path) -> None:
        super().__init__("decontaminate")
        self.stage, self.file = stage, file

    def examine(self, document: Any) -> str | None:
        """Look up its n-grams."""
        lines = document.text.split("\n")
        touched = contaminated_lines(lines, _load(self.file))
        if not touched.any():
            return None
        if self.stage.remove == "document":
            return "contaminated"
        self.count("line_contaminated", value=int(touched.sum()))
        document.text = "\n".join(itertools.compress(lines, ~touched)).strip()
        return None if any(map(str.isalnum, document.text)) else "contaminated"


def contaminated_lines(lines: Sequence[str], index: Index) -> NDArray[np.bool_]:
    """Return which lines share a word with an n-gram of the index that the lines hold, even across their ends."""
    parts = [word_hashes(split_words(line)) for line in lines]
    words = np.concatenate(parts)
    line_of_word = np.repeat(np.arange(len(lines)), list(map(len, parts)))
    touched = np.zeros(len(lines), np.bool_)
    for length, wanted in index.items():
        grams = gram_hashes(words, length)
        places = np.searchsorted(wanted, grams)
        hits = np.flatnonzero(wanted[np.minimum(places, len(wanted) - 1)] == grams)
        for place in range(length):
            touched[line_of_word[hits + place]] = True
    return touched

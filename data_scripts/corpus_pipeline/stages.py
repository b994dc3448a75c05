"""The stages and their settings: one frozen dataclass each, checked when it is made.

Fields of the four stages that are datatrove's own filters have datatrove's names. A threshold of None is off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.scripts import check_script
from vocabx.core.setting_types import check_types

__all__ = [
    "C4",
    "Decontaminate",
    "Exact",
    "FineWeb",
    "Language",
    "Lines",
    "Near",
    "Normalize",
    "Perplexity",
    "Quality",
    "Ray",
    "Read",
    "Repetition",
    "Sample",
    "Script",
    "Slurm",
    "Write",
]

DOCUMENTS = ("line", "blank-line", "file")
FORMATS = ("jsonl.zst", "parquet")
FORMS = ("NFC", "NFKC", "NFD", "NFKD")  # as unicodedata knows them
LARGEST_SEED = 2**32 - 1  # of numpy's RandomState


def _one_of(kind: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UnknownNameError(kind, value, known)


def _within(stage: object, name: str, low: float, high: float | None = None) -> None:
    value = getattr(stage, name)
    if value is not None and (value < low or (high is not None and value > high)):
        wanted = f"at least {low}" if high is None else f"from {low} to {high}"
        raise InputError(f"{name} of {type(stage).__name__.lower()} is {value}; it must be {wanted}.")


class Checked:
    """Checks the types of all fields when it is made."""

    def __post_init__(self) -> None:
        check_types(self)
        self.check()

    def check(self) -> None:
        """Raise `InputError` where a value cannot be."""


@dataclass(frozen=True)
class Read(Checked):
    """What a document of a text file is: a `line`, or `lines` of these; what has a `blank-line` around it; the `file`.

    `text_field` is where JSON Lines, Parquet and the hub keep the text, `split` the part of a hub dataset.
    """

    document: str = "line"
    lines: int = 1
    text_field: str = "text"
    split: str = "train"

    def check(self) -> None:
        """Know the kind of document."""
        _one_of("kind of document", self.document, DOCUMENTS)
        _within(self, "lines", 1)


@dataclass(frozen=True)
class Sample(Checked):
    """Which share of the documents is kept; drawn by their text, so that copies are kept or dropped together."""

    share: float = 1.0
    seed: int = 0

    def check(self) -> None:
        """Draw a share."""
        _within(self, "share", 0, 1)
        _within(self, "seed", 0, LARGEST_SEED)


@dataclass(frozen=True)
class Normalize(Checked):
    """The Unicode normal form of all text; control characters and spaces at the ends of lines are taken away."""

    form: str = "NFC"

    def check(self) -> None:
        """Know the form."""
        _one_of("normal form", self.form, FORMS)


@dataclass(frozen=True)
class Lines(Checked):
    """Which lines are taken out of a document.

    Those in which a pattern of `boilerplate` is found; those of fewer than `least_letters` letters and digits; those
    that repeat a line of at least `repeated` letters of the same document; and those that have at least `script_from`
    letters, of which less than `least_script` belong to the script.
    """

    boilerplate: tuple[str, ...] = ()
    least_letters: int = 0
    repeated: int | None = None
    script: str | None = None
    least_script: float = 0.0
    script_from: int = 10

    def check(self) -> None:
        """Compile the patterns."""
        _within(self, "least_script", 0, 1)
        if self.script is not None:
            check_script(self.script)
        for pattern in self.boilerplate:
            try:
                re.compile(pattern)
            except re.error as error:
                raise InputError(f"{pattern!r} in boilerplate is not a regular expression: {error}.") from error


@dataclass(frozen=True)
class Repetition(Checked):
    """Gopher's limits of repetition: shares of lines, paragraphs and characters, by n-gram where there is a number."""

    dup_line_frac: float | None = 0.3
    dup_para_frac: float | None = 0.3
    dup_line_char_frac: float | None = 0.2
    dup_para_char_frac: float | None = 0.2
    top_n_grams: Mapping[int, float] = field(default_factory=lambda: {2: 0.2, 3: 0.18, 4: 0.16})
    dup_n_grams: Mapping[int, float] = field(
        default_factory=lambda: {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
    )

    def check(self) -> None:
        """Check the pairs of n and share."""
        for name in ("top_n_grams", "dup_n_grams"):
            pairs = getattr(self, name)
            if not isinstance(pairs, Mapping) or any(
                not isinstance(n, int) or n < 1 or not isinstance(share, int | float) for n, share in pairs.items()
            ):
                raise InputError(
                    f"{name} of repetition is {pairs!r}; it must give a share for each n, such as {{2: 0.2}}."
                )


@dataclass(frozen=True)
class Quality(Checked):
    """Gopher's limits of quality; `stop_words` are words of which a text holds at least `min_stop_words`."""

    min_doc_words: int | None = 50
    max_doc_words: int | None = 100000
    min_avg_word_length: float | None = 3
    max_avg_word_length: float | None = 10
    max_symbol_word_ratio: float | None = 0.1
    max_bullet_lines_ratio: float | None = 0.9
    max_ellipsis_lines_ratio: float | None = 0.3
    max_non_alpha_words_ratio: float | None = 0.8
    min_stop_words: int | None = None
    stop_words: tuple[str, ...] = ()

    def check(self) -> None:
        """Ask for stop words only where there are some."""
        if self.min_stop_words and not self.stop_words:
            raise InputError("quality has min_stop_words and no stop_words; give these in the profile.")


@dataclass(frozen=True)
class C4(Checked):
    """C4's rules of lines and documents."""

    remove_citations: bool = True
    filter_no_terminal_punct: bool = False
    min_num_sentences: int = -1
    min_words_per_line: int = -1
    max_word_length: int = 1000
    filter_lorem_ipsum: bool = True
    filter_javascript: bool = True
    filter_curly_bracket: bool = False
    filter_policy: bool = True


@dataclass(frozen=True)
class FineWeb(Checked):
    """FineWeb's limits: lines that end without punctuation, short ones, repeated characters, line ends per word."""

    line_punct_thr: float = 0.12
    line_punct_exclude_zero: bool = False
    short_line_thr: float = 0.67
    short_line_length: int = 30
    char_duplicates_ratio: float = 0.01
    new_line_ratio: float = 0.3


@dataclass(frozen=True)
class Script(Checked):
    """The least share of a document's letters that belongs to a script."""

    name: str = ""
    least: float = 0.5

    def check(self) -> None:
        """Know the script."""
        check_script(self.name)
        _within(self, "least", 0, 1)


@dataclass(frozen=True)
class Language(Checked):
    """The languages that are kept, and how sure their identification must be.

    Of each document `characters` are read. Without `fasttext`, a model file such as lid.176.bin, py3langid identifies.
    """

    keep: tuple[str, ...] = ()
    least: float = 0.5
    characters: int = 1000
    fasttext: str | None = None

    def check(self) -> None:
        """Keep something."""
        _within(self, "least", 0, 1)
        _within(self, "characters", 1)
        if not self.keep:
            raise InputError("language keeps nothing; give keep, such as --set 'language.keep=[ko]'.")
        _present(self.fasttext, "fasttext of language")


@dataclass(frozen=True)
class Exact(Checked):
    """One of the documents that are equal but for white space is kept."""


@dataclass(frozen=True)
class Near(Checked):
    """One of the documents that share most of their n-grams of `words` words is kept, by MinHash.

    Two documents whose n-grams overlap by s (intersection over union) are found with the probability
    1 - (1 - s^hashes)^buckets.
    """

    words: int = 5
    buckets: int = 14
    hashes: int = 8
    seed: int = 1

    def check(self) -> None:
        """Count from one."""
        for name in ("words", "buckets", "hashes"):
            _within(self, name, 1)
        _within(self, "seed", 0, LARGEST_SEED)


@dataclass(frozen=True)
class Perplexity(Checked):
    """Bits per byte under a causal language model's directory or a KenLM file, at least and at most.

    Of each document `characters` are read. `sentencepiece` is what a KenLM file's text was cut into pieces by; without
    it, words stand between spaces.
    """

    model: str | None = None
    kenlm: str | None = None
    sentencepiece: str | None = None
    least: float | None = None
    most: float | None = None
    characters: int = 2000
    batch: int = 16
    device: str | None = None
    dtype: str = "float32"

    def check(self) -> None:
        """Take one model."""
        _within(self, "characters", 1)
        _within(self, "batch", 1)
        if (self.model is None) == (self.kenlm is None):
            raise InputError("perplexity needs either model, a causal language model's directory, or kenlm, a file.")
        if self.sentencepiece is not None and self.kenlm is None:
            raise InputError("perplexity has sentencepiece, which only cuts text for kenlm, and no kenlm.")
        if self.least is None and self.most is None:
            raise InputError("perplexity has no limit; give most, the most bits per byte, or least, or both.")
        for name in ("model", "kenlm", "sentencepiece"):
            _present(getattr(self, name), f"{name} of perplexity")


@dataclass(frozen=True)
class Decontaminate(Checked):
    """Text that shares `words` words in a row with an evaluation set is removed, by `document` or by `line`.

    Every cell of `.tsv`, every string of `.jsonl` and `.parquet` and every line of `.txt` in `against` is a text. One
    that is shorter than `words`, and has at least `least_words`, is looked for whole. In scripts without spaces two
    characters count as a word.
    """

    against: tuple[str, ...] = ()
    words: int = 8
    least_words: int = 5
    remove: str = "document"

    def check(self) -> None:
        """Look for something."""
        _one_of("way to remove", self.remove, ("document", "line"))
        _within(self, "least_words", 1)
        _within(self, "words", self.least_words)
        if not self.against:
            raise InputError("decontaminate has nothing to look for; name files or folders in against.")
        for path in self.against:
            _present(path, "against of decontaminate")


@dataclass(frozen=True)
class Write(Checked):
    """The format of the shards: records of id, text and source."""

    format: str = "jsonl.zst"

    def check(self) -> None:
        """Know the format."""
        _one_of("format", self.format, FORMATS)


@dataclass(frozen=True)
class Slurm(Checked):
    """What Slurm is asked for; `setup` is a shell command before each task, `sbatch` are further options."""

    partition: str = ""
    time: str = "04:00:00"
    cpus_per_task: int = 1
    mem_per_cpu_gb: int = 4
    gpus_per_task: int = 0
    qos: str = ""
    setup: str = ""
    sbatch: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Ask for something."""
        _within(self, "cpus_per_task", 1)
        _within(self, "mem_per_cpu_gb", 1)
        _within(self, "gpus_per_task", 0)


@dataclass(frozen=True)
class Ray(Checked):
    """What Ray is asked for; without an `address` it is started on this machine."""

    address: str | None = None
    cpus_per_task: int = 1
    mem_per_cpu_gb: float = 1.0
    gpus_per_task: int = 0

    def check(self) -> None:
        """Ask for something."""
        _within(self, "cpus_per_task", 1)
        _within(self, "mem_per_cpu_gb", 0)
        _within(self, "gpus_per_task", 0)


def _present(path: str | None, what: str) -> None:
    if path is not None and not Path(path).expanduser().exists():
        raise InputError(f"{what} is {path}, and there is no such file or folder.")

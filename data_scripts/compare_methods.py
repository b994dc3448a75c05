"""Compare all methods right after extension: what each does to the target language and to the source language.

What    Trains one extended tokenizer per model. Then, for the base and for every method, writes the extended model as
        `vocabx extend` does, opens it as its users will, and measures bits per byte on paragraphs in the target
        language and on the same paragraphs in the source language, and counts where the extended model would choose
        another next token than the base. Nothing is trained but the tokenizer.
From    A model; text to train the tokenizer on; two line-aligned files in which line n of one translates line n of
        the other, such as LibreOffice's help (MPL-2.0). A line that is the same in both is untranslated and left out.
        A paragraph that occurs in the tokenizer's training text stops the comparison.
Out     One table per model. Intervals are 95 % bootstrap intervals over paragraphs; differences are paired. Progress
        goes to standard error.
Time    A few minutes per model and method for 135 million parameters and 200 paragraphs on one CPU core;
        `--dtype bfloat16` takes a third of it where the processor has the instructions, and rounds: it moved values
        by up to 0.005 bits per byte, paired differences on the source side by 0.0005. Needs torch
        (`pip install vocabx[torch]`) and room for one extended model at a time. On a busy machine one thread
        (`OMP_NUM_THREADS=1`) is faster than two.

    python data_scripts/compare_methods.py MODEL --corpus docs.ko.txt --size 16000 --target ko.txt --source en.txt
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers

from vocabx.checkpoint import Checkpoint, open_checkpoint
from vocabx.core.corpus import Corpus
from vocabx.core.embeddings import Embeddings
from vocabx.core.errors import InputError, VocabxError
from vocabx.core.report import Cell, Report, Table
from vocabx.eval.bits_per_byte import BitsPerByte, score_documents
from vocabx.eval.decoder import Decoder, load_decoder
from vocabx.eval.greedy import GreedyFlips, compare_greedy
from vocabx.extension import Extension, new_tokens, prepare
from vocabx.initializers.table import DEFAULT_METHOD, INITIALIZERS
from vocabx.output import base_name, write_model
from vocabx.request import Request
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer

logger = logging.getLogger("compare_methods")

BASE = "base"
TARGET_REFERENCE = "mean"
"""The method that the others are compared with on the target language."""


class Pair(NamedTuple):
    """A paragraph and its translation."""

    target: str
    source: str


@dataclass(frozen=True)
class Measured:
    """What one model costs on both sides of the pairs; flips are counted against the base."""

    target: BitsPerByte
    source: BitsPerByte
    flips: GreedyFlips | None = None


@dataclass(frozen=True)
class Comparison:
    """All measurements of one base."""

    model: str
    paragraphs: int
    extension: Extension
    measured: Mapping[str, Measured]
    seed: int
    dtype: str

    def table(self) -> Table:
        """One row for the base and one for each method."""
        columns = (
            "method",
            "target bits/byte",
            f"minus {TARGET_REFERENCE}",
            "source bits/byte",
            f"minus {BASE}",
            "flips",
            "ties",
        )
        return Table(f"{self.model}: right after extension", columns, [self._row(name) for name in self.measured])

    def _row(self, name: str) -> list[Cell]:
        record = self.record(name)
        flips = self.measured[name].flips
        return [
            name,
            _spell(record["target"]),
            _spell(record["target_minus_mean"], "+"),
            _spell(record["source"]),
            _spell(record["source_minus_base"], "+"),
            flips.flips if flips else None,
            flips.ties if flips else None,
        ]

    def record(self, name: str) -> dict[str, Any]:
        """Return everything that is known of one model, as plain data."""
        measured, base, reference = self.measured[name], self.measured[BASE], self.measured.get(TARGET_REFERENCE)
        target_difference = reference and name != TARGET_REFERENCE and self._difference(measured, reference, "target")
        return {
            "method": name,
            "target": asdict(measured.target.interval(self._rng())),
            "target_minus_mean": target_difference or None,
            "source": asdict(measured.source.interval(self._rng())),
            "source_minus_base": self._difference(measured, base, "source") if name != BASE else None,
            "target_tokens": _count_tokens(measured.target),
            "source_tokens": _count_tokens(measured.source),
            "greedy": asdict(measured.flips) if measured.flips else None,
        }

    def _difference(self, measured: Measured, other: Measured, side: str) -> dict[str, float]:
        this, that = (getattr(one, side) for one in (measured, other))
        return asdict(this.paired_difference(that, self._rng()))

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)  # the same paragraphs are drawn for every row

    @cached_property
    def facts(self) -> dict[str, Cell]:
        """Say what was measured on."""
        base = self.measured[BASE]
        extended = [measured for name, measured in self.measured.items() if name != BASE]
        flips = extended[0].flips if extended else None
        return {
            "paragraphs": self.paragraphs,
            "bits per byte computed in": self.dtype,
            "target bytes": int(base.target.bytes.sum()),
            "source bytes": int(base.source.bytes.sum()),
            "target tokens, base": _count_tokens(base.target)["all"],
            "target tokens, extended": _count_tokens(extended[0].target)["all"] if extended else None,
            "source tokens, base": _count_tokens(base.source)["all"],
            "source tokens, extended": _count_tokens(extended[0].source)["all"] if extended else None,
            "new tokens": self.extension.plan.new,
            "changed lines of the source sample": self.extension.tokenizer.changed_lines,
            "greedy predictions compared": flips.positions if flips else None,
        }

    def to_text(self) -> str:
        """Spell it for a terminal."""
        return Report("", self.facts, [self.table()]).to_text()

    def to_json(self) -> dict[str, Any]:
        """Spell it as data."""
        return {"model": self.model, **self.facts, "methods": [self.record(name) for name in self.measured]}


def _spell(interval: Mapping[str, float] | None, sign: str = "") -> str:
    if interval is None:
        return "-"
    estimate, low, high = (format(interval[name], f"{sign}.4f") for name in ("estimate", "low", "high"))
    return f"{estimate} [{low}, {high}]"


def _count_tokens(measured: BitsPerByte) -> dict[str, int]:
    old, new = (group.tokens if group else 0 for group in (measured.old, measured.new))
    return {"all": old + new, "new": new}


# --- text ---------------------------------------------------------------------------------------------------------


def read_pairs(target: Path, source: Path, minimum_bytes: int) -> list[Pair]:
    """Read line-aligned files; keep pairs that are translated, long enough on both sides, and in there once."""
    sides = [file.read_text("utf-8").split("\n") for file in (target, source)]
    if len(sides[0]) != len(sides[1]):
        raise InputError(f"{target} and {source} are not line-aligned: {len(sides[0])} and {len(sides[1])} lines.")
    found: dict[str, Pair] = {}
    sources: set[str] = set()
    for pair in map(Pair, *sides):
        is_long = min(len(text.encode()) for text in pair) >= minimum_bytes
        if pair.target == pair.source or not is_long or pair.source in sources:
            continue
        found.setdefault(pair.target, pair)
        sources.add(pair.source)
    return list(found.values())


def draw_pairs(pairs: Sequence[Pair], count: int, seed: int) -> list[Pair]:
    """Draw pairs and leave them in the order of the files."""
    if len(pairs) < count:
        raise InputError(f"There are {len(pairs)} usable pairs of paragraphs, fewer than {count}.")
    chosen = np.random.default_rng(seed).choice(len(pairs), count, replace=False)
    return [pairs[index] for index in sorted(chosen)]


def check_unseen(paragraphs: Sequence[str], corpus: Corpus) -> None:
    """Raise `InputError` when a paragraph is a line of the corpus, or a part of one."""
    for lines in corpus.batches():
        text = "\n".join(lines)
        for paragraph in paragraphs:
            if paragraph.strip() in text:
                raise InputError(
                    f"This paragraph is in the tokenizer's training text, so it measures nothing: {paragraph}"
                )


# --- models -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Base:
    """A model that is opened once, and extended in several ways with one tokenizer."""

    checkpoint: Checkpoint
    segmenter: FastSegmenter
    embeddings: Embeddings
    name: str

    @classmethod
    def open(cls, directory: Path) -> Base:
        """Open a model directory."""
        checkpoint, segmenter = open_checkpoint(directory), read_tokenizer(directory)
        rows = checkpoint.matrix(checkpoint.input)
        return cls(checkpoint, segmenter, Embeddings(segmenter.tokens, rows), base_name(directory))

    def extend(self, request: Request, methods: Sequence[str]) -> Iterator[tuple[str, Extension]]:
        """Train the tokenizer, then yield the extension with the rows of each method."""
        extension = prepare(self.embeddings, self.segmenter, self.name, request, Stages(logger.info))
        usable = self.embeddings.usable()
        for method in methods:
            entry = INITIALIZERS[method]
            new = extension.tokenizer.new_tokens
            initialization = entry.load().initialize(self.segmenter, new, usable, request.seed)
            manifest = replace(
                extension.manifest,
                method=method,
                convex=entry.convex,
                new_tokens=new_tokens(extension.tokenizer, initialization.input),
            )
            yield method, replace(extension, initialization=initialization, manifest=manifest)


def measure(decoder: Decoder, pairs: Sequence[Pair], first_new_id: int) -> Measured:
    """Measure both sides of the pairs."""
    target, source = (
        score_documents(decoder.model, decoder.tokenizer, texts, first_new_id=first_new_id)
        for texts in ([pair.target for pair in pairs], [pair.source for pair in pairs])
    )
    return Measured(target, source)


def compare(
    directory: Path, request: Request, pairs: Sequence[Pair], methods: Sequence[str], greedy_paragraphs: int, dtype: str
) -> Comparison:
    """Measure a base and its extension by every method; greedy choices are always compared in float32."""
    base = Base.open(directory)
    base_decoder = load_decoder(directory)
    prompts = [pair.source for pair in pairs[:greedy_paragraphs]]
    measured: dict[str, Measured] = {}
    for method, extension in base.extend(request, methods):
        if BASE not in measured:
            found = measure(load_decoder(directory, dtype=dtype), pairs, extension.plan.tokens_before)
            measured[BASE] = _report(BASE, found)
        with TemporaryDirectory() as place:
            out = Path(place)
            write_model(extension, base.checkpoint, out, Stages())
            decoder = load_decoder(out)
        flips = compare_greedy(base_decoder, decoder, prompts) if prompts else None
        decoder.model.to(getattr(torch, dtype))
        found = measure(decoder, pairs, extension.plan.tokens_before)
        measured[method] = _report(method, replace(found, flips=flips))
        del decoder
    return Comparison(base.name, len(pairs), extension, measured, request.seed, dtype)


def _report(name: str, measured: Measured) -> Measured:
    values = f"target {measured.target.value:.4f}  source {measured.source.value:.4f}"
    logger.info("%s  %s  %s  %s", time.strftime("%H:%M:%S"), name, values, measured.flips or "")
    return measured


# --- command line -------------------------------------------------------------------------------------------------


def parse() -> argparse.Namespace:
    """Describe and read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", metavar="model", help="model directories; they are not changed")
    parser.add_argument("--corpus", nargs="+", required=True, help="text to train the tokenizer on")
    parser.add_argument("--size", type=int, required=True, help="new tokens")
    parser.add_argument("--target", type=Path, required=True, help="paragraphs in the target language, one a line")
    parser.add_argument("--source", type=Path, required=True, help="the same paragraphs in the source language")
    parser.add_argument(
        "--methods", nargs="+", default=list(INITIALIZERS.entries), metavar="METHOD", help="default: all"
    )
    parser.add_argument("--paragraphs", type=int, default=200, help="pairs to measure on (default: %(default)s)")
    parser.add_argument("--minimum-bytes", type=int, default=200, help="of each side (default: %(default)s)")
    parser.add_argument(
        "--greedy-paragraphs", type=int, help="compare greedy choices on the first so many only (default: all)"
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16"),
        default="float32",
        help="compute bits per byte in this type; greedy choices are always compared in float32 (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there, too")
    return parser.parse_args()


def run(options: argparse.Namespace) -> list[Comparison]:
    """Check all inputs, then compare model after model and print each table as soon as it is known."""
    for method in options.methods:
        _ = INITIALIZERS[method]
    request = Request(options.corpus, options.size, method=DEFAULT_METHOD, seed=options.seed)
    pairs = draw_pairs(
        read_pairs(options.target, options.source, options.minimum_bytes), options.paragraphs, options.seed
    )
    check_unseen([text for pair in pairs for text in pair], request.open_corpus())
    logger.info("none of the %d paragraphs is in the tokenizer's training text, in either language", len(pairs))
    greedy = len(pairs) if options.greedy_paragraphs is None else options.greedy_paragraphs
    comparisons = []
    for model in options.models:
        comparisons.append(compare(model, request, pairs, options.methods, greedy, options.dtype))
        print(comparisons[-1].to_text(), end="\n\n", flush=True)
    return comparisons


def main() -> None:
    """Parse the command line, compare, and print."""
    options = parse()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    transformers.utils.logging.disable_progress_bar()
    try:
        comparisons = run(options)
    except VocabxError as error:
        raise SystemExit(str(error)) from error
    if options.json:
        content = [comparison.to_json() for comparison in comparisons]
        options.json.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()

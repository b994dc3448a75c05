"""Compare all methods on an encoder right after extension: retrieval of translations, or masked loss.

What    Trains one extended tokenizer. Then, for the base and for every method, writes the extended model as
        `vocabx extend` does, opens it as its users will, and measures on line-aligned sentences, by `--measure`:
        `retrieval`  how often the nearest sentence of the other language is the translation, by the cosine of the mean
                     states (multilingual E5 asks for `--prefix 'query: '`);
        `masked`     bits per byte of words that are filled in, on either side; the encoder needs its masked-language
                     head, such as that of `train_small_bert.py`.
        Nothing is trained but the tokenizer.
From    An encoder; text to train the tokenizer on; two files in which line n of one translates line n of the other.
        Of a `.tsv` file the columns named by `--columns` are read, such as sentence1 and sentence2 of XNLI (CC BY-NC).
        Pairs that are untranslated or repeat a side are left out. A sentence that occurs in the tokenizer's training
        text stops the comparison.
Out     A table. Intervals are 95 % bootstrap intervals over pairs; differences are paired. Each model is verified
        unless `--unverified` is given, and the checks that fail are counted. Progress goes to standard error.
Time    A few minutes per method for multilingual-e5-small and 500 pairs on one CPU core; half a minute for a model of
        3.4 million parameters and 100 pairs. Needs torch (`pip install vocabx[torch]`).

    python data_scripts/compare_encoders.py E5 --measure retrieval --prefix 'query: ' --corpus docs.sw.txt --size 8000 \
        --target xnli.dev.sw.tsv --source xnli.dev.en.tsv --columns sentence1 sentence2
    python data_scripts/compare_encoders.py small-bert --measure masked --corpus docs.ko.txt --size 4000 \
        --target help.ko.txt --source help.en-us.txt --pairs 200 --minimum-bytes 200
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import transformers

from vocabx.core.arrays import Ints
from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError, VocabxError
from vocabx.core.report import Cell, Report, Table
from vocabx.directories import plan_extension
from vocabx.eval.bootstrap import Interval
from vocabx.eval.encoder import Encoder, load_encoder, load_masked_model
from vocabx.eval.masked_loss import MaskedLoss, score_masked
from vocabx.eval.retrieval import Direction, Retrieval, distinct_pairs, measure_retrieval
from vocabx.evaluation.text.aligned import read_side
from vocabx.initializers.table import DEFAULT_METHOD, INITIALIZERS
from vocabx.output import write_model
from vocabx.request import Request
from vocabx.stages import Stages
from vocabx.tokenizer_tools.extend.extended import ExtendedTokenizer
from vocabx.verification import verify

logger = logging.getLogger("compare_encoders")

BASE = "base"
RESAMPLES = 2000


@dataclass(frozen=True)
class Pairs:
    """Sentences and their translations."""

    target: Sequence[str]
    source: Sequence[str]


# --- text ---------------------------------------------------------------------------------------------------------


def choose_pairs(pairs: Pairs, minimum_bytes: int, count: int | None, seed: int) -> Pairs:
    """Keep pairs that differ, are there once and long enough on both sides, and draw some of them."""
    found = [
        pair
        for pair in zip(*distinct_pairs(pairs.target, pairs.source), strict=True)
        if min(len(text.encode()) for text in pair) >= minimum_bytes
    ]
    if len(found) < (count or 1):
        raise InputError(f"There are {len(found)} usable pairs of sentences, fewer than {count or 1}.")
    chosen = np.random.default_rng(seed).choice(len(found), count or len(found), replace=False)
    kept = [found[index] for index in sorted(chosen)]
    return Pairs([pair[0] for pair in kept], [pair[1] for pair in kept])


def check_unseen(sentences: Sequence[str], corpus: Corpus) -> None:
    """Raise `InputError` when a sentence is a line of the corpus."""
    seen = set(map(str.strip, sentences))
    for line in corpus.lines():
        if line.strip() in seen:
            raise InputError(f"This sentence is in the tokenizer's training text, so it measures nothing: {line}")


# --- measures -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measure:
    """A way to measure an encoder on pairs, and to tell what was found of each model beside the base."""

    open: Callable[[Path], Encoder]
    measure: Callable[[Encoder, Pairs, Ints], Any]
    record: Callable[[Any, Any, int], dict[str, Any]]


def retrieval_measure(prefix: str, layer: int) -> Measure:
    """Search translations, both ways."""

    def measure(encoder: Encoder, pairs: Pairs, _new: Ints) -> Retrieval:
        return measure_retrieval(encoder, pairs.target, pairs.source, prefix=prefix, layer=layer)

    return Measure(load_encoder, measure, _retrieval_record)


def _retrieval_record(found: Retrieval, base: Retrieval, seed: int) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name in ("to_source", "to_target"):
        direction: Direction = getattr(found, name)
        record[f"{name} top 1"] = _share(direction.is_first, seed)
        record[f"{name} top 10"] = direction.top_10
        gained = direction.is_first.astype(np.float64) - getattr(base, name).is_first
        record[f"{name} top 1 minus {BASE}"] = None if found is base else _share(gained, seed)
    return record


def _share(hits: np.ndarray[Any, Any], seed: int) -> Interval:
    """Return the mean over pairs with its bootstrap interval; the same pairs are drawn for every model."""
    rng = np.random.default_rng(seed)
    values = [hits[rng.integers(len(hits), size=len(hits))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(float(hits.mean()), float(low), float(high))


@dataclass(frozen=True)
class BothSides:
    """Masked loss of either side of the pairs."""

    target: MaskedLoss
    source: MaskedLoss


def masked_measure(window: int) -> Measure:
    """Fill in words, on both sides."""

    def measure(encoder: Encoder, pairs: Pairs, new: Ints) -> BothSides:
        sides = (score_masked(encoder, lines, window=window, new_ids=new) for lines in (pairs.target, pairs.source))
        return BothSides(*sides)

    return Measure(load_masked_model, measure, _masked_record)


def _masked_record(found: BothSides, base: BothSides, seed: int) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name in ("target", "source"):
        loss, other = getattr(found, name), getattr(base, name)
        difference = None if found is base else loss.paired_difference(other, np.random.default_rng(seed))
        record[f"{name} bits/byte"] = loss.interval(np.random.default_rng(seed))
        record[f"{name} minus {BASE}"] = difference
        record[f"{name} tokens"] = loss.tokens
        record[f"{name} unknown bytes"] = loss.unknown_bytes
    new = found.target.new
    record["nats of a new token"] = new.nats / new.tokens if new and new.tokens else None
    return record


# --- models -------------------------------------------------------------------------------------------------------


def compare(
    model: Path, request: Request, pairs: Pairs, methods: Sequence[str], measure: Measure, verified: bool = True
) -> list[dict[str, Any]]:
    """Measure the base and its extension by every method, all with one tokenizer; one record each."""
    base = measure.measure(measure.open(model), pairs, np.empty(0, np.int64))
    records = [{"method": BASE, **measure.record(base, base, request.seed), "failed checks": None}]
    _say(records[-1])
    tokenizer: ExtendedTokenizer | None = None
    for method in methods:
        stages = Stages(logger.debug)
        extension, checkpoint = plan_extension(model, replace(request, method=method), stages, tokenizer)
        tokenizer = extension.tokenizer
        with TemporaryDirectory() as place:
            out = Path(place)
            write_model(extension, checkpoint, out, stages)
            failed = failed_checks(out, model) if verified else None
            encoder = measure.open(out)
        found = measure.measure(encoder, pairs, tokenizer.new_ids)
        records.append({"method": method, **measure.record(found, base, request.seed), "failed checks": failed})
        _say(records[-1])
    return records


def failed_checks(out: Path, base: Path) -> list[str]:
    """Verify what was written; return the names of the checks that fail."""
    return [finding.name for finding in verify(out, base).findings if finding.status == "fail"]


def _say(record: Mapping[str, Any]) -> None:
    cells = "  ".join(f"{name} {_spell(name, value)}" for name, value in record.items())
    logger.info("%s  %s", time.strftime("%H:%M:%S"), cells)


def _spell(name: str, value: object) -> Cell:
    if isinstance(value, Interval):
        sign = "+" if "minus" in name else ""
        estimate, low, high = (format(part, f"{sign}.4f") for part in (value.estimate, value.low, value.high))
        return f"{estimate} [{low}, {high}]"
    if isinstance(value, list):
        return len(value)
    return value if isinstance(value, str | int | float) else None


def report(model: Path, pairs: Pairs, records: Sequence[Mapping[str, Any]]) -> Report:
    """Tabulate the records."""
    facts: dict[str, Cell] = {
        "pairs": len(pairs.target),
        "target bytes": sum(len(text.encode()) for text in pairs.target),
        "source bytes": sum(len(text.encode()) for text in pairs.source),
    }
    rows = [[_spell(name, value) for name, value in record.items()] for record in records]
    return Report("", facts, [Table(f"{model.name}: right after extension", list(records[0]), rows)])


def plain(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the records as plain data."""
    return [
        {name: asdict(value) if isinstance(value, Interval) else value for name, value in record.items()}
        for record in records
    ]


# --- command line -------------------------------------------------------------------------------------------------


def parse() -> argparse.Namespace:
    """Describe and read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="the encoder's directory; it is not changed")
    parser.add_argument("--measure", choices=("retrieval", "masked"), required=True, help="what to measure")
    parser.add_argument("--corpus", nargs="+", required=True, help="text to train the tokenizer on")
    parser.add_argument("--size", type=int, required=True, help="new tokens")
    parser.add_argument("--source-sample", nargs="+", help="source-language text whose ids must hold")
    parser.add_argument("--target", type=Path, required=True, help="sentences in the target language")
    parser.add_argument("--source", type=Path, required=True, help="the same sentences in the source language")
    parser.add_argument("--columns", nargs="+", default=[], help="columns to read where these are .tsv files")
    parser.add_argument("--pairs", type=int, help="draw so many pairs (default: all)")
    parser.add_argument("--minimum-bytes", type=int, default=1, help="of each side (default: %(default)s)")
    parser.add_argument("--methods", nargs="+", default=list(INITIALIZERS), metavar="METHOD", help="default: all")
    parser.add_argument("--prefix", default="", help="put before each sentence in retrieval")
    parser.add_argument("--layer", type=int, default=-1, help="whose states are compared (default: the last)")
    parser.add_argument("--window", type=int, default=256, help="tokens read at once to fill in words")
    parser.add_argument("--unverified", action="store_true", help="do not run the checks, which may take longer")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there, too")
    return parser.parse_args()


def run(options: argparse.Namespace) -> tuple[Report, list[dict[str, Any]]]:
    """Check all inputs, then compare."""
    for method in options.methods:
        _ = INITIALIZERS[method]
    sample = {"source_sample": options.source_sample} if options.source_sample else {}
    request = Request(options.corpus, options.size, method=DEFAULT_METHOD, seed=options.seed, **sample)
    sides = (read_side(file, options.columns) for file in (options.target, options.source))
    pairs = choose_pairs(Pairs(*sides), options.minimum_bytes, options.pairs, options.seed)
    check_unseen([*pairs.target, *pairs.source], request.open_corpus())
    retrieving = options.measure == "retrieval"
    measure = retrieval_measure(options.prefix, options.layer) if retrieving else masked_measure(options.window)
    records = compare(options.model, request, pairs, options.methods, measure, not options.unverified)
    return report(options.model, pairs, records), plain(records)


def main() -> None:
    """Parse the command line, compare, and print."""
    options = parse()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logger.setLevel(logging.INFO)
    transformers.utils.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    try:
        table, records = run(options)
    except VocabxError as error:
        raise SystemExit(str(error)) from error
    print(table.to_text())
    if options.json:
        options.json.write_text(json.dumps(records, ensure_ascii=False, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()

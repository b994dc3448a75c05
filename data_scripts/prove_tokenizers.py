r"""Extend many tokenizers with one corpus, and hold each result against everything that extension promises.

What    For every base: learns the tokens as `vocabx tokenizer extend` does, writes the tokenizer, opens it again with
        AutoTokenizer, and counts what went wrong on text that it has not seen. With --speed, times one encoding pass
        and one `train_new_from_iterator` of the same size on the same text, in a process of its own.
From    Directories with tokenizers; text in the new language to learn from; held-out text in the new language; text in
        the source language to keep, part of which may be given as the sample that the guard sees; mixed text.
Out     One table: tokens asked for, added and proved (by a witness, or as a needed part of one that is); source lines
        with other ids; tokens of the held-out text after and before; lines that the base returns from its ids and the
        extended tokenizer does not; lines that it encodes otherwise when it is opened again; for tokenizers of the
        SentencePiece kind, lines that the C++ library encodes otherwise with the `.model` made from the base and from
        the result; seconds. And, where the source sample was touched, what each limit on it costs.
Time    10 to 40 seconds per base for 24 MB of text and 8,000 tokens on one CPU core; --speed several times that.

    python data_scripts/prove_tokenizers.py llama3=DIR mistral=DIR --corpus docs.ko.txt --size 8000 \
        --target help.ko.txt --source pydocs.en.txt --mixed mixed.txt
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from vocabx.core.corpus import Corpus
from vocabx.core.errors import TokenizerError, VocabxError
from vocabx.core.report import Cell, Report, Table
from vocabx.extension import tradeoff_tables
from vocabx.request import Request
from vocabx.tokenizer_tools.extend import extend_tokenizer
from vocabx.tokenizer_tools.extend.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.extend.options import ExtensionOptions
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer
from vocabx.tokenizer_tools.sentencepiece_model import build_model, differing_lines
from vocabx.tokenizer_tools.write import check_reopened, write_tokenizer

logger = logging.getLogger("prove_tokenizers")

CPP_LINES = 5_000
COLUMNS = (
    "base",
    "family",
    "asked",
    "added",
    "proved",
    "source lines changed",
    "of",
    "tokens after / before",
    "not returned",
    "of lines",
    "reopened otherwise",
    "C++ otherwise, base",
    "C++ otherwise",
    "seconds",
    "baseline seconds",
    "ratio",
)


@dataclass(frozen=True)
class Texts:
    """All text that a run needs, as lines; `corpus` is streamed."""

    corpus: Corpus
    sample: Sequence[str]
    target: Sequence[str]
    source: Sequence[str]
    mixed: Sequence[str]


def prove(name: str, directory: Path, texts: Texts, options: ExtensionOptions, baseline: float | None) -> Proof:
    """Extend one base and count."""
    base = read_tokenizer(directory)
    _ = base.tokens  # opening the tokenizer is in neither time
    start = time.perf_counter()
    extended = extend_tokenizer(base, texts.corpus.batches(), texts.sample, options, progress=logger.info)
    seconds = time.perf_counter() - start
    segmenter = extended.segmenter
    cells: tuple[Cell, ...] = (
        name,
        base.family.value,
        options.size,
        len(extended.new_ids),
        len(extended.witnesses) + len(extended.selection.needed_by),
        changed_lines(base, segmenter, texts.source),
        len(texts.source),
        count_tokens(segmenter, texts.target) / count_tokens(base, texts.target),
        lost_lines(base, segmenter, texts.mixed),
        len(texts.mixed),
        reopened_lines(extended, directory, texts.mixed),
        cpp_lines(base, texts.mixed[:CPP_LINES]),
        cpp_lines(segmenter, texts.mixed[:CPP_LINES]),
        seconds,
        baseline,
        seconds / baseline if baseline else None,
    )
    return Proof(cells, tradeoff_tables(extended))


@dataclass(frozen=True)
class Proof:
    """One row of the table, and what limits on the source sample cost where any token touched it."""

    cells: tuple[Cell, ...]
    tradeoffs: Sequence[Table]


def changed_lines(base: FastSegmenter, extended: FastSegmenter, lines: Sequence[str]) -> int:
    """Count lines with other ids."""
    return sum(before != after for before, after in zip(base.encode(lines), extended.encode(lines), strict=True))


def count_tokens(segmenter: FastSegmenter, lines: Sequence[str]) -> int:
    """Count the tokens of some lines."""
    return sum(map(len, segmenter.encode(lines)))


def lost_lines(base: FastSegmenter, extended: FastSegmenter, lines: Sequence[str]) -> int:
    """Count lines that the base gives back from their ids and the extended tokenizer does not."""
    pairs = zip(returns(base, lines), returns(extended, lines), strict=True)
    return sum(before and not after for before, after in pairs)


def returns(segmenter: FastSegmenter, lines: Sequence[str]) -> list[bool]:
    """Say for each line whether its ids give it back: as text, and as bytes by the surfaces of the tokens."""
    segmentation = segmenter.segment_lines(lines)
    surfaces, ids = segmenter.tokens.surfaces, segmentation.ids
    rows = [ids[row].tolist() for row in range(len(ids))]
    normalize = segmenter.backend.normalizer.normalize_str if segmenter.backend.normalizer else str
    return [
        b"".join(surfaces[token] for token in row) == text
        and back.strip() in (line.strip(), normalize(line).replace("\u2581", " ").strip())
        for row, text, back, line in zip(
            rows, segmentation.texts, segmenter.backend.decode_batch(rows), lines, strict=True
        )
    ]


def reopened_lines(extended: ExtendedTokenizer, directory: Path, lines: Sequence[str]) -> int:
    """Write the tokenizer, open it as a user would, and count lines that it encodes otherwise."""
    with TemporaryDirectory() as out:
        write_tokenizer(extended.segmenter, directory, Path(out))
        check_reopened(Path(out), extended.segmenter, list(extended.witnesses.values()))
        return changed_lines(extended.segmenter, read_tokenizer(Path(out)), lines)


def cpp_lines(segmenter: FastSegmenter, lines: Sequence[str]) -> int | None:
    """Count lines that the C++ library encodes otherwise; None for tokenizers of another kind."""
    if not segmenter.family.marks_spaces:
        return None
    try:
        return len(differing_lines(segmenter, build_model(segmenter), lines))
    except TokenizerError as error:
        logger.info("%s", error)
        return None


def baseline_seconds(directory: Path, texts: Sequence[str], size: int, limit: float) -> float | None:
    """Time the baseline in a process of its own; None when it takes longer than the limit."""
    command = [sys.executable, __file__, "--only-baseline", f"base={directory}", "--size", str(size)]
    try:
        run = subprocess.run([*command, "--corpus", *texts], check=True, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return None
    return float(run.stdout.splitlines()[-1])


def run_baseline(directory: Path, corpus: Corpus, size: int) -> float:
    """Encode the corpus once and train a tokenizer of the same kind on it."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory)
    start = time.perf_counter()
    for batch in corpus.batches():
        tokenizer.backend_tokenizer.encode_batch(list(batch))
    tokenizer.train_new_from_iterator(corpus.batches(), vocab_size=size, show_progress=False)
    return time.perf_counter() - start


def read_lines(paths: Sequence[str]) -> list[str]:
    """Read the lines of some files."""
    return list(chain.from_iterable(Corpus.open(paths).batches())) if paths else []


def translated(target: Sequence[str], original: Sequence[str]) -> list[str]:
    """Leave out lines that are the same in the original: nobody has translated them."""
    return [line for line, other in zip(target, original, strict=True) if line != other] if original else list(target)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("bases", nargs="+", metavar="NAME=DIR")
    parser.add_argument("--corpus", nargs="+", required=True, metavar="PATH", help="text to learn from")
    parser.add_argument("--size", type=int, default=8000, help="new tokens (default %(default)s)")
    parser.add_argument("--target", nargs="+", default=[], metavar="PATH", help="held-out text in the new language")
    parser.add_argument("--original", nargs="+", default=[], metavar="PATH", help="what --target is translated from")
    parser.add_argument("--source", nargs="+", default=[], metavar="PATH", help="text in the source language")
    parser.add_argument("--source-lines", type=int, default=20_000, help="lines of it to test (default %(default)s)")
    parser.add_argument(
        "--sample-every", type=int, metavar="N", help="give every Nth line of --source to the guard and test the others"
    )
    parser.add_argument("--sample", nargs="+", default=[], metavar="PATH", help="more text for the guard")
    parser.add_argument("--mixed", nargs="+", default=[], metavar="PATH", help="text in many languages")
    parser.add_argument("--mixed-lines", type=int, default=10_000, help="lines of it to draw (default %(default)s)")
    parser.add_argument("--source-change-limit", type=float, help="as in vocabx extend")
    parser.add_argument("--speed", action="store_true", help="time the baseline too")
    parser.add_argument("--speed-limit", type=float, default=900, help="seconds to wait for it (default %(default)s)")
    parser.add_argument("--json", type=Path, help="write the table as JSON too")
    parser.add_argument("--only-baseline", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def read_texts(options: argparse.Namespace) -> Texts:
    """Lay out the text; the mixed lines are drawn with a fixed seed."""
    source = read_lines(options.source)
    step = options.sample_every
    sample = [*(source[::step] if step else ()), *read_lines(options.sample)]
    tested = [line for i, line in enumerate(source) if not step or i % step]
    mixed = read_lines(options.mixed)
    return Texts(
        corpus=Corpus.open(options.corpus),
        sample=sample or list(Request(options.corpus, options.size).source_lines()),
        target=translated(read_lines(options.target), read_lines(options.original)),
        source=list(islice(tested, options.source_lines)),
        mixed=random.Random(0).sample(mixed, min(len(mixed), options.mixed_lines)),
    )


def main() -> int:
    """Prove every base, print the tables."""
    options = parse()
    bases = {name: Path(path) for name, _, path in (base.partition("=") for base in options.bases)}
    if options.only_baseline:
        print(run_baseline(next(iter(bases.values())), Corpus.open(options.corpus), options.size))
        return 0
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    wanted = ExtensionOptions(size=options.size, source_change_limit=options.source_change_limit)
    proofs = []
    try:
        texts = read_texts(options)
        for name, directory in bases.items():
            logger.info("== %s", name)
            limit = options.speed_limit
            baseline = baseline_seconds(directory, options.corpus, options.size, limit) if options.speed else None
            proofs.append(prove(name, directory, texts, wanted, baseline))
            print(Table("", COLUMNS, [proofs[-1].cells]).to_markdown().splitlines()[-1], flush=True)
    except VocabxError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    table = Table("", COLUMNS, [proof.cells for proof in proofs])
    tradeoffs = [table for proof in proofs for table in proof.tradeoffs]
    print("\n" + table.to_markdown(), Report("", {}, tradeoffs).to_text(), sep="\n\n")
    if options.json:
        options.json.write_text(json.dumps(table.to_json(), indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

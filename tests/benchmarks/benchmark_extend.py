"""Compare the tokenizer stage and the whole command with plain passes of the `tokenizers` library.

The baseline is what any tool must do: one ``encode_batch`` pass over the corpus and one ``train_new_from_iterator``
of the same size. Both run in the same process, alternating; ratios are of medians.

    python -m tests.benchmarks.benchmark_extend --model DIR --corpus FILE --corpus FILE --size 16000
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from vocabx.core.corpus import Corpus
from vocabx.core.report import Table

RESOURCES = Path(os.environ.get("VOCABX_RESOURCES", Path.home() / ".cache" / "vocabx-resources"))


def timed(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def encode_pass(model: Path, corpus: Corpus) -> None:
    """Encode the corpus as it stands."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    for batch in corpus.batches():
        tokenizer.encode_batch(batch)


def train_pass(model: Path, corpus: Corpus, size: int) -> None:
    """Train a new tokenizer of the same kind."""
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(model).train_new_from_iterator(corpus.batches(), vocab_size=size)


def tokenizer_stage(model: Path, corpus: Corpus, size: int) -> None:
    """Extend the tokenizer, with all its proofs."""
    from vocabx.request import Request
    from vocabx.tokenizer_tools.extend import extend_tokenizer
    from vocabx.tokenizer_tools.read import read_tokenizer

    request = Request(list(corpus.files), size)
    extend_tokenizer(read_tokenizer(model), corpus.batches(), request.source_lines(), request.options)


def whole_command(model: Path, corpus: Corpus, size: int) -> None:
    """Run `vocabx extend` as a user does, start of Python included."""
    with tempfile.TemporaryDirectory() as out:
        texts = [part for file in corpus.files for part in ("--corpus", str(file))]
        command = [sys.executable, "-m", "vocabx", "extend", str(model), *texts, "--size", str(size)]
        subprocess.run([*command, "--out", f"{out}/extended"], check=True, capture_output=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=RESOURCES / "smollm2")
    parser.add_argument("--corpus", type=Path, action="append")
    parser.add_argument("--size", type=int, default=16000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    if not arguments.model.is_dir():
        print(f"Left out: there is no model in {arguments.model}.")
        return
    texts = RESOURCES / "texts"
    corpus = Corpus.open(arguments.corpus or [texts / "docs.ko.txt", texts / "pydocs.ko.txt"])
    model, size = arguments.model, arguments.size
    works: dict[str, Callable[[], object]] = {
        "encode_batch pass": lambda: encode_pass(model, corpus),
        "train_new_from_iterator": lambda: train_pass(model, corpus, size),
        "tokenizer stage": lambda: tokenizer_stage(model, corpus, size),
        "whole command": lambda: whole_command(model, corpus, size),
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(arguments.runs):
        for name, work in works.items():
            seconds[name].append(timed(work))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    baseline = median["encode_batch pass"] + median["train_new_from_iterator"]
    rows = [(name, round(value, 2), round(value / baseline, 3)) for name, value in median.items()]
    print(Table(f"medians of {arguments.runs}", ("work", "seconds", "ratio to baseline"), rows).to_text())


if __name__ == "__main__":
    main()

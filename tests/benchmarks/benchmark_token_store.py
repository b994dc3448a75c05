"""Compare tokenizing a corpus into a store with a loop of `tokenizer(text)`, and time how sequences are read from it.

Both run in the same process, alternating; ratios are of medians. Other work on the machine disturbs wall time, so the
time of all cores is given too: the store's threads are those of `tokenizers`.

    python -m tests.benchmarks.benchmark_token_store --model DIR --text FILE
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from vocabx.core.corpus import Corpus
from vocabx.core.report import Table
from vocabx.training.sequences.packing import pack
from vocabx.training.sequences.token_store import store_tokens

RESOURCES = Path(os.environ.get("VOCABX_RESOURCES", Path.home() / ".cache" / "vocabx-resources"))


def timed(work: Callable[[], int]) -> tuple[float, float, int]:
    """Seconds on the wall and of all cores, and what was counted."""
    wall, cores = time.perf_counter(), time.process_time()
    count = work()
    return time.perf_counter() - wall, time.process_time() - cores, count


def plain_loop(corpus: Corpus, tokenizer: Any) -> int:
    """Tokenize text after text, and hold all ids, as scripts do."""
    rows = [[*tokenizer(text)["input_ids"], tokenizer.eos_token_id] for text in corpus.lines()]
    return len(np.concatenate([np.array(row, np.uint32) for row in rows]))


def stored(corpus: Corpus, tokenizer: Any) -> int:
    """Tokenize into a directory that is new."""
    with TemporaryDirectory() as place:
        return store_tokens(corpus, tokenizer, Path(place) / "tokens").tokens


def main() -> None:
    """Measure and print."""
    from transformers import AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=RESOURCES / "smollm2")
    parser.add_argument("--text", type=Path, default=RESOURCES / "texts" / "docs.ko.txt")
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    with TemporaryDirectory() as place:
        file = Path(place) / "text.txt"
        lines = islice(Corpus.open([arguments.text]).lines(), arguments.lines)
        file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        corpus = Corpus.open([file])
        both = [
            [timed(lambda: plain_loop(corpus, tokenizer)), timed(lambda: stored(corpus, tokenizer))]
            for _ in range(arguments.runs)
        ]
        assert len({count for run in both for _, _, count in run}) == 1, "the same tokens"
        store = store_tokens(corpus, tokenizer, Path(place) / "tokens")
        packed = pack(store, arguments.length, store.tokens // arguments.length, 0)
        reading, _, _ = timed(lambda: sum(len(packed[index]["input_ids"]) for index in range(len(packed))))
    medians = [statistics.median(run[kind][clock] for run in both) for clock in (0, 1) for kind in (0, 1)]
    speeds = [round(corpus_size / seconds / 1e6, 2) for seconds in medians for corpus_size in [store.bytes]]
    ratios = [round(medians[0] / medians[1], 2), round(medians[2] / medians[3], 2)]
    columns = ("plain MB/s", "ours MB/s", "plain MB/core s", "ours MB/core s", "faster", "of cores", "read, tokens/s")
    rate = f"{len(packed) * arguments.length / reading:,.0f}"
    print(Table(f"{store.bytes:,} bytes, {store.tokens:,} tokens", columns, [[*speeds, *ratios, rate]]).to_text())


if __name__ == "__main__":
    main()

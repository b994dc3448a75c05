"""Compare the search for nearest rows with the bare matrix product, and the approximate search with the exact one.

The baseline of the exact search is the product of the same queries and keys, block by block and thrown away. Both run
in the same process, alternating; ratios are of medians. The approximate search looks for the input rows of a model
among themselves, its index included; the exact search of all of them is reckoned from some. Wall time suffers from
other work on the machine, so the time of all cores is given too.

    python -m tests.benchmarks.benchmark_neighbours --model DIR --index ivf
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from vocabx.checkpoint import open_checkpoint
from vocabx.core.arrays import Floats
from vocabx.core.cosines import cosine_blocks
from vocabx.core.neighbours import SAME_COSINE, find_neighbours, nearest_by_cosine
from vocabx.core.report import Table

RESOURCES = Path(os.environ.get("VOCABX_RESOURCES", Path.home() / ".cache" / "vocabx-resources"))
NEIGHBOURS = 10

Row = tuple[str | float, ...]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that a call takes, on the wall and of all cores."""
    wall, cores = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cores


def product(queries: Floats, keys: Floats) -> None:
    """Multiply block by block, and do nothing with it."""
    for _ in cosine_blocks(queries, keys):
        pass


def compare_exact(queries_count: int, keys_count: int, dimensions: int, runs: int) -> Row:
    """Time the product and the search of rows that are drawn at random."""
    rng = np.random.default_rng(0)
    queries = rng.standard_normal((queries_count, dimensions), np.float32)
    keys = rng.standard_normal((keys_count, dimensions), np.float32)
    bare, search = [], []
    for _ in range(runs):
        bare.append(timed(lambda: product(queries, keys)))
        search.append(timed(lambda: nearest_by_cosine(queries, keys, NEIGHBOURS)))
    medians = [statistics.median(run[clock] for run in kind) for clock in (0, 1) for kind in (bare, search)]
    shape = f"{queries_count:,} x {keys_count:,} x {dimensions}"
    ratios = (round(medians[1] / medians[0], 3), round(medians[3] / medians[2], 3))
    return (shape, *(round(value, 2) for value in medians), *ratios)


def compare_approximate(rows: Floats, index: str, sampled: int) -> Row:
    """Time the search of all rows among themselves, and find its recall on rows that it was not tuned on."""
    sample = np.random.default_rng(1).choice(len(rows), min(sampled, len(rows)), replace=False)
    start = time.perf_counter(), time.process_time()
    exact = nearest_by_cosine(rows[sample], rows, NEIGHBOURS)[1]
    share = len(sample) / len(rows)
    wall, cores = ((time.perf_counter() - start[0]) / share, (time.process_time() - start[1]) / share)
    start = time.perf_counter(), time.process_time()
    found = find_neighbours(rows, rows, NEIGHBOURS, index)
    spent = time.perf_counter() - start[0], time.process_time() - start[1]
    recall = float((found.cosines[sample] >= exact[:, -1:] - SAME_COSINE).mean())
    times = (round(value, 1) for value in (wall, spent[0], cores, spent[1]))
    ratios = (round(wall / spent[0], 1), round(cores / spent[1], 1))
    return (index, *times, *ratios, round(recall, 4), round(found.recall, 4))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=RESOURCES / "e5")
    parser.add_argument("--queries", type=int, default=16_000)
    parser.add_argument("--keys", type=int, default=49_152)
    parser.add_argument("--dimensions", type=int, action="append")
    parser.add_argument("--index", action="append", help="ivf, hnsw or both; ivf by default")
    parser.add_argument("--sample", type=int, default=4_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    exact = [
        compare_exact(arguments.queries, arguments.keys, dimensions, arguments.runs)
        for dimensions in arguments.dimensions or (300, 600)
    ]
    clocks = ("product s", "search s", "product core s", "search core s", "search / product", "of cores")
    columns = ("queries x keys x dimensions", *clocks)
    print(Table(f"exact, medians of {arguments.runs}", columns, exact).to_text(), flush=True)
    if not arguments.model.is_dir():
        print(f"Left out: there is no model in {arguments.model}.")
        return
    checkpoint = open_checkpoint(arguments.model)
    rows = np.asarray(checkpoint.matrix(checkpoint.input), np.float32)
    near = [compare_approximate(rows, index, arguments.sample) for index in arguments.index or ["ivf"]]
    near_clocks = ("exact s", "its s", "exact core s", "its core s", "faster", "of cores")
    near_columns = ("index", *near_clocks, "recall", "recall it says")
    title = f"approximate, {len(rows):,} x {rows.shape[1]}; exact reckoned from {arguments.sample:,} queries"
    print(Table(title, near_columns, near).to_text())


if __name__ == "__main__":
    main()

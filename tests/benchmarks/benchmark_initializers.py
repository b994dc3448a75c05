"""Compare WECHSEL and FOCUS with the published packages: the same rows, the time, and the peak memory.

Both are given the same tokenizers, word vectors, dictionary and matrix, each in a process of its own, in turn; ratios
are of medians. Vectors are drawn, because neither time nor memory depends on what they mean. What is timed begins when
tokenizers are loaded and ends when all rows are made, reading the vectors included; ours includes writing the rows to
a file, too. The packages hold the matrix, as their users do; ours maps it from its file, whose pages in memory count in
the peak; the anonymous peak leaves them out, because the system takes them back when it needs them.

The packages need an environment of their own:

    pip install wechsel==0.0.4 deepfocus==1.0.1 fasttext-wheel gensim transformers torch
    python -m tests.benchmarks.benchmark_initializers --reference-python THERE/bin/python
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.initializer_inputs import PeakMemory, prepare_focus, prepare_wechsel, resources_missing
from vocabx.aligners.by_space import BySpace
from vocabx.aligners.overlap import Overlap
from vocabx.aligners.solvers.softmax import SoftmaxNeighbours
from vocabx.aligners.solvers.sparsemax import Sparsemax
from vocabx.aligners.space import Space, TokenVectors
from vocabx.aligners.spaces.crosslingual import AlignedWords
from vocabx.aligners.spaces.read_vectors import read_vectors
from vocabx.aligners.spaces.shared import lift
from vocabx.core.alignment import Aligner, Alignment
from vocabx.core.arrays import Bools
from vocabx.core.neighbours import nearest_by_cosine
from vocabx.core.report import Table
from vocabx.core.segmenter import Segmenter
from vocabx.core.transfer import Materials, Transfer
from vocabx.tokenizer_tools.read import read_tokenizer

REFERENCE = Path(__file__).with_name("reference_packages.py")
NEIGHBOURS = 10
CLOSE = 1e-5
TIE = 1e-6

WECHSEL_ROW_SIZE, FOCUS_ROW_SIZE = 4_096, 768

MEASURES = {
    "seconds": ("s", 1),
    "core_seconds": ("core s", 1),
    "peak": ("peak GB", 1e9),
    "anonymous": ("anonymous GB", 1e9),
}
"""What a run is measured in: the name in the table, and how much of it is 1."""
COLUMNS = (
    "method",
    *(name for unit, _ in MEASURES.values() for name in (f"theirs {unit}", f"ours {unit}", "ratio")),
    "same rows",
)

Row = tuple[str | float, ...]


@dataclass(frozen=True)
class GivenVectors:
    """Vectors of the target's tokens from a file, for source tokens too."""

    path: Path

    def vectors(self, transfer: Transfer) -> TokenVectors:
        words, pieces = read_vectors(self.path), transfer.target.tokens.pieces
        known = [token for token, piece in enumerate(pieces) if piece in words.row_of]
        rows = np.zeros((len(pieces), words.dimensions), np.float32)
        rows[known] = words.rows[[words.row_of[pieces[token]] for token in known]]
        return lift(rows, transfer)


def space_of(method: str, folder: Path) -> Space:
    if method == "focus":
        return GivenVectors(folder / "target.bin")
    return AlignedWords(unique=False, parity=True, measure=False)


def aligner_of(method: str, folder: Path) -> Aligner:
    space = space_of(method, folder)
    if method == "focus":
        return Overlap(BySpace(space, Sparsemax()))
    return BySpace(space, SoftmaxNeighbours(NEIGHBOURS, 0.1))


def open_transfer(method: str, folder: Path, source: Segmenter, target: Segmenter) -> Transfer:
    """Make rows for all of the target; the packages leave out no source token of WECHSEL, and special ones of FOCUS."""
    materials = Materials(
        dictionary=folder / "dictionary.txt", source_vectors=folder / "source.bin", target_vectors=folder / "target.bin"
    )
    usable = source.tokens.is_text if method == "focus" else np.ones(len(source.tokens), np.bool_)
    return Transfer(source, target, np.arange(len(target.tokens)), usable, materials=materials)


def write_rows(alignment: Alignment, folder: Path) -> None:
    """Write the rows block by block, as a checkpoint is written."""
    matrix = np.load(folder / "rows.npy", mmap_mode="r")
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(alignment), matrix.shape[1])}
    with (folder / "ours.npy").open("wb") as sink:
        np.lib.format.write_array_header_1_0(sink, header)
        for block in alignment.blocks(matrix):
            block.tofile(sink)


def ours(method: str, folder: Path) -> None:
    """Make the rows once and print what it took."""
    memory = PeakMemory()
    importlib.import_module("gensim.models.fasttext")  # as the packages do, before the clock starts
    source, target = (read_tokenizer(folder / side) for side in ("source", "target"))
    start = time.perf_counter(), time.process_time()
    transfer = open_transfer(method, folder, source, target)
    write_rows(aligner_of(method, folder).align(transfer), folder)
    spent = time.perf_counter() - start[0], time.process_time() - start[1]
    print(json.dumps({"seconds": spent[0], "core_seconds": spent[1], **memory.to_json()}))


def compare(method: str, folder: Path) -> None:
    """Print how many rows can be compared, and how many of them are the package's."""
    source, target = (read_tokenizer(folder / side) for side in ("source", "target"))
    transfer = open_transfer(method, folder, source, target)
    vectors = space_of(method, folder).vectors(transfer)
    compared = vectors.new.any(axis=1) & target.tokens.is_text
    if method == "wechsel":
        compared &= untied(vectors)
    mine, theirs = (np.load(folder / f"{side}.npy", mmap_mode="r") for side in ("ours", "theirs"))
    same = [bool((np.abs(mine[row] - theirs[row]) <= CLOSE).all()) for row in np.flatnonzero(compared)]
    print(json.dumps({"rows": len(mine), "compared": len(same), "same": sum(same)}))


def untied(vectors: TokenVectors) -> Bools:
    """Rows whose tenth neighbour is nearer than the eleventh, so that everyone must choose the same ten."""
    cosines = nearest_by_cosine(vectors.new, vectors.source, NEIGHBOURS + 1)[1]
    return np.asarray(cosines[:, NEIGHBOURS - 1] - cosines[:, NEIGHBOURS] > TIE)


def run(python: str, *arguments: str) -> dict[str, float]:
    """Run a step in a process of its own and read what it prints."""
    done = subprocess.run([python, *arguments], check=True, capture_output=True, text=True)
    taken: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return taken


def measure(method: str, folder: Path, runs: int, reference: str) -> tuple[Row, list[str]]:
    """Run both in turn; return a row of medians, and the seconds of each run."""
    module = ("-m", "tests.benchmarks.benchmark_initializers")
    taken: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}
    for _ in range(runs):
        taken["theirs"].append(run(reference, str(REFERENCE), method, str(folder)))
        taken["ours"].append(run(sys.executable, *module, "--ours", method, str(folder)))
    found = run(sys.executable, *module, "--compare", method, str(folder))
    median = {
        (side, clock): statistics.median(one[clock] for one in each)
        for side, each in taken.items()
        for clock in MEASURES
    }
    cells = [
        cell
        for clock, (_, unit) in MEASURES.items()
        for theirs, own in [(median["theirs", clock] / unit, median["ours", clock] / unit)]
        for cell in (round(theirs, 2), round(own, 2), round(theirs / own, 1))
    ]
    equal = f"{found['same']:,} of {found['compared']:,} ({found['rows']:,} made)"
    details = [f"{side}: {', '.join(str(round(one['seconds'], 1)) for one in each)} s" for side, each in taken.items()]
    return (method, *cells, equal), details


def why_not(python: str) -> str:
    """Return why nothing can be measured; empty where all is there."""
    if missing := resources_missing():
        return f"there is no {missing[0]}"
    names = ("wechsel", "deepfocus", "fasttext")
    check = f"import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, {names})))"
    if subprocess.run([python, "-c", check], check=False, capture_output=True).returncode:
        return f"{python} lacks the packages {', '.join(names)}; name one that has them with --reference-python"
    return ""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference-python", default=sys.executable, help="interpreter that has the packages")
    parser.add_argument("--method", action="append", choices=["wechsel", "focus"], help="one of them; default both")
    parser.add_argument("--directory", type=Path, help="where to work; needs 4 GB (default: TMPDIR)")
    parser.add_argument("--size", type=int, default=16_000, help="tokens of WECHSEL's target")
    parser.add_argument("--word-dimensions", type=int, default=300)
    parser.add_argument("--token-dimensions", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--ours", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--compare", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for step, given in ((ours, options.ours), (compare, options.compare)):
        if given:
            step(given[0], Path(given[1]))
            return
    if reason := why_not(options.reference_python):
        print(f"Left out: {reason}.")
        return
    rows, details = [], []
    for method in options.method or ("wechsel", "focus"):
        with tempfile.TemporaryDirectory(dir=options.directory) as name:
            folder = Path(name)
            if method == "wechsel":
                prepare_wechsel(folder, options.size, options.word_dimensions, WECHSEL_ROW_SIZE)
            else:
                prepare_focus(folder, options.token_dimensions, FOCUS_ROW_SIZE)
            row, lines = measure(method, folder, options.runs, options.reference_python)
        rows.append(row)
        details += [f"{method}, {line}" for line in lines]
    print(Table(f"medians of {options.runs}", COLUMNS, rows).to_text())
    print("\n".join([*details, f"load of the machine: {', '.join(f'{load:.1f}' for load in os.getloadavg())}"]))


if __name__ == "__main__":
    main()

"""Time and memory of writing a resized checkpoint, against copying the directory.

Builds a synthetic sharded Llama checkpoint (bfloat16, untied, 128,256 rows of 4,096), every byte really written, and
takes the medians of alternating runs of `cp -r --sparse=never` and of the checkpoint stage, each followed by
`sync`. The stage runs in a process of its own, where its anonymous memory is sampled.

    python -m tests.benchmarks.benchmark_checkpoint --gigabytes 4 --directory /tmp
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np
from scipy.sparse import csr_array

from vocabx.checkpoint import open_checkpoint, staged_directory, write_checkpoint
from vocabx.checkpoint.safetensors_file import TensorEntry, encode_header
from vocabx.core.alignment import Alignment
from vocabx.core.initialization import Initialization
from vocabx.core.plan import Plan

ROWS, DIMENSIONS, NEW_ROWS, PIECES = 128_256, 4_096, 16_000, 3
MATRIX = (ROWS, DIMENSIONS)
LAYER = (14_336, DIMENSIONS)
SHARD_BYTES = 1_200_000_000
SAMPLE_SECONDS = 0.01


def tensors(gigabytes: float) -> dict[str, tuple[int, int]]:
    """Names and shapes of the model: both embeddings, and layers up to the size asked for."""
    row_bytes = 2 * DIMENSIONS
    layers = max(1, round((gigabytes * 1e9 - 2 * ROWS * row_bytes) / (LAYER[0] * row_bytes)))
    names = {f"model.layers.{layer}.mlp.up_proj.weight": LAYER for layer in range(layers)}
    return {"model.embed_tokens.weight": MATRIX, **names, "lm_head.weight": MATRIX}


def shards(shapes: dict[str, tuple[int, int]]) -> list[dict[str, tuple[int, int]]]:
    """Fill shards in order."""
    filled: list[dict[str, tuple[int, int]]] = [{}]
    for name, shape in shapes.items():
        held = sum(2 * rows * columns for rows, columns in filled[-1].values())
        if filled[-1] and held + 2 * shape[0] * shape[1] > SHARD_BYTES:
            filled.append({})
        filled[-1][name] = shape
    return filled


def write_shard(path: Path, shapes: dict[str, tuple[int, int]], block: bytes) -> None:
    """Write one shard, repeating a block of values for as long as it takes."""
    entries, begin = [], 0
    for name, shape in shapes.items():
        entries.append(TensorEntry(name, "BF16", shape, begin, begin + 2 * shape[0] * shape[1]))
        begin = entries[-1].end
    with path.open("wb") as sink:
        sink.write(encode_header(entries, {"format": "pt"}))
        for start in range(0, begin, len(block)):
            sink.write(block[: begin - start])


def build(directory: Path, gigabytes: float) -> None:
    """Write the checkpoint."""
    directory.mkdir()
    values = np.random.default_rng(0).normal(scale=0.02, size=(4_001, DIMENSIONS)).astype(ml_dtypes.bfloat16)
    values[values == 0] = 0.01
    filled = shards(tensors(gigabytes))
    files = [f"model-{number:05d}-of-{len(filled):05d}.safetensors" for number in range(1, len(filled) + 1)]
    for file, shapes in zip(files, filled, strict=True):
        write_shard(directory / file, shapes, values.tobytes())
    weight_map = {name: file for file, shapes in zip(files, filled, strict=True) for name in shapes}
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": ROWS}
    (directory / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": False}))


def constituents() -> Alignment:
    """Give every new token the mean of three source tokens."""
    ids = np.random.default_rng(1).integers(0, ROWS, NEW_ROWS * PIECES)
    weights = np.full(len(ids), 1 / PIECES)
    return Alignment.build(csr_array((weights, ids, np.arange(0, len(ids) + 1, PIECES)), shape=(NEW_ROWS, ROWS)))


def memory(field: str) -> int:
    """Read a number of bytes from the kernel's account of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


@contextmanager
def sampled_memory() -> Iterator[list[int]]:
    """Collect the anonymous memory of this process every few milliseconds."""
    samples = [memory("RssAnon")]
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            samples.append(memory("RssAnon"))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


def stage(source: Path, target: Path, watched: bool) -> None:
    """Run the checkpoint stage once and print what it took; watching the memory slows it down."""
    initialization = Initialization.shared(constituents())
    with sampled_memory() if watched else nullcontext([0]) as samples:
        start = time.perf_counter()
        checkpoint = open_checkpoint(source)
        plan = Plan.appending(ROWS, NEW_ROWS, ROWS, ROWS + NEW_ROWS, {})
        with staged_directory(target, protect=[source]) as out:
            write_checkpoint(checkpoint, plan, initialization, out)
        os.sync()
        seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "anonymous": max(samples), "peak": memory("VmHWM")}))


@dataclass(frozen=True)
class Run:
    """What one run took, in seconds and bytes; a copy's memory is not looked at."""

    seconds: float
    anonymous: int = 0
    peak: int = 0


def run_stage(source: Path, target: Path, watched: bool = False) -> Run:
    """Run the checkpoint stage in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.benchmark_checkpoint", "--stage", str(source), str(target)]
    command += ["--watched"] if watched else []
    return Run(**json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


def run_copy(source: Path, target: Path) -> Run:
    """Copy the directory."""
    start = time.perf_counter()
    subprocess.run(["cp", "-r", "--sparse=never", str(source), str(target)], check=True)
    subprocess.run(["sync"], check=True)
    return Run(time.perf_counter() - start)


def drop_cache() -> bool:
    """Forget cached file pages, where the system lets us."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


def compare(directory: Path, gigabytes: float, runs: int, keep_cache: bool) -> None:
    """Build the checkpoint, run both ways in turn and print the medians."""
    source, target = directory / "source", directory / "target"
    build(source, gigabytes)
    results: dict[Callable[[Path, Path], Run], list[Run]] = {run_copy: [], run_stage: []}
    dropped = not keep_cache
    for _ in range(runs):
        for way, taken in results.items():
            dropped = dropped and drop_cache()
            os.sync()
            taken.append(way(source, target))
            shutil.rmtree(target)
    watched = run_stage(source, target, watched=True)
    files = list(source.glob("*.safetensors"))
    copy, resize = (statistics.median(run.seconds for run in taken) for taken in results.values())
    print(f"checkpoint       {sum(file.stat().st_size for file in files) / 1e9:.2f} GB in {len(files)} shards")
    print(f"page cache       {'dropped before every run' if dropped else 'not dropped: the source may be cached'}")
    print(f"cp and sync      {copy:.2f} s  ({', '.join(f'{run.seconds:.2f}' for run in results[run_copy])})")
    print(f"resize and sync  {resize:.2f} s  ({', '.join(f'{run.seconds:.2f}' for run in results[run_stage])})")
    print(f"ratio            {resize / copy:.2f}")
    print(f"anonymous peak   {watched.anonymous / 1e6:.0f} MB, in a run of its own")
    print(f"VmHWM            {watched.peak / 1e6:.0f} MB, mapped file pages included")


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=4.0, help="size of the checkpoint (default 4, at least 2.2)")
    parser.add_argument("--directory", type=Path, help="where to work; needs three times the size (default: TMPDIR)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each way (default 3)")
    parser.add_argument("--keep-cache", action="store_true", help="do not drop the page cache before a run")
    parser.add_argument("--stage", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--watched", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        source, target = options.stage
        stage(source, target, options.watched)
        return
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        compare(Path(directory), options.gigabytes, options.runs, options.keep_cache)


if __name__ == "__main__":
    main()

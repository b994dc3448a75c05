"""Ways to bring a checkpoint to another directory, each in a process of its own, with its time and memory.

python -m tests.benchmarks.checkpoint_ways stage SOURCE TARGET
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from vocabx.checkpoint import open_checkpoint, staged_directory, write_checkpoint
from vocabx.core.alignment import Alignment
from vocabx.core.initialization import Initialization
from vocabx.core.plan import Plan

__all__ = ["NEW_ROWS", "Run", "copy", "extend", "extend_tokenizer", "run", "stage", "surgeon", "transformers"]

NEW_ROWS, PIECES = 16_000, 3
SECONDS_BETWEEN_LOOKS = 0.01


@dataclass(frozen=True)
class Run:
    """What a run took: seconds with `sync`, the most anonymous memory in bytes, and seconds by stage, where it says."""

    seconds: float
    anonymous: int
    stages: Mapping[str, float] = field(default_factory=dict)


def run(command: Sequence[object]) -> Run:
    """Run a command to its end and until the disk has all, looking at its memory again and again."""
    start, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=errors)
        while process.poll() is None:
            peak = max(peak, _anonymous(process.pid))
            time.sleep(SECONDS_BETWEEN_LOOKS)
        subprocess.run(["sync"], check=True)
        seconds = time.perf_counter() - start
        for file in (out, errors):
            file.seek(0)
        if process.returncode:
            sys.exit(f"{command[0]} failed:\n{errors.read().decode()[-2000:]}")
        return Run(seconds, peak, _stages(out.read().decode()))


def _anonymous(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), 0)


def _stages(report: str) -> Mapping[str, float]:
    try:
        return {row["stage"]: row["seconds"] for row in json.loads(report)["stages"]}
    except (KeyError, TypeError, ValueError):
        return {}


def copy(source: Path, target: Path) -> Run:
    """Copy the directory."""
    return run(["cp", "-r", "--sparse=never", source, target])


def stage(source: Path, target: Path) -> Run:
    """Write the resized checkpoint, with rows that are the mean of three others."""
    return run([sys.executable, "-m", "tests.benchmarks.checkpoint_ways", "stage", source, target])


def extend(source: Path, target: Path, corpus: Path, tokenizer: Path, *more: object) -> Run:
    """Run the whole command: tokens ready-made, with proofs, rows, checkpoint and reopening."""
    given = ["--corpus", corpus, "--with", tokenizer, "--scripts", "any", "--out", target, "--json", *more]
    return run([sys.executable, "-m", "vocabx", "extend", source, *given])


def extend_tokenizer(source: Path, target: Path, corpus: Path, tokenizer: Path) -> Run:
    """Write the extended tokenizer alone."""
    given = ["--corpus", corpus, "--with", tokenizer, "--scripts", "any", "--out", target, "--json"]
    return run([sys.executable, "-m", "vocabx", "tokenizer", "extend", source, *given])


def transformers(source: Path, target: Path) -> Run:
    """Load, resize with rows drawn at random, and save."""
    return run([sys.executable, "-m", "tests.benchmarks.checkpoint_ways", "transformers", source, target])


def surgeon(source: Path, target: Path, donor: Path, python: Path) -> Run:
    """Put another tokenizer in with mergekit, by the method that takes it the least time."""
    script = "from mergekit.scripts.tokensurgeon import main; main()"
    return run([python, "-c", script, source, donor, target, "--approximation-method", "mean"])


def _write_stage(source: Path, target: Path) -> None:
    checkpoint = open_checkpoint(source)
    rows = checkpoint.rows
    ids = np.random.default_rng(1).integers(0, rows, NEW_ROWS * PIECES)
    starts = np.arange(0, len(ids) + 1, PIECES)
    rule = Alignment.build(csr_array((np.full(len(ids), 1 / PIECES), ids, starts), shape=(NEW_ROWS, rows)))
    plan = Plan.appending(rows, NEW_ROWS, rows, rows + NEW_ROWS, {})
    with staged_directory(target, protect=[source]) as out:
        write_checkpoint(checkpoint, plan, Initialization.shared(rule), out)


def _write_transformers(source: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16)
    rows = model.get_input_embeddings().weight.shape[0]
    model.resize_token_embeddings(rows + NEW_ROWS, mean_resizing=False)
    model.save_pretrained(target, max_shard_size="5GB")


def main() -> None:
    """Run one way in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=["stage", "transformers"])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    write = {"stage": _write_stage, "transformers": _write_transformers}[options.way]
    write(options.source, options.target)


if __name__ == "__main__":
    main()

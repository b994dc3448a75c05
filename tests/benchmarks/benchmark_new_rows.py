"""Compare training only new rows with dense training of the matrix whose old rows get their gradients put to zero.

Both run in the same process on the same batches, one step after the other; the ratio is of medians, and the time of all
cores is given beside that of the wall. The dense way is Adam on the whole matrix, and its old rows stay what they are
only without weight decay; the whole one trains all rows.

    python -m tests.benchmarks.benchmark_new_rows --model DIR --length 256 --steps 5
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.report import Table
from vocabx.manifest import Manifest
from vocabx.training.recipes.table import RECIPES
from vocabx.training.stage.preparation import prepare_stage


class Way:
    """One way to train new rows: a model, its optimizer, and what happens to gradients in between."""

    def __init__(self, name: str, model: Any, masked: Any = None) -> None:
        import torch

        self.name, self.model, self.masked = name, model.train(), masked
        self.trained = [each for each in model.parameters() if each.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=1e-4, weight_decay=0.0)
        self.wall: list[float] = []
        self.cores: list[float] = []
        self.losses: list[float] = []

    def step(self, ids: Any) -> None:
        """Train on one batch."""
        wall, cores = time.perf_counter(), time.process_time()
        self.optimizer.zero_grad()
        loss = self.model(input_ids=ids, labels=ids).loss
        loss.backward()
        if self.masked is not None:
            for parameter in self.trained:
                parameter.grad[self.masked] = 0
        self.optimizer.step()
        self.wall.append(time.perf_counter() - wall)
        self.cores.append(time.process_time() - cores)
        self.losses.append(loss.item())

    @property
    def state_bytes(self) -> int:
        """Bytes of what the optimizer keeps."""
        values = (value for state in self.optimizer.state.values() for value in state.values())
        return sum(value.numel() * value.element_size() for value in values)

    def row(self, dense: Way) -> list[Any]:
        """Say what was measured, beside the dense way."""
        wall, cores = statistics.median(self.wall[1:]), statistics.median(self.cores[1:])
        ratios = [statistics.median(dense.wall[1:]) / wall, statistics.median(dense.cores[1:]) / cores]
        sizes = [sum(each.numel() for each in self.trained), self.state_bytes]
        values = [round(each, 3) for each in (wall, cores, *ratios)]
        return [self.name, *sizes, round(dense.state_bytes / self.state_bytes, 2), *values, round(self.losses[-1], 5)]


def ways(directory: Path, new_ids: Ints) -> list[Way]:
    """Open the model once for each way."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    dense = prepare_stage(copy.deepcopy(model), RECIPES["embeddings-only"].stages[0], new_ids).model
    apart = prepare_stage(model, RECIPES["new-rows-only"].stages[0], new_ids).model
    rows = len(dense.get_input_embeddings().weight)
    old = torch.ones(rows, dtype=torch.bool)
    old[torch.from_numpy(new_ids)] = False
    return [Way("dense, old gradients zero", dense, old), Way("new rows alone", apart)]


def main() -> None:
    """Measure and print."""
    import torch

    resources = Path(os.environ.get("VOCABX_RESOURCES", Path.home() / ".cache" / "vocabx-resources"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=resources / "smollm2-ko", help="a directory that vocabx wrote")
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if not arguments.model.is_dir():
        print(f"Left out: there is no {arguments.model}.")
        return
    new_ids = Manifest.load(arguments.model).plan.new_ids
    both = ways(arguments.model, new_ids)
    generator = np.random.default_rng(0)
    for _ in range(arguments.steps + 1):
        ids = torch.from_numpy(generator.choice(new_ids, (1, arguments.length)))
        for way in both:
            way.step(ids)
    columns = (
        "way",
        "numbers trained",
        "bytes of states",
        "times fewer",
        "wall s",
        "core s",
        "faster",
        "of cores",
        "loss",
    )
    title = f"{len(new_ids)} new rows, {arguments.length} tokens, medians of {arguments.steps} steps"
    print(Table(title, columns, [way.row(both[0]) for way in both]).to_text())


if __name__ == "__main__":
    main()

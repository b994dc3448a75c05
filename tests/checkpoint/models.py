"""Small model directories, made by hand, and rules to resize them with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_array

from vocabx.core.alignment import Alignment, mean_over
from vocabx.core.plan import Plan

Arrays = dict[str, NDArray[Any]]

ROWS, DIMENSIONS = 100, 32
PLAN = Plan.appending(97, 10, ROWS, 112, {})
"""Three padding rows are taken over, and five are new."""

LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": ROWS, "tie_word_embeddings": False}
INPUT, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def llama_tensors(dtype: Any = np.float32) -> Arrays:
    """The tensors of an untied model."""
    rng = np.random.default_rng(0)
    shapes = {
        HEAD: (ROWS, DIMENSIONS),
        INPUT: (ROWS, DIMENSIONS),
        "model.layers.0.mlp.up_proj.weight": (40, DIMENSIONS),
        "model.norm.weight": (DIMENSIONS,),
    }
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


def save_model(directory: Path, tensors: Arrays, config: Mapping[str, Any] = LLAMA) -> Path:
    """Write a model directory of one file."""
    directory.mkdir(parents=True, exist_ok=True)
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return directory


def save_sharded(directory: Path, shards: Mapping[str, Arrays], config: Mapping[str, Any] = LLAMA) -> Path:
    """Write a model directory of several files."""
    directory.mkdir(parents=True, exist_ok=True)
    for file, tensors in shards.items():
        save_file(tensors, directory / file, metadata={"format": "pt"})
    weight_map = {name: file for file, tensors in shards.items() for name in tensors}
    arrays = [array for tensors in shards.values() for array in tensors.values()]
    metadata = {"total_parameters": sum(a.size for a in arrays), "total_size": sum(a.nbytes for a in arrays)}
    index = {"metadata": metadata, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return directory


def save_two_shards(directory: Path) -> Path:
    """Write the untied model with both embeddings in the second file."""
    tensors = llama_tensors()
    second = {name: tensors.pop(name) for name in (INPUT, HEAD)}
    return save_sharded(directory, {"model-1.safetensors": tensors, "model-2.safetensors": second})


def load_model(directory: Path) -> Arrays:
    """Read all tensors with the format's own reader."""
    arrays: Arrays = {}
    for file in sorted(directory.glob("*.safetensors")):
        arrays |= load_file(file)
    return arrays


def random_alignment(rows: int = PLAN.new, sources: int = PLAN.tokens_before, seed: int = 0) -> Alignment:
    """Return sparse rows with a few weights each."""
    generator = np.random.default_rng(seed)
    dense = generator.random((rows, sources)) * (generator.random((rows, sources)) < 0.05)
    return Alignment.build(csr_array(dense))


def mean_row(sources: int = PLAN.tokens_before) -> Alignment:
    """Return one row that is the mean of all source rows."""
    return Alignment.build(mean_over(np.arange(sources), sources))


def expected_rows(
    before: NDArray[Any], rule: Alignment, plan: Plan = PLAN, padding: Alignment | None = None
) -> NDArray[Any]:
    """Compute the resized tensor in memory, row by row."""
    source = before[: plan.tokens_before].reshape(plan.tokens_before, -1)
    made = iter(rule.apply(source).astype(before.dtype))
    filling = (padding or mean_row(plan.tokens_before)).apply(source).astype(before.dtype)[0]
    rows = [source[origin] if origin >= 0 else next(made) for origin in plan.origins.tolist()]
    return np.array([*rows, *[filling] * len(plan.padding)], before.dtype).reshape(-1, *before.shape[1:])


@dataclass(frozen=True)
class Exploding:
    """A rule whose rows are too large for most types."""

    rows: int = PLAN.new

    def blocks(self, matrix: NDArray[Any]) -> Any:
        """Yield rows of a million."""
        yield np.full((self.rows, matrix.shape[1]), 1e6, np.float32)


def checksums(directory: Path) -> dict[str, str]:
    """Hash every file below a directory."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

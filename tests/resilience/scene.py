"""A small sharded base, the command that extends it, and what may be there after it was killed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tests.checkpoint.models import checksums, load_model, save_sharded
from tests.extension.bases import HEAD, INPUT, save_base, write_texts

__all__ = ["Scene"]

LAYERS, SIDE = 6, 512


@dataclass(frozen=True)
class Scene:
    """A directory with a base, its texts, and the place of one output among nothing else."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> Scene:
        """Write a base of eight shards: six of a megabyte that stay, and two with an embedding."""
        root.mkdir(parents=True, exist_ok=True)
        write_texts(root)
        save_base(root / "base", padding=8)
        tensors = load_model(root / "base")
        generator = np.random.default_rng(0)
        shards = {"first.safetensors": {INPUT: tensors.pop(INPUT)}, "last.safetensors": {HEAD: tensors.pop(HEAD)}}
        shards["first.safetensors"] |= tensors
        for layer in range(1, LAYERS + 1):
            values = generator.normal(size=(SIDE, SIDE)).astype(np.float32)
            shards[f"layer{layer}.safetensors"] = {f"model.layers.{layer}.mlp.up_proj.weight": values}
        (root / "base" / "model.safetensors").unlink()
        save_sharded(root / "base", shards, json.loads((root / "base" / "config.json").read_text()))
        (root / "place").mkdir()
        return cls(root)

    @property
    def place(self) -> Path:
        return self.root / "place"

    @property
    def out(self) -> Path:
        return self.place / "out"

    def arguments(self, *more: str, size: int = 40, out: Path | None = None) -> list[str]:
        """Return the arguments of `vocabx extend`."""
        texts = ["--corpus", str(self.root / "corpus.txt"), "--source-sample", str(self.root / "sample.txt")]
        return ["extend", str(self.root / "base"), *texts, "--size", str(size), "--out", str(out or self.out), *more]

    @cached_property
    def inputs(self) -> Mapping[str, str]:
        """Checksums of all that is read, taken once."""
        return self._inputs_now()

    def _inputs_now(self) -> Mapping[str, str]:
        texts = {name: (self.root / name).read_text() for name in ("corpus.txt", "sample.txt")}
        return checksums(self.root / "base") | texts

    def states(self, outputs: Mapping[str, Mapping[str, str]]) -> set[str]:
        """Return what is at the place: the names of the outputs that it equals to the byte, or that it is absent.

        Raises
        ------
        AssertionError
            When it is anything else, or when an input has changed.
        """
        assert self._inputs_now() == self.inputs, "an input has changed"
        others = set(os.listdir(self.place)) - {"out", ".out.incomplete"}
        assert not others, f"left behind: {others}"
        if not os.path.lexists(self.out):
            return {"absent"}
        found = checksums(self.out)
        names = {name for name, expected in outputs.items() if found == expected}
        assert names, f"an output that nobody asked for: {sorted(found)}"
        return names

    def clear(self) -> None:
        """Remove the output and whatever was left."""
        shutil.rmtree(self.place)
        self.place.mkdir()

"""Every recipe on the model that ships and on SmolLM2: it trains what it says, and no other bit changes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

import vocabx
from vocabx.checkpoint import open_checkpoint
from vocabx.eval.decoder import advise_on_type
from vocabx.manifest import Manifest
from vocabx.training.pretrain import Pretraining, pretrain
from vocabx.training.recipes.table import RECIPES
from vocabx.training.settings import TrainingSettings

pytestmark = pytest.mark.torch
DEMO = Path(vocabx.__file__).parent / "demo"
ROWS, LAYERS, NORM = r"model\.embed_tokens\.weight", r"model\.layers\.\d+\.", r"model\.norm\.weight"
LINEAR = LAYERS + r".*_proj\.weight"
EVERYTHING = ".*"


@dataclass(frozen=True)
class Extended:
    """A base, what was made of it, and texts; each recipe trains it once."""

    base: Path
    directory: Path
    corpus: Path
    held_out: Path
    settings: TrainingSettings
    done: dict[str, Pretraining] = field(default_factory=dict)

    def out(self, recipe: str) -> Path:
        return self.directory.with_name(recipe)

    def train(self, recipe: str) -> Pretraining:
        if recipe not in self.done:
            held_out = [f"ko={self.held_out}"] if recipe == "redwhale" else []
            self.done[recipe] = pretrain(
                self.directory, self.corpus, self.out(recipe), recipe=recipe, settings=self.settings, held_out=held_out
            )
        return self.done[recipe]


@pytest.fixture(scope="module", params=["demo", pytest.param("smollm2", marks=pytest.mark.resources)])
def extended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Extended:
    place = tmp_path_factory.mktemp(request.param)
    if request.param == "demo":
        base, corpus, held_out = DEMO / "base", DEMO / "text" / "corpus.ko.txt", DEMO / "text" / "held-out.ko.txt"
        size = 300
        settings = TrainingSettings(tokens=2048, length=32, batch_size=4, evaluate_every=1024, held_out_limit=40)
    else:
        resources = request.getfixturevalue("resources")
        base, texts = resources("smollm2"), resources("texts")
        corpus, held_out = texts / "docs.ko.txt", texts / "pydocs.ko.txt"
        size = 16_000
        settings = TrainingSettings(
            tokens=16_384,
            length=256,
            batch_size=2,
            evaluate_every=1024,
            log_every=2,
            held_out_limit=20,
            dtype=quick_type(),
        )
    vocabx.extend(base, corpus, place / "extended", size=size)
    return Extended(base, place / "extended", corpus, held_out, settings)


def quick_type() -> str:
    """bfloat16, but where the processor is slow in it."""
    said = list[str]()
    advise_on_type("bfloat16", None, said.append)
    return "float32" if said else "bfloat16"


def specification(directory: Path, name: str) -> tuple[list[int], str]:
    """Count what each stage trains, as its paper says, and name the tensors that may change, of a tied Llama."""
    config, plan = json.loads((directory / "config.json").read_text()), Manifest.load(directory).plan
    width, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    heads, shared = config["num_attention_heads"], config["num_key_value_heads"]
    head = config.get("head_dim") or width // heads
    linear = [(width, heads * head), (heads * head, width), *[(width, shared * head)] * 2, *[(width, inner)] * 3]
    layer = sum(a * b for a, b in linear) + 2 * width
    rows, new = plan.rows_after * width, plan.new * width

    def adapters(rank: int) -> int:
        return int(layers * rank * sum(a + b for a, b in linear))

    every = rows + layers * layer + width
    ends = "|".join(str(number) for number in (0, 1, layers - 2, layers - 1))
    return {
        "new-rows-only": ([new], ROWS),
        "embeddings-only": ([rows], ROWS),
        "frozen-body": ([rows, every], EVERYTHING),
        "redwhale": ([rows, layers // 2 * layer, layers // 2 * layer, adapters(64)], f"{ROWS}|{LAYERS}.*"),
        "eeve": ([new, rows, rows + adapters(64), adapters(64)], f"{ROWS}|{LINEAR}"),
        "2x2ls": ([2 * rows + 4 * layer + width], rf"{ROWS}|model\.layers\.({ends})\..*|{NORM}"),
        "lora": ([rows + adapters(8)], f"{ROWS}|{LINEAR}"),
        "full": ([every], EVERYTHING),
    }[name]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_trains_what_it_says_and_no_other_bit_changes(name: str, extended: Extended) -> None:
    out = extended.out(name)
    done = extended.train(name)
    counts, may_change = specification(extended.directory, name)
    assert [stage["trained"] for stage in done.record["stages"]] == counts
    before, after = open_checkpoint(extended.directory), open_checkpoint(out)
    assert before.tensors.keys() == after.tensors.keys()
    changed = {place for place in before.tensors if before.matrix(place).tobytes() != after.matrix(place).tobytes()}
    assert changed == set(done.changed)
    assert changed
    assert all(re.fullmatch(may_change, place) for place in changed), changed
    plan = Manifest.load(extended.directory).plan
    old = np.setdiff1d(np.arange(plan.rows_after), plan.new_ids)
    same = before.matrix(before.input)[old].tobytes() == after.matrix(after.input)[old].tobytes()
    assert same == (name == "new-rows-only")
    assert vocabx.verify(out, extended.base, after_training=True).passed


def test_text_costs_less_after_each_of_redwhale_s_stages(extended: Extended) -> None:
    done = extended.train("redwhale")
    ends = {point.stage: point.bits_per_byte["ko"] for point in done.points if point.bits_per_byte and point.step}
    costs = [done.points[0].bits_per_byte["ko"], *(ends[stage] for stage in (1, 2, 3, 4))]
    assert costs == sorted(costs, reverse=True), costs

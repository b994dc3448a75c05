"""Train a base and its extensions on for the same compute, and print what became of each (`docs/pretraining.md`).

What    Extends the base by each method with the same tokens, distils the rows of one of them, trains all on by one
        recipe, measures them, and prints a page; with `--picture` the curves too. All see the same text in the same
        order; the base spends more tokens on it, and an extension has a larger head.
From    A causal model, Korean text, held-out Korean and English text: the translated lines of LibreOffice's help, which
        `data_scripts/evaluate_models.py` writes.
Out     Models, their curves and results below `--out`; what is there is not made again, and a training that was
        stopped goes on. The page on standard output.
Time    40 minutes for two methods side by side, in processes with `--methods` and one core each (150,000 tokens of
        SmolLM2-135M), and 10 to measure; much less with `--dtype bfloat16` where the processor computes in that. Needs
        `pip install 'vocabx[train,report]'`.

    python data_scripts/pretrain_methods.py smollm2 --corpus docs.ko.txt --corpus pydocs.ko.txt \
        --held-out ko=translated.ko.txt --held-out en=translated.en.txt --out pretrained \
        --picture docs/pretraining.png > docs/pretraining.md
"""

from __future__ import annotations

import argparse
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vocabx.checkpoint import open_checkpoint
from vocabx.core.report import Table
from vocabx.distillation.settings import HIDDEN
from vocabx.manifest import FILE_NAME
from vocabx.picture import check_picture, save_picture
from vocabx.training.curve import Curve, Point
from vocabx.training.record import CURVE_FILE, RECORD_FILE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BASE, RANDOM = "base", "random"
DISTILLED = "+distilled"
METHODS = (BASE, RANDOM, "mean", "constituents", "constituents-scaled", "constituents+distilled")
MEASURED = 10
"""How often a training is measured on held-out text."""
MEASURING = ("--minimum-bytes", 60, "--limit", 200)
"""What is measured after training: so many of the texts that are no mere labels."""
RECIPE = """\
name = "everything-2e-4"
summary = "everything, with a learning rate for a short training"
source = "vocabx"

[[stages]]
name = "everything"
trains = ["everything"]
share = 1.0
learning_rate = 2e-4
"""
"""For all methods alike; the recipe `full` has a quarter of this rate, for trainings a thousand times as long."""
HEAD = """# Pretraining after an extension

A base and its extensions, trained on for the same compute; printed by
[`data_scripts/pretrain_methods.py`](../data_scripts/pretrain_methods.py).

![bits per byte against compute, and against text read](pretraining.png)

```bash
{command}
```

Trained on: {device}; {versions}. The corpus: {corpus}. Sequences of {length} tokens, {batch} in a step, AdamW with a
learning rate of 2e-4 that falls along a cosine, all parameters trained, seed {seed}.

*Compute* is counted and not timed: six operations for each token that is trained on and each entry of a matrix that it
goes through, attention itself left out. All methods have the compute of {tokens:,} tokens of an extension, whose head
is larger than the base's but which reads more text with them. A distillation is paid for out of it: two operations for
an entry and each token that the teacher reads, four for each that the student reads, as only rows are trained.
"""


@dataclass(frozen=True)
class Trained:
    """A model that was trained on, and how.

    Attributes
    ----------
    name : str
    operations : float
        For one token: six for each entry of a matrix that it goes through.
    spent : float
        Operations before training.
    points : list of Point
        Those at which held-out text was measured.
    """

    name: str
    operations: float
    spent: float
    points: list[Point]

    def compute(self, point: Point) -> float:
        """Operations until a point of the curve, in units of 10 to the 12."""
        return (self.spent + point.tokens * self.operations) / 1e12

    def reaches(self, label: str, value: float) -> float | None:
        """Return after what compute the bits per byte of a text are a value, between two points in a straight line."""
        before = self.points[0]
        for point in self.points:
            here, there = before.bits_per_byte[label], point.bits_per_byte[label]
            if there <= value:
                share = 1.0 if here == there else (here - value) / (here - there)
                return self.compute(before) + max(0.0, share) * (self.compute(point) - self.compute(before))
            before = point
        return None


def vocabx(*words: object) -> str:
    """Run a command and return what it prints; progress goes to standard error."""
    run = subprocess.run([sys.executable, "-m", "vocabx", *map(str, words)], stdout=subprocess.PIPE, text=True)
    if run.returncode:
        sys.exit(f"vocabx {words[0]} failed.")
    return run.stdout


def entries(directory: Path) -> tuple[int, int]:
    """Count the entries of all matrices but embeddings, and of the head's; rows that are looked up cost nothing."""
    checkpoint = open_checkpoint(directory)
    sizes = {name: math.prod(stored.entry.shape) for name, stored in checkpoint.tensors.items()}
    ends = {checkpoint.input, checkpoint.head or checkpoint.input}
    return sum(size for name, size in sizes.items() if name not in ends), sizes[checkpoint.head or checkpoint.input]


def records(directory: Path) -> list[dict[str, Any]]:
    """Return what vocabx says of the trainings of a model, those of an extension in its own file."""
    for file, runs in ((FILE_NAME, lambda found: found.get("training", [])), (RECORD_FILE, list)):
        if (directory / file).exists():
            found: list[dict[str, Any]] = runs(json.loads((directory / file).read_text("utf-8")))
            return found
    return []


def distilling(directory: Path) -> float:
    """Operations of a distillation, if there was one."""
    body, head = entries(directory)
    spent = 0.0
    for run in records(directory):
        settings = run["settings"]
        size = body if settings["objective"] == HIDDEN else body + head
        spent += size * settings["epochs"] * (2 * run["teacher_tokens"] + 4 * run["student_tokens"])
    return spent


def make_model(name: str, options: argparse.Namespace) -> Path:
    """Return the directory of a method's model before training."""
    if name == BASE:
        return Path(options.base)
    out = Path(options.out / "models" / name)
    if out.exists():
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    texts = repeated("--corpus", options.corpus)
    if name.endswith(DISTILLED):
        before = make_model(name.removesuffix(DISTILLED), options)
        how = ("--snippets", options.snippets, "--dtype", options.dtype, "--seed", options.seed)
        vocabx("distill", before, *texts, *how, "--out", out)
    else:
        how = ("--size", options.size, "--method", name, "--seed", options.seed)
        vocabx("extend", options.base, *texts, *how, "--out", out)
    return out


def repeated(option: str, values: Sequence[object]) -> list[object]:
    """Give an option with each of some values."""
    return [word for value in values for word in (option, value)]


def train(name: str, model: Path, tokens: int, options: argparse.Namespace) -> Path:
    """Train a model on, or go on with that, and return its directory."""
    out = Path(options.out / "trained" / name)
    recipe = options.out / "recipe.toml"
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        recipe.write_text(RECIPE)
        vocabx(
            *("pretrain", model, "--recipe", recipe, *repeated("--corpus", options.corpus), "--tokens", tokens),
            *(*repeated("--held-out", options.held_out), "--held-out-limit", options.held_out_limit),
            *("--length", options.length, "--batch-size", options.batch_size, "--evaluate-every", tokens // MEASURED),
            *("--seed", options.seed, "--dtype", options.dtype, "--out", out),
        )
    # The compute of all depends on the largest head, so on which methods were trained together.
    if (had := records(out)[-1]["settings"]["tokens"]) != tokens:
        sys.exit(f"{out} had {had:,} tokens, and with these methods it is to have {tokens:,}; remove it.")
    return out


def train_all(options: argparse.Namespace) -> list[Trained]:
    """Train each method for the same compute."""
    models = {name: make_model(name, options) for name in options.methods}
    costs = {name: 6.0 * sum(entries(model)) for name, model in models.items()}
    spent = {name: distilling(model) for name, model in models.items()}
    budget = options.tokens * max(costs.values())
    trained = []
    for name, model in models.items():
        if spent[name] >= budget:
            sys.exit(f"The distillation of {name} alone costs {spent[name] / budget:.0%} of the compute; give it less.")
        out = train(name, model, round((budget - spent[name]) / costs[name]), options)
        points = [point for point in Curve(out / CURVE_FILE).points() if point.bits_per_byte]
        trained.append(Trained(name, costs[name], spent[name], points))
    return trained


def curve_table(models: Sequence[Trained]) -> Table:
    """Say what was read, bits per byte before and after, and what it took to reach the end of random rows."""
    labels = list(models[0].points[0].bits_per_byte)
    random = next((model for model in models if model.name == RANDOM), None)
    columns = ["method", "operations, 10^12", "tokens", "MB read"]
    columns += [f"{label}, {when}" for label in labels for when in ("before", "after")]
    columns += ["compute to random's end"] if random else []
    rows = []
    for model in models:
        first, last = model.points[0], model.points[-1]
        cells = [model.name, f"{model.compute(last):.0f}", f"{last.tokens:,}", f"{last.bytes / 1e6:.2f}"]
        cells += [f"{point.bits_per_byte[label]:.3f}" for label in labels for point in (first, last)]
        if random is not None:
            reached = model.reaches(labels[0], random.points[-1].bits_per_byte[labels[0]])
            cells += ["never" if reached is None else f"{reached / random.compute(random.points[-1]):.0%}"]
        rows.append([*cells, f"{last.seconds / 60:.0f}"])
    return Table("", (*columns, "minutes"), rows)


def measure(kind: str, models: Sequence[Path], texts: Sequence[str], options: argparse.Namespace) -> str:
    """Measure all models, the first one as it was before training, and return the tables."""
    result = options.out / f"{kind}.json"
    if not result.exists() or measured_models(result) != [model.name for model in models]:
        result.unlink(missing_ok=True)
        vocabx("evaluate", kind, *models, *repeated("--text", texts), *MEASURING, "--out", result)
    return vocabx("report", result, "--markdown")


def measured_models(result: Path) -> list[str]:
    """Return the last parts of the names in a file of results: models of one name are told apart by their folders'."""
    return [Path(model["name"]).name for model in json.loads(result.read_text("utf-8"))["models"]]


def check_options(options: argparse.Namespace) -> None:
    """Stop where models below `--out` were made with other options, and note these."""
    file = options.out / "options.json"
    given = {name: value for name, value in vars(options).items() if name not in ("methods", "picture", "out")}
    wanted = json.loads(json.dumps(given, default=str))
    found = json.loads(file.read_text("utf-8")) if file.exists() else wanted
    if changed := [name for name in wanted if found.get(name) != wanted[name]]:
        sys.exit(f"{options.out} was made with other options ({', '.join(changed)}); give it another --out.")
    options.out.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(wanted, indent=1), "utf-8")


def page(models: Sequence[Trained], options: argparse.Namespace) -> Iterator[str]:
    """Yield the parts of the page."""
    record = records(options.out / "trained" / models[0].name)[-1]
    named = " ".join(re.sub(r"[^=]*/", "", word) for word in sys.argv[1:])
    yield HEAD.format(
        command=f"python data_scripts/pretrain_methods.py {named}",
        device=record["device"],
        versions=", ".join(f"{name} {version}" for name, version in record["versions"].items()),
        corpus=", ".join(f"{path.name}, {path.stat().st_size / 1e6:.1f} MB" for path in options.corpus),
        length=options.length,
        batch=options.batch_size,
        seed=options.seed,
        tokens=options.tokens,
    )
    yield "## While they were trained\n"
    yield f"Bits per byte of {options.held_out_limit} lines of each held-out text, which were drawn once.\n"
    yield curve_table(models).to_markdown()
    paths = [options.base, *(options.out / "trained" / model.name for model in models)]
    yield "\n## Afterwards\n"
    yield f"The first model is the base before training. From each text {MEASURING[3]} lines of at least 60 bytes.\n"
    yield measure("bits-per-byte", paths, options.held_out, options)
    yield measure("retention", paths, options.held_out[1:], options)


def draw(models: Sequence[Trained]) -> Figure:
    """Draw each held-out text against compute, and the first against the bytes that were read too."""
    from matplotlib.figure import Figure

    labels = list(models[0].points[0].bits_per_byte)
    figure = Figure(figsize=(5 * (len(labels) + 1), 4.2), layout="constrained")
    by_compute = [(label, "operations, 10^12", Trained.compute) for label in labels]
    panels: list[Any] = [*by_compute, (labels[0], "text read, MB", lambda _, point: point.bytes / 1e6)]
    for axes, (label, name, place) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for model in models:
            values = [point.bits_per_byte[label] for point in model.points]
            axes.plot([place(model, point) for point in model.points], values, marker=".", label=model.name)
        axes.set(xlabel=name, ylabel=f"{label}, bits per byte")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def main() -> None:
    """Read options, train, measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path)
    parser.add_argument("--corpus", type=Path, action="append", required=True)
    parser.add_argument("--held-out", action="append", required=True, metavar="LABEL=PATH", help="the target's first")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", default=METHODS, help="default: %(default)s")
    parser.add_argument("--size", type=int, default=16_000)
    parser.add_argument("--tokens", type=int, default=150_000)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--held-out-limit", type=int, default=100)
    parser.add_argument("--snippets", type=int, default=2000, help="those of a distillation; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    if len(options.held_out) < 2:
        parser.error("give two of --held-out: the target's, and the source's")
    if options.picture is not None:
        check_picture(options.picture, force=True)
    check_options(options)
    models = train_all(options)
    print("\n".join(page(models, options)))
    if options.picture is not None:
        save_picture(lambda: draw(models), options.picture, force=True)


if __name__ == "__main__":
    main()

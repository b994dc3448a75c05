"""Time and memory of writing a resized checkpoint, against copying the directory.

Builds a sharded checkpoint with the names and shapes of Llama 3 (bfloat16, untied, 128,256 rows), every byte drawn and
written, and takes medians of alternating runs, each a process of its own that ends with `sync`, and begins with none of
the checkpoint in the page cache. Ways: `cp -r --sparse=never`; the checkpoint stage alone; and, where Llama 3's
tokenizer is among the resources, the whole command `vocabx extend` with 16,000 ready-made tokens, stage by stage.

    python -m tests.benchmarks.benchmark_checkpoint
    python -m tests.benchmarks.benchmark_checkpoint --gigabytes 16 --directory /data
    python -m tests.benchmarks.benchmark_checkpoint --links 2 8 16 --directory /data
    python -m tests.benchmarks.benchmark_checkpoint --gigabytes 4 --peers --mergekit-python mergekit/bin/python

What follows `--` is given to `vocabx extend`, such as `-- --method mean` or `-- --dtype float32`. `--links` measures
`--shards hardlink` at several sizes, and `--peers` what loads the model. All that was written is removed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.benchmarks import checkpoint_ways
from tests.benchmarks.checkpoint_inputs import (
    build_checkpoint,
    build_corpus,
    build_donor,
    build_tokenizer,
    dimensions_of,
)
from tests.benchmarks.checkpoint_ways import NEW_ROWS, Run
from tests.benchmarks.initializer_inputs import KOREAN, LLAMA3
from vocabx.core.report import Table

NARROW = 512
LINKED_SHARD = 1_250_000_000
"""Of one size at every size of the model, as publishers have it: then those with rows of tokens are no larger."""
Way = Callable[[Path, Path], Run]

COPY = "cp -r and sync"
STAGE = "checkpoint stage and sync"
COMMAND = "vocabx extend and sync"


def drop_cache(source: Path) -> None:
    """Have the system forget the pages of a model's files, and no others: programs stay as warm as they are."""
    os.sync()
    for path in source.glob("*.safetensors"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(ways: Mapping[str, Way], source: Path, target: Path, runs: int, keep_cache: bool) -> dict[str, list[Run]]:
    """Run all ways in turn, as often as asked for."""
    taken: dict[str, list[Run]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            if not keep_cache:
                drop_cache(source)
            taken[name].append(way(source, target))
            shutil.rmtree(target)
    size = sum(file.stat().st_size for file in source.glob("*.safetensors"))
    print(f"checkpoint: {size / 1e9:.2f} GB in {len(list(source.glob('*.safetensors')))} shards")
    print(f"page cache: {'the source may be in it' if keep_cache else 'without the source, before every run'}\n")
    return taken


def median(runs: Sequence[Run]) -> float:
    """Return the median of the seconds."""
    return statistics.median(run.seconds for run in runs)


def show(taken: Mapping[str, Sequence[Run]]) -> None:
    """Print the medians, against those of the copy, and where the command spends its time."""
    copy = median(taken[COPY])
    columns = ("way", "seconds", "all runs", "of the copy", "anonymous peak, MB")
    rows = [
        (
            name,
            round(median(runs), 2),
            " ".join(f"{run.seconds:.2f}" for run in runs),
            round(median(runs) / copy, 2),
            round(max(run.anonymous for run in runs) / 1e6),
        )
        for name, runs in taken.items()
    ]
    print(Table("medians", columns, rows).to_text(), end="\n\n")
    for name, runs in taken.items():
        if stages := list(_stages(runs)):
            print(Table(f"{name}, by stage (medians)", ("stage", "seconds"), stages).to_text(), end="\n\n")


def _stages(runs: Sequence[Run]) -> Iterator[tuple[str, float]]:
    """Yield the medians of the stages, and of what lies around them: starting, publishing, `sync`."""
    if not all(run.stages for run in runs):
        return
    for name in runs[0].stages:
        yield name, round(statistics.median(run.stages[name] for run in runs), 2)
    yield "around these", round(statistics.median(run.seconds - sum(run.stages.values()) for run in runs), 2)
    checkpoint = statistics.median(run.seconds - run.stages["checkpoint"] for run in runs)
    yield "all but the checkpoint", round(checkpoint, 2)


def extending(folder: Path, more: Sequence[str]) -> Way:
    """Prepare what the command reads besides the base."""
    if not (folder / "tokenizer").exists():
        build_tokenizer(folder / "tokenizer", NEW_ROWS)
        build_corpus(folder / "corpus.txt")

    def way(source: Path, target: Path) -> Run:
        return checkpoint_ways.extend(source, target, folder / "corpus.txt", folder / "tokenizer", *more)

    return way


def compare(folder: Path, options: argparse.Namespace) -> None:
    """Build one checkpoint and run all ways that there are."""
    source, width = folder / "source", options.dimensions or dimensions_of(options.gigabytes)
    build_checkpoint(source, options.gigabytes, width)
    ways: dict[str, Way] = {COPY: checkpoint_ways.copy, STAGE: checkpoint_ways.stage}
    if resources():
        ways[COMMAND] = extending(folder, options.more)
    if options.peers:
        ways["load, resize, save (transformers)"] = checkpoint_ways.transformers
    if options.mergekit_python and resources():
        # It takes tokens from a model only, so there is a narrow one with those that the command adds.
        checkpoint_ways.extend_tokenizer(source, folder / "extended", folder / "corpus.txt", folder / "tokenizer")
        build_donor(folder / "donor", folder / "extended", NARROW)
        python = options.mergekit_python
        ways["mergekit-tokensurgeon, mean"] = partial(checkpoint_ways.surgeon, donor=folder / "donor", python=python)
    show(measure(ways, source, folder / "target", options.runs, options.keep_cache))


def compare_links(folder: Path, options: argparse.Namespace) -> None:
    """Run the command with hard links at several sizes of the same width."""
    width = options.dimensions or dimensions_of(max(options.links))
    for gigabytes in options.links:
        source = folder / "source"
        build_checkpoint(source, gigabytes, width, LINKED_SHARD)
        way = extending(folder, [*options.more, "--shards", "hardlink"])
        ways: dict[str, Way] = {COPY: checkpoint_ways.copy, f"{COMMAND}, hard links": way}
        show(measure(ways, source, folder / "target", options.runs, options.keep_cache))
        shutil.rmtree(source)


def resources() -> bool:
    """Whether the tokenizer and the text are there."""
    return LLAMA3.is_dir() and KOREAN.is_file()


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of the checkpoint (default 1)")
    parser.add_argument("--dimensions", type=int, help="width of a row (default 4096 from 3 GB on, else 1024)")
    parser.add_argument("--directory", type=Path, help="where to work; needs three times the size (default: TMPDIR)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each way (default 3)")
    parser.add_argument("--keep-cache", action="store_true", help="let the checkpoint stay in the page cache")
    parser.add_argument("--links", type=float, nargs="+", metavar="GIGABYTES", help="sizes to hard-link at")
    parser.add_argument("--peers", action="store_true", help="also load the model with transformers")
    parser.add_argument("--mergekit-python", type=Path, help="an interpreter with mergekit, to run tokensurgeon with")
    parser.add_argument("more", nargs="*", help="options of `vocabx extend`, after --")
    options = parser.parse_args()
    if options.links and not resources():
        parser.error(f"--links runs the whole command, which needs {LLAMA3} and {KOREAN}")
    if options.directory:
        options.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        (compare_links if options.links else compare)(Path(folder), options)


if __name__ == "__main__":
    main()

"""Compare all methods on SmolLM2 and Korean, as the README reports it.

What    Runs `vocabx compare` several times, once for each set of materials, since a comparison has one donor and one
        encoder, and prints what it measured as one Markdown table for each part:
        `extension`    16,000 Korean tokens, right after the change and after 50 steps of 256 tokens, with one seed;
        `seeds`        the best of these and the mean with three seeds;
        `untied`       the extension of the model that `untie_model.py` makes of it;
        `replacement`  a Korean tokenizer swapped in, made by
                       `vocabx tokenizer train --corpus docs.ko.txt --corpus pydocs.ko.txt --size 16000 --like smollm2`.
From    A folder with models (smollm2, gemma3, e5), texts and help-texts; a dictionary; optionally an encoder and the
        word vectors that `encode_words.py` makes with it.
Out     Tables on standard output. Each measurement is kept below --out, so that a rerun measures what is missing.
Time    Two hours on two CPU cores with bfloat16 instructions; half of that is training vectors and the probe.
        Needs torch (`pip install vocabx[torch]`).

    python data_scripts/compare_methods.py RESOURCES --dictionary korean.txt --out comparison --part extension
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FREE = (
    "constituents,constituents-scaled,constituents-length,constituents-position,eeve,merge,align,trans-tokenization,"
    "trans-tokenization:constituents=0.9,ramen,mean,hewitt,multivariate,univariate,random,convex-random,downey"
)
WORDS = "focus,focus:centre=yes,wechsel,wechsel:how=incidence,tokalign,cw2v,cw2v:text=plain"
DONOR = "clp-plus:compose=yes,donor-neighbours"
BEST = "constituents,constituents-scaled,align,align:scale=1.1,merge,constituents-length,mean"
UNTIED = (
    "constituents,constituents-scaled,constituents-length,constituents-position,eeve,align,trans-tokenization,ramen,"
    "cw2v,mean,multivariate,univariate,random"
)
PROBE = ("--steps", 50, "--tokens-per-step", 256)
LANGUAGES = ("target", "source")


@dataclass(frozen=True)
class Run:
    """One comparison: methods that need the same materials, which `mark` tells apart where they have one name."""

    methods: str
    materials: Sequence[object] = ()
    mark: str = ""


@dataclass(frozen=True)
class Part:
    """Comparisons that are printed as one table."""

    runs: Sequence[Run]
    options: Sequence[object]
    base: Path


@dataclass(frozen=True)
class Inputs:
    """Where everything is."""

    resources: Path
    dictionary: Path
    untied: Path | None
    tokenizer: Path | None
    encoder: str | None
    vectors: Path | None

    @property
    def corpora(self) -> list[object]:
        """Target text."""
        texts = self.resources / "texts"
        return ["--corpus", texts / "docs.ko.txt", "--corpus", texts / "pydocs.ko.txt"]

    @property
    def common(self) -> list[object]:
        """What is measured on, and materials that all comparisons share."""
        texts, held_out = self.resources / "texts", self.resources / "help-texts"
        return [
            *("--held-out", held_out / "help.ko.txt", "--held-out-source", held_out / "help.en-us.txt"),
            *("--dtype", "bfloat16", "--dictionary", self.dictionary, "--source-corpus", texts / "pydocs.en.txt"),
            *("--parallel", texts / "pydocs.en.txt", texts / "pydocs.ko.txt"),
        ]

    def runs(self) -> list[Run]:
        """Return one run for each set of materials that is there."""
        runs = [
            Run(FREE),
            Run(WORDS),
            Run(f"clp,clp-plus,omp,{DONOR}", ["--donor", self.resources / "gemma3"], "Gemma 3"),
            Run(DONOR, ["--donor", self.resources / "e5"], "e5"),
        ]
        if self.encoder is not None:
            named = "encoder-neighbours,encoder-neighbours:centre=yes"
            runs.append(Run(named, ["--encoder", self.encoder], self.encoder.rpartition(":")[2]))
        if self.vectors is not None:
            runs.append(Run("ofa", ["--vectors", self.vectors], self.vectors.stem))
        return runs

    def part(self, name: str) -> Part:
        """Return what a part compares."""
        smollm2 = self.resources / "smollm2"
        grown = [*self.corpora, "--size", 16_000, "--greedy", 50]
        match name:
            case "extension":
                return Part(self.runs(), [*grown, *PROBE, "--seeds", 1], smollm2)
            case "seeds":
                return Part([Run(BEST)], [*grown, *PROBE, "--seeds", 3], smollm2)
            case "untied" if self.untied is not None:
                return Part([Run(UNTIED)], grown, self.untied)
            case "replacement" if self.tokenizer is not None:
                return Part(self.runs(), [*self.corpora, "--tokenizer", self.tokenizer], smollm2)
        raise SystemExit(f"The part {name} needs a model or tokenizer of its own: see --help.")


def compare(part: Part, run: Run, common: Sequence[object], out: Path) -> dict[str, Any]:
    """Run `vocabx compare` and return what it says."""
    options = [*part.options, *common, *run.materials, "--methods", run.methods, "--out", out, "--json"]
    command = [sys.executable, "-m", "vocabx", "compare", part.base, *options]
    done = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def labelled(run: Run, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Name the materials beside the method."""
    return [row | {"method": f"{row['method']} ({run.mark})" if run.mark else row["method"]} for row in rows]


def markdown(
    base: dict[str, Any], rows: Sequence[dict[str, Any]], trained: Sequence[dict[str, Any]] = ()
) -> Iterator[str]:
    """Yield the lines of a table, best first."""
    after = {row["method"]: row for row in trained}
    has_flips = any(row["greedy"] for row in rows)
    has_spread = any(row["spread"] is not None for row in trained)
    columns = ["method", *LANGUAGES, "source minus base"]
    columns += ["flips"] if has_flips else []
    columns += ["target, trained", "source minus base, trained"] if trained else []
    columns += ["sd of seeds"] if has_spread else []
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for row in [base, *sorted(rows, key=lambda row: float(row["target"]["estimate"]))]:
        cells = [row["method"], *(interval(row[language]) for language in LANGUAGES), difference(row)]
        cells += [f"{row['greedy']['flips']:,}" if row["greedy"] else "-"] if has_flips else []
        later = after.get(row["method"])
        cells += [interval(later["target"]) if later else "-", difference(later)] if trained else []
        cells += [f"{later['spread']:.4f}" if later else "-"] if has_spread else []
        yield f"| {' | '.join(cells)} |"


def difference(row: dict[str, Any] | None) -> str:
    """Spell how much worse the source language is than in the base."""
    minus = row["minus_base"] if row else None
    return f"{minus['estimate']:+.4f}" if minus else "-"


def interval(value: dict[str, float]) -> str:
    """Spell an estimate and its interval."""
    return f"{value['estimate']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


def main() -> None:
    """Read options, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("extension", "seeds", "untied", "replacement")
    parser.add_argument("resources", type=Path)
    parser.add_argument("--dictionary", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--part", action="append", choices=parts, required=True)
    parser.add_argument("--untied", type=Path, help="for the part of that name")
    parser.add_argument("--tokenizer", type=Path, help="for the part replacement")
    parser.add_argument("--encoder", metavar="MODULE:NAME", help="for encoder-neighbours")
    parser.add_argument("--vectors", type=Path, help="for ofa")
    options = parser.parse_args()
    inputs = Inputs(
        options.resources, options.dictionary, options.untied, options.tokenizer, options.encoder, options.vectors
    )
    for name in options.part:
        part = inputs.part(name)
        said = [(run, compare(part, run, inputs.common, options.out)) for run in part.runs]
        rows, trained = ([row for run, one in said for row in labelled(run, one[at])] for at in ("methods", "trained"))
        print(f"\n{name}\n")
        print("\n".join(markdown(said[0][1]["base"], rows, trained)))


if __name__ == "__main__":
    main()

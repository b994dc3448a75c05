"""Run every evaluation on a base and what was made of it, and print the tables as a page.

What    One result file for each evaluation in `--out`; those that are there already are not measured again. Then the
        page on standard output: the commands, and what `vocabx report` says of each result.
From    Causal models, the base first; the Korean and English sides of LibreOffice's help as line-aligned text; the dev
        files of KoBEST (CC BY-SA 4.0) and of XNLI in English, Korean and Swahili (CC BY-NC, CC BY-SA). With
        `--encoders` encoders too, the base first, for XNLI by fine-tuning and for retrieval.
Time    About two hours for SmolLM2-135M, an extension of it and Gemma 3 270M on two CPU cores, and an hour for two
        encoders of 118 million parameters. Needs `pip install 'vocabx[eval]'`.

    python data_scripts/evaluate_models.py smollm2 smollm2-ko gemma3 --encoders e5 e5-sw --help-texts help-texts \
        --kobest kobest --xnli xnli --out results > docs/evaluations.md
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

HEAD = """# Evaluations

Every `vocabx evaluate` on a base and what was made of it, printed by
[`data_scripts/evaluate_models.py`](../data_scripts/evaluate_models.py); what the columns and metrics mean is under each
table. The first model is what the others are compared with. Models below a billion parameters answer KoBEST and XNLI
near the floor, so a difference there says little; bits per byte, tokens and retention are what to read first.

![the main metric of each](evaluations.png)
"""
KOREAN, ENGLISH = "{texts}/translated.ko.txt", "{texts}/translated.en.txt"
TEXTS = f"--text ko={KOREAN} --text en={ENGLISH} --minimum-bytes 60 --limit 200"
XNLI = "{xnli}/xnli.dev"
HARNESS = "--split dev --limit 200 --dtype bfloat16"
PRETRAINED: Mapping[str, str] = {
    "fertility": f"fertility {{models}} {TEXTS}",
    "bits-per-byte": f"bits-per-byte {{models}} {TEXTS}",
    "retention": f"retention {{models}} --text en={ENGLISH} --minimum-bytes 60 --limit 200",
    "speed": f"speed {{models}} --text {KOREAN} --limit 20 --batch-size 5 --dtype bfloat16",
    "translate": f"translate {{models}} --source {ENGLISH} --target {KOREAN} --languages en,ko --few-shot 3 --limit 50 "
    "--dtype bfloat16",
    "kobest": f"kobest {{models}} --data {{kobest}} {HARNESS}",
    "xnli": f"xnli {{models}} --languages en,ko,sw --data {{xnli}} {HARNESS}",
}
"""For each evaluation of causal models its command, with places for what is given."""
ENCODERS: Mapping[str, str] = {
    "xnli-finetune": f"xnli --finetune {{encoders}} --train en={XNLI}.en.tsv --test sw={XNLI}.sw.tsv "
    f"--test en={XNLI}.en.tsv --folds 3 --seeds 1 --epochs 3 --learning-rate 1e-4 --frozen-embeddings --max-length 96 "
    "--dtype bfloat16",
    "retrieval": f"retrieval {{encoders}} --source {XNLI}.en.tsv --target {XNLI}.sw.tsv --column sentence1 --limit 500",
}
"""The same for encoders."""


def main() -> None:
    """Parse the options, measure what is missing, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, help="causal models, the base first")
    for name, what in (
        ("help-texts", "LibreOffice's help"),
        ("kobest", "KoBEST"),
        ("xnli", "XNLI"),
        ("out", "results"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=f"folder of {what}")
    parser.add_argument("--encoders", nargs="+", type=Path, default=[], help="encoders, the base first")
    parser.add_argument("--only", nargs="+", choices=[*PRETRAINED, *ENCODERS], help="leave out all others")
    options = parser.parse_args()
    commands = {**PRETRAINED, **(ENCODERS if options.encoders else {})}
    print(HEAD)
    keep_translated(options.help_texts, options.out)
    for name, command in commands.items():
        if options.only is None or name in options.only:
            print("\n".join(page_part(name, command, options)))


def keep_translated(help_texts: Path, out: Path) -> None:
    """Write the lines that are translated, in both languages; the others are English in both."""
    sides = [(help_texts / f"help.{code}.txt").read_text("utf-8").split("\n") for code in ("ko", "en-us")]
    pairs = [pair for pair in zip(*sides, strict=True) if pair[0] != pair[1]]
    out.mkdir(parents=True, exist_ok=True)
    for code, lines in zip(("ko", "en"), zip(*pairs, strict=True), strict=True):
        (out / f"translated.{code}.txt").write_text("\n".join(lines) + "\n", "utf-8")


def page_part(name: str, command: str, options: argparse.Namespace) -> list[str]:
    """Measure, unless it was done before, and return the lines that say how and what."""
    result = options.out / f"{name}.json"
    places = {"texts": options.out, "kobest": options.kobest, "xnli": options.xnli}
    models = {"models": options.models, "encoders": options.encoders}
    spelt = {kind: " ".join(map(str, paths)) for kind, paths in models.items()}
    if not result.exists():
        vocabx("evaluate", *command.format(**places, **spelt).split(), "--out", str(result))
    named = {kind: " ".join(path.name for path in paths) for kind, paths in models.items()}
    short = command.format(**{kind: path.name for kind, path in places.items()}, **named)
    return [
        f"## {name}",
        "",
        "```bash",
        f"vocabx evaluate {short}",
        "```",
        "",
        vocabx("report", str(result), "--markdown"),
    ]


def vocabx(*arguments: str) -> str:
    """Run a command and return what it prints; progress goes to standard error."""
    run = subprocess.run([sys.executable, "-m", "vocabx", *arguments], stdout=subprocess.PIPE, text=True)
    if run.returncode:
        sys.exit(f"vocabx {arguments[0]} {arguments[1]} failed.")
    return run.stdout


if __name__ == "__main__":
    main()

r"""Make a clean corpus of raw text: sampled, filtered, without duplicates and evaluation sets, in shards.

What    Takes documents through the stages of a profile, in this order, each of which may be off: sample, Unicode normal
        form, rules of lines, Gopher's repetition and quality, C4, FineWeb, script, language identification, exact and
        near duplicates (MinHash), perplexity (bits per byte under a model), decontamination. The order is RedWhale's
        (arXiv 2408.11294), which names no thresholds: a profile says whose its own are, and all are in the YAML file.
From    `.txt`, `.jsonl` and `.parquet` files, compressed or not, folders of these, `.warc` and `.wet` archives,
        datasets of the hub (`hub:NAME`, `hub:NAME#CONFIG`), and addresses (http, s3) of such files.
Out     A folder of `.jsonl.zst` or Parquet shards, which `vocabx extend --corpus` and `vocabx pretrain --corpus` read,
        and `report.json`: documents and bytes of each stage, reasons, seconds, settings. It appears when it is
        complete; until then the work is in OUT.unfinished, and the same command goes on with it.
Time    With the profile `korean`, 300 documents of 1.4 kB a second on one core, half of which goes to repetition and
        language; with a model for perplexity, as long as that takes to read the text.
        Needs `pip install 'vocabx[data]'`.

    python data_scripts/prepare_corpus.py raw/*.jsonl.zst --profile korean --out corpus \
        --set 'decontaminate.against=[data/kobest, data/xnli]' --set perplexity.model=smollm2 --set perplexity.most=2.5
    python data_scripts/prepare_corpus.py hub:HuggingFaceFW/fineweb-2#kor_Hang --profile korean --out corpus \
        --executor slurm --tasks 500 --set slurm.partition=cpu --dry-run
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus_pipeline.profile import PROFILES, Profile, find_profile

from vocabx.core.errors import InputError, MissingExtraError, VocabxError
from vocabx.core.report import Report, Table

if TYPE_CHECKING:
    from corpus_pipeline.account import Account
    from corpus_pipeline.execution import Place
    from corpus_pipeline.folder import Folder
    from corpus_pipeline.phases import Phase

TASKS = 8


def prepare(
    inputs: Sequence[str],
    profile: Profile,
    out: Path,
    *,
    executor: str = "local",
    tasks: int = TASKS,
    workers: int | None = None,
    dry_run: bool = False,
) -> Report:
    """Run the stages of a profile, or say what would be run; return what there is to say."""
    if importlib.util.find_spec("datatrove") is None:
        raise MissingExtraError("Preparing a corpus", "data")
    from corpus_pipeline.execution import Place, check_place, phase_is_complete, processors, run_phases, silence
    from corpus_pipeline.folder import Folder

    silence()
    if tasks < 1:
        raise InputError(f"--tasks is {tasks}; it must be at least 1.")
    folder = Folder(out.absolute())
    if workers is None:
        workers = tasks if executor == "slurm" else processors()
    place = Place(executor, workers, folder.logs)
    settings, phases = lay_out(inputs, profile, folder, tasks, executor)
    check_models(phases)
    if dry_run:
        return describe(phases, profile, folder, place)
    check_place(profile, place, max(phase.tasks for phase in phases))
    begin(folder, settings, profile)
    lacking = sum(not phase_is_complete(phase, place.logs) for phase in phases)
    try:
        is_done = run_phases(phases, profile, place, say)
    except VocabxError:
        if all(phase_is_complete(phase, place.logs) for phase in phases[:-1]):
            give_up(phases, profile, folder, settings)
        raise
    if not is_done:
        return Report(
            f"{lacking} jobs are submitted; {out} appears when the last one has ended, and their logs stay in "
            f"{folder.unfinished}."
        )
    advise(phases, profile, folder, settings)
    folder.clean()
    return read_report(out)


def say(message: str) -> None:
    """Print what goes on where results are not."""
    print(message, file=sys.stderr)


def advise(phases: Sequence[Phase], profile: Profile, folder: Folder, settings: Mapping[str, Any]) -> Account:
    """Say what may help where lines were too short to be documents; return the account of all phases."""
    from corpus_pipeline.account import read_account
    from corpus_pipeline.advice import advise_on_lines

    account = read_account(phases[:-1], folder.logs)
    advice = advise_on_lines(profile.read, (name for name, _ in settings["inputs"]), account)
    if advice:
        say(advice)
    return account


def give_up(phases: Sequence[Phase], profile: Profile, folder: Folder, settings: Mapping[str, Any]) -> None:
    """Take the work away where no document is left: the same command would come to the same end."""
    if not advise(phases, profile, folder, settings).last.documents:
        folder.clean()


def lay_out(
    inputs: Sequence[str], profile: Profile, folder: Folder, tasks: int, executor: str
) -> tuple[dict[str, Any], list[Phase]]:
    """Return the settings that decide the result, and the phases that come to it."""
    from corpus_pipeline.folder import FINISH, Finish
    from corpus_pipeline.phases import Phase, plan_phases
    from corpus_pipeline.reading import describe_inputs, open_inputs, reading_steps

    corpus = open_inputs(inputs, profile.read)
    phases = plan_phases(profile, reading_steps(inputs, corpus, profile.read), folder.unfinished, tasks)
    settings = {"profile": profile.settings(), "inputs": describe_inputs(inputs, corpus), "tasks": tasks}
    facts = {**settings, "executor": executor, "datatrove": importlib.metadata.version("datatrove")}
    return settings, [*phases, Phase(FINISH, "write", [Finish(folder, phases, facts)], 1)]


def check_models(phases: Sequence[Phase]) -> None:
    """Let each step that opens a model try that before the work."""
    for phase in phases:
        for step in phase.steps:
            if hasattr(step, "check"):
                step.check()


def begin(folder: Folder, settings: Mapping[str, Any], profile: Profile) -> None:
    """Begin, or go on; evaluation sets are read once, so that every task and every later run looks for the same."""
    from corpus_pipeline.phases import INDEX

    folder.check(settings)
    stage, file = profile.decontaminate, folder.unfinished / INDEX
    if stage is None or file.exists():
        folder.begin(settings)
        return
    from corpus_pipeline.decontamination import READERS, build_index, evaluation_texts, save_index, unread_files

    if unread := unread_files(stage.against):
        say(f"decontaminate reads {', '.join(READERS)}, and passes over {', '.join(map(str, unread))}.")
    index = build_index(evaluation_texts(stage.against), stage)
    folder.begin(settings)
    save_index(file, index)


def describe(phases: Sequence[Phase], profile: Profile, folder: Folder, place: Place) -> Report:
    """Say what would be run, and leave nothing behind."""
    from corpus_pipeline.execution import describe_slurm

    is_new = not folder.unfinished.exists()
    scripts = describe_slurm(phases, profile, place) if place.executor == "slurm" else []
    if is_new:
        shutil.rmtree(folder.unfinished, ignore_errors=True)
    rows = [(phase.name, phase.tasks, "; ".join(map(step_name, phase.steps))) for phase in phases]
    return Report("", {}, [Table("", ("phase", "tasks", "steps"), rows)], scripts)


def step_name(step: Any) -> str:
    """Name a step; datatrove puts pictures before its own names."""
    return str(step.name).encode("ascii", "ignore").decode().strip()


def read_report(out: Path) -> Report:
    """Show the report of a finished corpus."""
    from corpus_pipeline.account import Account, StageAccount, tabulate
    from corpus_pipeline.folder import REPORT

    content = json.loads((out / REPORT).read_text("utf-8"))
    account = Account([StageAccount(**stage) for stage in content["stages"]])
    first, last, wall = account.stages[0], account.last, content["wall_seconds"]
    return tabulate(
        account,
        {
            "profile": content["profile"]["name"],
            "seconds from begin to end": round(wall, 1),
            "documents/s": round(first.documents / wall, 1),
            "MB/s": round(first.bytes / wall / 1e6, 2),
            "kept of documents": last.documents / first.documents,
            "kept of bytes": last.bytes / first.bytes,
        },
    )


def parse() -> argparse.Namespace:
    """Describe and read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="files, folders, patterns, addresses, hub:DATASET")
    names = ", ".join(sorted(path.stem for path in PROFILES.glob("*.yaml")))
    parser.add_argument("--profile", default="generic", help=f"{names}, or a YAML file (default: %(default)s)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="STAGE.OPTION=VALUE", help="or STAGE=on, STAGE=off"
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    parser.add_argument("--executor", default="local", help="local, slurm or ray (default: %(default)s)")
    parser.add_argument("--tasks", type=int, default=TASKS, help="parts, and shards at most (default: %(default)s)")
    parser.add_argument("--workers", type=int, help="tasks at a time (default: the cores; on Slurm all)")
    parser.add_argument("--dry-run", action="store_true", help="print what would be run or submitted, and stop")
    parser.add_argument("--json", action="store_true", help="print the report as data")
    return parser.parse_args()


def main() -> None:
    """Parse the command line, prepare, and print."""
    options = parse()
    try:
        profile = find_profile(options.profile, options.set)
        report = prepare(
            options.inputs,
            profile,
            options.out,
            executor=options.executor,
            tasks=options.tasks,
            workers=options.workers,
            dry_run=options.dry_run,
        )
        is_there = options.json and not options.dry_run and (options.out / "report.json").is_file()
        print((options.out / "report.json").read_text("utf-8") if is_there else report.to_text())
    except VocabxError as error:
        raise SystemExit(f"Error: {error}") from error


if __name__ == "__main__":
    main()

"""`pretrain`: a model directory trained on by a recipe, into a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from vocabx import __version__
from vocabx.card import check_languages
from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.checkpoint.staging.atomic import open_staging
from vocabx.conversation import open_chat
from vocabx.core.corpus import Texts
from vocabx.core.say import Say, say_nothing
from vocabx.core.setting_types import as_path
from vocabx.eval.decoder import advise_on_type
from vocabx.evaluation.context import describe_device, installed, own_commit
from vocabx.output import check_place
from vocabx.training.curve import Point
from vocabx.training.held_out import HeldOut
from vocabx.training.model.loading import load_model, require_training
from vocabx.training.model.output import write_trained
from vocabx.training.places import check_cache, check_output, check_replaced, stage_place
from vocabx.training.processes import first_of_all, is_first, only_first, process_count, start, wait
from vocabx.training.recipes.recipe import Recipe
from vocabx.training.record import CURVE_FILE, save_record
from vocabx.training.request import TrainingRequest, open_request
from vocabx.training.run import Run, TrainedStage
from vocabx.training.run_state import RunState, locked_state
from vocabx.training.settings import TrainingSettings
from vocabx.training.stage.preparation import merge_stages, prepare_stage
from vocabx.training.steps import plan_steps
from vocabx.training.text import Stores, check_ids, collate, open_stores, order_sequences, sequence_length
from vocabx.training.watching import Watch

__all__ = ["DEFAULT_RECIPE", "Pretraining", "pretrain"]

DEFAULT_RECIPE = "redwhale"
LOGS = "runs"
"""Where the hub looks for TensorBoard's files."""


@dataclass(frozen=True)
class Pretraining:
    """What became of a pretraining.

    Attributes
    ----------
    record : mapping
        What the output's files say of it.
    points : tuple of Point
        The curve.
    changed : tuple of str
        Names of the stored tensors that are not what they were.
    """

    record: dict[str, Any]
    points: tuple[Point, ...] = field(repr=False)
    changed: tuple[str, ...] = field(repr=False)


def pretrain(
    model: str | Path,
    corpus: Texts,
    out: str | Path,
    *,
    recipe: str | Path | Recipe = DEFAULT_RECIPE,
    settings: TrainingSettings = TrainingSettings(),  # noqa: B008  frozen
    replay: Texts | None = None,
    held_out: Sequence[str] = (),
    unit: str = "line",
    text_field: str = "text",
    cache: str | Path | None = None,
    force: bool = False,
    languages: Sequence[str] = (),
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    say: Say = say_nothing,
) -> Pretraining:
    """Train a model on, and write it as an ordinary directory.

    Parameters
    ----------
    model : str or Path
        A model directory or a hub id, as a rule what `extend` wrote; it is never changed.
    corpus : path, pattern, or several
        Target-language text.
    out : str or Path
        The directory to write; it appears whole or not at all.
    recipe : str, Path or Recipe
        A name of `RECIPES`, or a TOML file.
    settings : TrainingSettings
    replay : path, pattern, or several
        Source-language text, of which `settings.replay_share` of the sequences are.
    held_out : sequence of str
        ``[LABEL=]PATH`` each: documents to measure bits per byte on, before, in between and at the end.
    unit : {"line", "paragraph", "file"}
        What a document of a plain text file is.
    text_field : str
        Where JSONL and Parquet keep the text.
    cache : str or Path, optional
        Keep the tokens here, and use those that are there: of one corpus, and the text replayed with it.
    force : bool
        Replace an `out` that vocabx wrote earlier, and models after stages, and give up a run that was begun otherwise.
    languages : sequence of str
        Codes for the model card; without any, those of the model's own card.
    hub : HubOptions
        How a hub id is looked up.
    say : callable
        Hears what goes on.

    Raises
    ------
    VocabxError
        With one sentence about what is wrong with the model, a text, the recipe, a setting or the disk; also when the
        loss is not finite any more, after which the last saved state is kept.

    Notes
    -----
    Parameters are trained in float32 by AdamW of `transformers.Trainer`, and stored in the type that each tensor had.
    Until the output is written, a hidden folder beside it holds the state, and the same call goes on from there: with
    the same text, and to the same numbers.
    """
    require_training()
    start(settings.cpu)
    check_languages(languages)
    place, kept = as_path("out", out), None if cache is None else as_path("cache", cache)
    directory = resolve_model(model, hub=hub)
    check_output(place, force, directory)
    check_cache(kept, place, directory)
    request = open_request(model, directory, corpus, recipe, settings, replay, held_out, unit, text_field, kept)
    check_place(place, request.files)
    say = only_first(say)
    with locked_state(place, is_first=is_first()) as state:
        decided = request.deciding(process_count())
        if is_first():
            state.check(decided, force)
        wait()
        finish = partial(_write, place, force, languages, say)
        run, stores = _plan(request, state, say, finish)
        if settings.keep_stages:
            for number in range(1, len(run.stages)):
                check_output(stage_place(place, number), force or state.has_kept(number), directory)
                check_place(stage_place(place, number), request.files)
        if is_first():
            state.begin(decided, say)
        wait()
        done = run.carry_out()
        record = _record(run, stores, done)
        changed = finish(run, record) if is_first() else ()
        points = tuple(state.curve.points())
        wait()
        if is_first():
            state.remove()
    return Pretraining({**record, "changed": list(changed)}, points, changed)


def _plan(request: TrainingRequest, state: RunState, say: Say, finish: Any) -> tuple[Run, Stores]:
    """Open model and text, and see to it that every stage can be carried out."""
    tokenizer = open_chat(request.directory)
    say(f"opening {request.name}")
    advise_on_type(request.settings.dtype, "cpu" if request.settings.cpu else None, say)
    reload = partial(load_model, request.directory, request.objective)
    loaded = reload()
    stages = merge_stages(request.recipe, loaded.model)
    for stage in stages:
        prepare_stage(loaded.model, stage, request.new_ids).finish()  # refuses what the model lacks
    collator = collate(request, loaded.model, say)
    with first_of_all():
        stores = open_stores(request, tokenizer, state, say)
    check_ids(stores, tokenizer, loaded.model)
    length = sequence_length(request, loaded.model, say)
    steps = plan_steps(stages, request.settings, length, stores.epoch(length), process_count())
    sequences = order_sequences(request, stores, steps, tokenizer, say)
    held_out = HeldOut(request.held_out, tokenizer, request.objective, say)
    watch = Watch(state.curve, steps, sequences, held_out, say, is_first())

    def keep_stage(run: Run, done: list[TrainedStage]) -> None:
        if request.settings.keep_stages and is_first():
            state.note_kept(len(done))
            finish(run, _record(run, stores, done), stage=len(done))

    run = Run(
        loaded, reload, stages, steps, request, request.new_ids, sequences, collator, state, watch, say, keep_stage
    )
    return run, stores


def _write(
    out: Path,
    force: bool,
    languages: Sequence[str],
    say: Say,
    run: Run,
    record: dict[str, Any],
    stage: int | None = None,
) -> tuple[str, ...]:
    """Write the model as it is, after all stages or beside `out` after one of them."""
    import shutil

    place = out if stage is None else stage_place(out, stage)
    force = force or stage is not None
    directory = run.request.directory
    say(f"writing {place}")
    with open_staging(place, force, [directory], check_replaced=partial(check_replaced, place), say=say) as staging:
        changed = write_trained(run.loaded, run.loaded.model, staging.directory)
        curve = run.state.curve.file
        if curve.is_file():
            shutil.copyfile(curve, staging.directory / CURVE_FILE)
        if run.state.logs.is_dir():
            shutil.copytree(run.state.logs, staging.directory / LOGS, dirs_exist_ok=True)
        kept = {**record, "changed": list(changed)}
        save_record(kept, run.loaded.checkpoint, run.request.name, staging.directory, languages)
    return changed


def _record(run: Run, stores: Stores, done: Sequence[TrainedStage]) -> dict[str, Any]:
    """Say what was trained, how and on what."""
    request, steps = run.request, run.steps
    read = sum(stage.steps for stage in done) * steps.sequences
    text = run.sequences.text_read(0, read)
    stages = [{**asdict(each.stage), "steps": each.steps, "trained": each.trained} for each in done]
    return {
        "vocabx": __version__,
        "commit": own_commit(),
        "base": request.name,
        "recipe": {name: value for name, value in asdict(request.recipe).items() if name != "stages"},
        "stages": stages,
        "settings": asdict(request.settings),
        "objective": request.objective,
        "length": steps.length,
        "sequences_per_step": steps.sequences,
        "tokens": read * steps.length,
        "bytes": text.all,
        "replay_bytes": text.replay,
        "replay_share": stores.replay_share,
        "epochs": read * steps.length / stores.epoch(steps.length),
        "corpus": [file.name for file in request.corpus.files],
        "replay": [file.name for file in request.replay.files] if request.replay else [],
        "held_out": {text.label: len(text.texts) for text in request.held_out},
        "keeps_old_rows": request.recipe.keeps_old_rows,
        "curve": run.state.curve.summary(),
        "versions": installed(("accelerate", "peft", "safetensors")),
        "device": describe_device("cpu" if request.settings.cpu else None),
        "processes": process_count(),
    }

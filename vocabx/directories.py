"""Extend a model directory into a new one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Unpack

from vocabx.card import check_languages, write_card
from vocabx.checkpoint import Checkpoint, open_checkpoint
from vocabx.checkpoint.config import read_generation_config
from vocabx.checkpoint.families.layouts import find_layout
from vocabx.checkpoint.read import ADAPTER
from vocabx.checkpoint.sources.hub_options import hub_origin
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.checkpoint.taken_ids import check_not_taken
from vocabx.checkpoint.writing.ahead import Ahead
from vocabx.checkpoint.writing.storage import Storage
from vocabx.core.corpus import Texts
from vocabx.core.embeddings import Embeddings
from vocabx.core.setting_types import as_path
from vocabx.core.transfer import Materials
from vocabx.extension import Extension, prepare, tokenizer_manifest, train
from vocabx.factorization import Factorization, Factorized, factorize
from vocabx.output import AS_STORED, base_name, output_directory, plan_storage, write_model, write_sentencepiece
from vocabx.output_head import OutputHead
from vocabx.request import Request, Settings
from vocabx.stages import Stages
from vocabx.tokenizer_tools.extend.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer
from vocabx.tokenizer_tools.write import check_reopened, write_tokenizer

__all__ = ["extend", "extend_tokenizer_only", "open_base", "plan_extension", "plan_factorization"]


def extend(
    model: str | Path,
    corpus: Texts,
    out: str | Path,
    *,
    size: int | None = None,
    force: bool = False,
    stages: Stages | None = None,
    languages: Sequence[str] = (),
    **settings: Unpack[Settings],
) -> Extension:
    """Write a model with a vocabulary extended from text, ready for continued pretraining.

    Parameters
    ----------
    model : str or Path
        A model directory or a hub id; it is never changed.
    corpus, size, **settings
        As in `Request`.
    out : str or Path
        The directory to write; it appears whole or not at all.
    force : bool
        Replace an `out` that vocabx wrote earlier.
    stages : Stages, optional
        Hears what goes on and measures it.
    languages : sequence of str
        Codes such as ``"ko"`` for the model card; none is guessed.

    Returns
    -------
    Extension
        The plan, the tokenizer, and the manifest that was written as `vocabx.json`.

    Raises
    ------
    VocabxError
        With one sentence about what is wrong with the model, the text, a setting or the disk.

    Notes
    -----
    The rows of the base's ids are copied bit for bit, in the input, an untied head and an output bias; new head rows
    are made of head rows. Only blocks of rows are held in memory.
    """
    request = Request(corpus, size, **settings)
    stages = stages or Stages()
    check_languages(languages)
    keeps_rows = request.factorization is None
    with output_directory(
        model, as_path("out", out), force, _texts(request), stages.say, keeps_rows=keeps_rows, hub=request.hub
    ) as (_, ahead):
        extension, checkpoint = plan_extension(model, request, stages, ahead=ahead)
        for segmenter in (extension.tokenizer.source, extension.segmenter):
            segmenter.let_go()  # before two more of its size are needed, to write it and to read it again
        write_model(
            extension,
            checkpoint,
            ahead.out,
            stages,
            factorized=extension.factorized,
            storage=request.storage,
            ahead=ahead,
        )
        write_card(ahead.out, checkpoint, languages)
    return extension


def extend_tokenizer_only(
    model: str | Path,
    corpus: Texts,
    out: str | Path,
    *,
    size: int | None = None,
    force: bool = False,
    stages: Stages | None = None,
    **settings: Unpack[Settings],
) -> ExtendedTokenizer:
    """Write the extended tokenizer of a model, or of a directory that holds only a tokenizer; see `extend`."""
    request = Request(corpus, size, **settings)
    stages = stages or Stages()
    text = request.open_corpus()
    place = as_path("out", out)
    with output_directory(model, place, force, _texts(request), stages.say, hub=request.hub) as (directory, ahead):
        stage = ahead.out
        tokenizer = train(read_tokenizer(directory), text, request, stages)
        write_tokenizer(tokenizer.segmenter, directory, stage)
        manifest = tokenizer_manifest(tokenizer, base_name(model), request, text)
        manifest.from_hub(hub_origin(directory)).save(stage)
        with stages("reopening"):
            probes = list(tokenizer.witnesses.values())
            check_reopened(stage, tokenizer.segmenter, probes)
            write_sentencepiece(tokenizer.segmenter, directory, stage, probes, stages)
    return tokenizer


def _texts(request: Request) -> list[Path]:
    sample = request.open_sample()
    return [*request.open_corpus().files, *(sample.files if sample else ())]


def plan_extension(
    model: str | Path,
    request: Request,
    stages: Stages,
    tokenizer: ExtendedTokenizer | None = None,
    materials: Materials | None = None,
    ahead: Ahead | None = None,
) -> tuple[Extension, Checkpoint]:
    """Decide everything and write nothing; a tokenizer or materials that are given are not made or opened again.

    What cannot be written as is asked for is said before the long work, and what stays is copied `ahead` during it.
    """
    materials = materials or request.check(request.open_corpus())  # what is missing is said before the base is read
    directory = resolve_model(model, hub=request.hub, trust_pickle=request.trust_pickle)
    checkpoint, source, base = open_base(directory, stages, request.storage, ahead)
    factorized = plan_factorization(checkpoint, request.factorization, len(source.tokens), stages)
    extension = prepare(
        base,
        source,
        base_name(model),
        request,
        stages,
        tokenizer,
        head=OutputHead.of(checkpoint),
        materials=materials,
        factorized=factorized,
        check_ids=partial(check_not_taken, checkpoint.config, read_generation_config(directory), len(source.tokens)),
    )
    return extension, checkpoint


def open_base(
    directory: Path, stages: Stages, storage: Storage = AS_STORED, ahead: Ahead | None = None
) -> tuple[Checkpoint, FastSegmenter, Embeddings]:
    """Open a model's checkpoint and tokenizer, and see to it that they belong together.

    What cannot be stored as is asked for is said first, and copying `ahead` begins before the tokenizer is read.
    """
    with stages("opening the base"):
        checkpoint = open_checkpoint(directory)
        plan_storage(checkpoint, storage, stages, ahead)
        if (directory / ADAPTER).is_file():
            stages.notes["adapter"] = "left behind, for it was trained with the old rows; merge it first, or train anew"
        if find_layout(checkpoint.config) is None:
            stages.notes["family"] = _guess(checkpoint)
        source = read_tokenizer(directory)
        return checkpoint, source, Embeddings(source.tokens, checkpoint.matrix(checkpoint.input))


def _guess(checkpoint: Checkpoint) -> str:
    """Say what the tensors of a model of no known type were taken for, by their shapes and names."""
    head = f"{checkpoint.head} for the output head" if checkpoint.head else "none for an output head of its own"
    biases = f", {', '.join(checkpoint.biases)} for its bias" if checkpoint.biases else ""
    return (
        f"the model type {checkpoint.config.get('model_type')!r} is not known; {checkpoint.input} was taken for the "
        f"input embedding, {head}{biases}; see whether that is so, and verify the result"
    )


def plan_factorization(
    checkpoint: Checkpoint, factorization: Factorization | None, tokens: int, stages: Stages
) -> Factorized | None:
    """Factorise the rows of the base's `tokens` ids, if that is asked for; what cannot be is said before other work."""
    if factorization is None:
        return None
    with stages("factorization"):
        factorized = factorize(checkpoint, factorization, tokens)
    stages.notes["factorized"] = factorized.note
    return factorized

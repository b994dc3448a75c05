"""What a pretraining is asked for, opened and checked before any long work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.checksum import checksum
from vocabx.core.corpus import Corpus, Texts, open_texts
from vocabx.core.errors import CorpusError, TrainingError, UnknownNameError
from vocabx.evaluation.context import describe_model
from vocabx.evaluation.text.documents import UNITS, Documents, DocumentSettings, read_all
from vocabx.manifest import FILE_NAME, Manifest
from vocabx.output import base_name
from vocabx.training.model.loading import check_objective, model_objective
from vocabx.training.recipes.recipe import Recipe
from vocabx.training.recipes.table import find_recipe
from vocabx.training.settings import TrainingSettings

__all__ = ["TrainingRequest", "open_request"]

TOLD = ("summary", "source", "ours")
"""What a recipe says of itself, which decides nothing."""


@dataclass(frozen=True)
class TrainingRequest:
    """A pretraining with all its inputs opened.

    Attributes
    ----------
    directory : Path
        Of the model.
    name : str
        Of the model, as records give it.
    recipe : Recipe
    settings : TrainingSettings
    objective : {"causal", "masked"}
    corpus : Corpus
    replay : Corpus, optional
    unit : {"line", "paragraph", "file"}
        What a document of a plain text file is.
    held_out : list of Documents
    cache : Path, optional
        Where the user keeps the tokens of the corpora.
    new_ids : ndarray of int64
        Ids of new tokens; none where vocabx did not write the model.
    """

    directory: Path
    name: str
    recipe: Recipe
    settings: TrainingSettings
    objective: str
    corpus: Corpus
    replay: Corpus | None
    unit: str
    held_out: list[Documents] = field(repr=False)
    cache: Path | None
    new_ids: Ints = field(repr=False)

    @property
    def files(self) -> list[Path]:
        """All texts that are read."""
        replayed = self.replay.files if self.replay else ()
        return [*self.corpus.files, *replayed, *(file for text in self.held_out for file in text.files)]

    def deciding(self, processes: int) -> dict[str, Any]:
        """Return all that decides the numbers of a run, as `vocabx.training.decisions.changes` compares it."""
        recipe = {name: value for name, value in asdict(self.recipe).items() if name not in TOLD}
        return {
            "recipe": recipe,
            "settings": self.settings.deciding(),
            "objective": self.objective,
            "model": describe_model(self.name, self.directory).checksum,
            "corpus": _describe(self.corpus),
            "replay": _describe(self.replay) if self.replay else None,
            "unit": self.unit,
            "text_field": self.corpus.field,
            # Of the files, for which of their documents are drawn is decided by settings.
            "held_out": {text.label: [checksum(file) for file in text.files] for text in self.held_out},
            "processes": processes,
        }


def open_request(
    model: str | Path,
    directory: Path,
    corpus: Texts,
    recipe: str | Path | Recipe,
    settings: TrainingSettings,
    replay: Texts | None,
    held_out: Sequence[str],
    unit: str,
    text_field: str,
    cache: Path | None,
) -> TrainingRequest:
    """Open what is named.

    Raises
    ------
    VocabxError
        When a text or a recipe is not there, the recipe needs new rows and the model has none, a setting does nothing,
        or a causal model is to predict masked tokens.
    """
    if unit not in UNITS:
        raise UnknownNameError("kind of document", unit, UNITS)
    found = recipe if isinstance(recipe, Recipe) else find_recipe(recipe)
    has_manifest = (directory / FILE_NAME).is_file()
    new_ids = Manifest.load(directory).plan.new_ids if has_manifest else np.empty(0, np.int64)
    if found.needs_new_rows and not len(new_ids):
        why = "has no new tokens" if has_manifest else f"has no {FILE_NAME}, which would say which tokens are new"
        raise TrainingError(
            f"The recipe {found.name!r} trains the rows of new tokens, and {directory} {why}. Extend the model first, "
            "or choose another recipe."
        )
    objective = settings.objective or model_objective(directory)
    check_objective(base_name(model), directory, objective)
    settings.check_use(objective, bool(replay), len(found.stages))
    measured = DocumentSettings(unit=unit, field=text_field, limit=settings.held_out_limit, seed=settings.seed)
    return TrainingRequest(
        directory=directory,
        name=base_name(model),
        recipe=found,
        settings=settings,
        objective=objective,
        corpus=open_texts(corpus, text_field),
        replay=open_texts(replay, text_field) if replay else None,
        unit=unit,
        held_out=read_all(held_out, measured),
        cache=cache,
        new_ids=new_ids,
    )


def _describe(corpus: Corpus) -> list[str]:
    # A list, for their order decides, and two of them may have one name.
    try:
        return [f"{file.name}, {checksum(file)}" for file in corpus.files]
    except OSError as error:
        raise CorpusError(f"{error.filename or 'The corpus'} cannot be read: {error.strerror or error}.") from error

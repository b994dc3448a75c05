"""A model that was measured by its tokenizer alone in one result, and whole in another, is one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vocabx.evaluation.result import EvaluatedModel, Result

__all__ = ["join_commits"]


def join_commits(results: Sequence[Result]) -> list[Result]:
    """Give a model without weights the checksum of the whole model where both are of one commit of the hub.

    Counting tokens downloads no weights, so that its checksum is of fewer files; the commit says that these are of the
    same model. Directories that are not from the hub have no commit and stay what they are.
    """
    whole = dict[str, str]()
    for model in (model for result in results for model in result.models):
        if model.has_weights and model.revision:
            whole.setdefault(model.revision, model.checksum)

    def join(model: EvaluatedModel) -> EvaluatedModel:
        if model.has_weights or model.revision not in whole:
            return model
        return replace(model, checksum=whole[model.revision], has_weights=True)

    return [replace(result, models=tuple(map(join, result.models))) for result in results]

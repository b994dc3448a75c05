"""XNLI: does one sentence follow from another? Asked of a model in several languages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.core.errors import InputError
from vocabx.core.say import Say, say_nothing
from vocabx.eval.harness.nli import KOREAN, nli_task
from vocabx.eval.harness.tasks import TaskSource
from vocabx.evaluation.harness.asking import HarnessSettings
from vocabx.evaluation.harness.run import Questions, describe_part, run_harness
from vocabx.evaluation.parts import NOT_KEPT, Parts
from vocabx.evaluation.result import Result

__all__ = ["evaluate_xnli"]

OURS = (
    "xnli_ko is no published task: the harness has no Korean, so this is its template with Korean words. Compare it "
    "with nothing but itself."
)
OVER_PREMISES = "Intervals are over premises, the same ones drawn in all languages whose rows have the same labels."


def evaluate_xnli(
    models: Sequence[str | Path],
    languages: Sequence[str],
    *,
    data: Path | None = None,
    split: str = "dev",
    settings: HarnessSettings = HarnessSettings(),  # noqa: B008  frozen
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    parts: Parts = NOT_KEPT,
    say: Say = say_nothing,
) -> Result | None:
    """Measure models on XNLI.

    Parameters
    ----------
    models : sequence of str or Path
        Directories or hub ids; the first is what others are compared with.
    languages : sequence of str
        Codes of the harness's fifteen languages, and ko, which is ours and needs `data`.
    data : Path, optional
        A folder of files as XNLI's, KorNLI's and KLUE-NLI's makers name them, or one file; by default
        ``facebook/xnli`` of the hub.
    split : {"dev", "test"}
        What is asked; the harness itself asks dev.
    settings, hub, parts, say
        How models are asked, how hub ids are looked up, where answers are kept until the result is written, and whom to
        tell.

    Returns
    -------
    Result or None
        acc, acc_bytes and macro-F1 of each language, and their averages; None in all processes of
        ``accelerate launch`` but the first.

    Raises
    ------
    InputError
        When a file, a language or a model is not what is needed.
    MissingExtraError
        When the harness is not installed.
    """
    chosen = list(dict.fromkeys(languages))
    if not chosen:
        raise InputError("There is no language to ask in; name some.")
    read = [nli_task(language, data, split, examples=settings.few_shot > 0) for language in chosen]
    _check_apart([source for source, _ in read])
    questions = Questions(
        "xnli",
        [source for source, _ in read],
        [describe_part(path) for _, paths in read for path in paths],
        {"split": split, "languages": ", ".join(chosen), **({} if data else {"dataset": "facebook/xnli"})},
        [*([OURS] if KOREAN in chosen else []), OVER_PREMISES],
        shared="premise",
    )
    return run_harness(questions, models, settings, hub=hub, parts=parts, say=say)


def _check_apart(sources: Sequence[TaskSource]) -> None:
    """Stop where one file without a column of languages would be asked in the words of several."""
    for first, second in pairwise(sources):
        if first.records and first.records == second.records:
            raise InputError(
                f"The same pairs would be asked as {first.name} and {second.name}; name one language, or data with a "
                "column language."
            )

"""Fine-tuned inference: models learn XNLI in one language, and are tested in it and in others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError
from vocabx.core.report import Cell
from vocabx.eval.finetune.folds import assign_folds, premise_groups
from vocabx.eval.finetune.inference import learn_inference
from vocabx.eval.finetune.pairs import Pairs, are_aligned, check_aligned, read_pairs
from vocabx.eval.finetune.tally import tally_correct
from vocabx.eval.finetune.training import require_trainer
from vocabx.evaluation.finetuning import Finetuning, Measured, Outcome, finetune_models, open_class
from vocabx.evaluation.result import Result

__all__ = ["InferenceData", "InferenceFiles", "finetune_xnli"]

KIND = "xnli --finetune"
METRIC = "accuracy"


@dataclass(frozen=True)
class InferenceData:
    """Pairs to learn from, pairs to be tested on, and what keeps them apart.

    Attributes
    ----------
    train : Pairs
    tests : mapping of str to Pairs
        By language.
    groups : mapping of str to ndarray of int64, shape (pairs,)
        Of each test, the number of the premise of each pair. Under folds it is the same in all languages, and rows that
        share a premise in any of them share it.
    folds : ndarray of int64, shape (pairs,), optional
        The fold of each row, the same in `train` and in all tests.
    """

    train: Pairs
    tests: Mapping[str, Pairs]
    groups: Mapping[str, Ints]
    folds: Ints | None


@dataclass(frozen=True)
class InferenceFiles:
    """Where pairs are.

    Attributes
    ----------
    train : Path
    tests : mapping of str to Path
        By language.
    folds : int, optional
        Where there is no training set apart from the tests: `train` and `tests` are aligned by rows, and each fold is
        answered, in every language, by a model that was trained on the other folds of `train`. No premise is on both
        sides, in any language.
    language : str, optional
        Which rows of `train` to read, where it has a column `language`.
    """

    train: Path
    tests: Mapping[str, Path]
    folds: int | None = None
    language: str | None = None

    def read(self, limit: int | None, seed: int) -> InferenceData:
        """Read the files, and assign folds.

        Raises
        ------
        InputError
            When a file will not do, files are not aligned, or there are fewer premises than folds.
        """
        if not self.tests:
            raise InputError("There is no test; name a language and its file.")
        train = read_pairs(self.train, self.language, limit)
        tests = {language: read_pairs(path, language, limit) for language, path in self.tests.items()}
        if self.folds is None:
            groups = {language: premise_groups([pairs.premises]) for language, pairs in tests.items()}
            return InferenceData(train, tests, groups, None)
        # Not by file alone, for one file may hold all languages.
        check_aligned({str(self.train): train, **{f"{self.tests[name]} ({name})": tests[name] for name in tests}})
        shared = premise_groups([pairs.premises for pairs in (train, *tests.values())])
        folds = assign_folds(shared, self.folds, np.random.default_rng(seed))
        return InferenceData(train, tests, dict.fromkeys(tests, shared), folds)


def finetune_xnli(models: Sequence[str | Path], files: InferenceFiles, how: Finetuning) -> Result:
    """Give each model a head for three labels, train all of it on pairs of one language, and test it in others.

    This is how WECHSEL and OFA measure transfer without training data in the target language. Accuracy is over all
    tested pairs, the mean of the seeds, with an interval over premises; the floor is what the best constant answer
    gets. Models are compared on the same folds with the same seeds.

    Parameters
    ----------
    models : sequence of str or Path
        Directories or hub ids; the first is what others are compared with.
    files : InferenceFiles
    how : Finetuning

    Raises
    ------
    VocabxError
        When a file or a model will not do, or what training needs is not installed.
    """
    require_trainer(how.device)
    data = files.read(how.limit, how.seed)
    tests = {
        language: Outcome(f"xnli_{language}", METRIC, _floor(pairs.labels), len(pairs))
        for language, pairs in data.tests.items()
    }

    def learn(directory: Path) -> Mapping[str, Measured]:
        answers = learn_inference(
            directory,
            data.train,
            data.tests,
            how.recipe,
            how.all_seeds,
            how.say,
            folds=data.folds,
            opener=open_class,
            device=how.device,
        )
        return {
            language: Measured(tally_correct(answers[language], pairs.labels, data.groups[language]))
            for language, pairs in data.tests.items()
        }

    paths = [files.train, *files.tests.values()]
    settings: dict[str, Cell] = {"train": files.train.name, "train language": files.language}
    settings |= {"train pairs": len(data.train), "folds": files.folds}
    return finetune_models(KIND, models, tests, learn, paths, settings, how, _notes(data))


def _floor(labels: Ints) -> float:
    return float(np.bincount(labels).max() / len(labels))


def _notes(data: InferenceData) -> list[str]:
    notes = ["Intervals are over premises, and do not hold what depends on the seed."]
    for name, pairs in {"training": data.train, **data.tests}.items():
        if pairs.undecided:
            notes.append(f"{pairs.undecided:,} rows without a label were left out of {name}.")
    if data.folds is not None:
        sizes = np.bincount(data.folds)
        smallest = len(data.train) - int(sizes.max())
        premises = int(next(iter(data.groups.values())).max()) + 1
        notes.append(
            f"{len(sizes)} folds of {premises:,} premises; each model learned from {smallest:,} pairs or a few more, "
            "and no premise is on both sides in any language."
        )
        return notes
    return [*notes, *_trained_on(data)]


def _trained_on(data: InferenceData) -> Iterator[str]:
    """Say which tests hold premises that were trained on, in words or, where the files are parallel, in meaning."""
    seen = set(data.train.premises)
    for language, pairs in data.tests.items():
        shared = sum(premise in seen for premise in pairs.premises)
        is_parallel = are_aligned(data.train, pairs)
        if is_parallel and shared < len(pairs):
            premises = int(data.groups[language].max()) + 1
            yield (
                f"{premises:,} of {premises:,} tested premises in {language} were trained on, in another language: use "
                "--folds. Row by row the test has the labels of the training pairs, so the two files are parallel."
            )
        elif shared:
            advice = ": use --folds" if is_parallel else ""
            yield f"{shared:,} of {len(pairs):,} pairs in {language} have a premise that was trained on{advice}."

"""Fine-tuned entities: models learn to tag words in one language, and are tested in it and in others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vocabx.core.errors import InputError
from vocabx.core.report import Cell
from vocabx.eval.finetune.conll import Sentences, read_conll
from vocabx.eval.finetune.entities import constant_floor, tally_entities
from vocabx.eval.finetune.tagging import Tagged, learn_tagging, tag_set
from vocabx.eval.finetune.training import require_trainer
from vocabx.evaluation.finetuning import Finetuning, Measured, Outcome, finetune_models, open_class
from vocabx.evaluation.result import Result

__all__ = ["EntityFiles", "finetune_ner"]

KIND = "ner"
METRIC = "entity F1"
NOTE = "Intervals are over sentences, and do not hold what depends on the seed."


@dataclass(frozen=True)
class EntityFiles:
    """CoNLL files: one to learn from, and one for each language that is tested."""

    train: Path
    tests: Mapping[str, Path]


def finetune_ner(models: Sequence[str | Path], files: EntityFiles, how: Finetuning) -> Result:
    """Give each model a head for tags, train all of it on sentences of one language, and test it in others.

    F1 is of whole entities, over all sentences of a test, the mean of the seeds, with an interval over sentences; the
    floor is what the tag gets that does best where every word has it.

    Parameters
    ----------
    models : sequence of str or Path
        Directories or hub ids; the first is what others are compared with.
    files : EntityFiles
    how : Finetuning

    Raises
    ------
    VocabxError
        When a file or a model will not do, or what training needs is not installed.
    """
    require_trainer(how.device)
    if not files.tests:
        raise InputError("There is no test; name a language and its file.")
    train = read_conll(files.train, how.limit)
    tests = {language: read_conll(path, how.limit) for language, path in files.tests.items()}
    tags = tag_set(train, tests)
    outcomes = {
        language: Outcome(f"ner_{language}", METRIC, constant_floor(sentences.tags, tags), len(sentences))
        for language, sentences in tests.items()
    }

    def learn(directory: Path) -> Mapping[str, Measured]:
        found = learn_tagging(
            directory, train, tests, how.recipe, how.all_seeds, how.say, opener=open_class, device=how.device
        )
        return {language: _measure(tests[language], tagged) for language, tagged in found.items()}

    settings: dict[str, Cell] = {"train": files.train.name, "train sentences": len(train), "tags": " ".join(tags)}
    paths, notes = [files.train, *files.tests.values()], [NOTE, *_shared(train, tests)]
    return finetune_models(KIND, models, outcomes, learn, paths, settings, how, notes)


def _shared(train: Sentences, tests: Mapping[str, Sentences]) -> Iterator[str]:
    """Say which tests hold sentences that were trained on; all of them where the same file is both."""
    seen = set(map(tuple, train.words))
    for language, sentences in tests.items():
        shared = sum(tuple(words) in seen for words in sentences.words)
        if shared:
            yield f"{shared:,} of {len(sentences):,} sentences in {language} were trained on."


def _measure(sentences: Sentences, tagged: Tagged) -> Measured:
    words = sum(map(len, sentences.words))
    notes = [f"{tagged.unseen:,} of {words:,} words were cut off or have no token, and count as O."]
    return Measured(tally_entities(sentences.tags, tagged.tags), notes if tagged.unseen else ())

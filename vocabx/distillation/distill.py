"""`distill`: an extended model directory into one whose new rows make the model compute what it computed before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.card import check_languages
from vocabx.core.arrays import Bools
from vocabx.core.corpus import Corpus, Texts, open_texts
from vocabx.core.errors import CorpusError
from vocabx.core.report import Cell, Report
from vocabx.core.segmenter import Segmenter
from vocabx.core.setting_types import as_path
from vocabx.distillation.contexts import Contexts, ContextSampler
from vocabx.distillation.settings import DistillationSettings
from vocabx.distillation.subject import Subject, open_manifest, open_subject
from vocabx.distillation.text import DistillationText, frequencies
from vocabx.distillation.training import measure_distance, train_rows
from vocabx.distillation.writing import write_distilled
from vocabx.eval.bits_per_byte import score_documents
from vocabx.eval.decoder import advise_on_type
from vocabx.manifest import installed_versions
from vocabx.output import output_directory
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import read_tokenizer

__all__ = ["Distillation", "Measured", "distill"]

MEASURED_CONTEXTS = 2
"""Held-out snippets for each token that is measured."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The model on held-out text: the error of its states, and bits per byte; none of an encoder."""

    hidden_error: float
    bits_per_byte: float | None


@dataclass(frozen=True)
class Distillation:
    """What a distillation did.

    Attributes
    ----------
    settings : DistillationSettings
    new : int
        New tokens of the model.
    trained : int
        How many of them were trained.
    without_pieces, without_context : int
        How many stayed as they were, because their old pieces are not known or no snippet of the text has them.
    snippets, contexts : int
        Snippets that were read, and pairs of a snippet and a token that was trained in it.
    teacher_tokens, student_tokens : int
        How long the snippets are in old pieces and in the model's own tokens, once for all epochs.
    losses : sequence of float
        Before each step.
    before, after : Measured
    corpus, held_out : tuple of str
        Names of the files of both texts; no held-out ones where lines of the corpus were held out.
    """

    settings: DistillationSettings
    new: int
    trained: int
    without_pieces: int
    without_context: int
    snippets: int
    contexts: int
    teacher_tokens: int
    student_tokens: int
    losses: Sequence[float]
    before: Measured
    after: Measured
    corpus: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data for the record."""
        return {
            "distilled": self.trained,
            "keeps_old_rows": True,
            "corpus": list(self.corpus),
            "held_out": list(self.held_out),
            "settings": self.settings.to_json(),
            "without_pieces": self.without_pieces,
            "without_context": self.without_context,
            "snippets": self.snippets,
            "contexts": self.contexts,
            "teacher_tokens": self.teacher_tokens,
            "student_tokens": self.student_tokens,
            "steps": len(self.losses),
            "hidden_error": [self.before.hidden_error, self.after.hidden_error],
            "bits_per_byte": [self.before.bits_per_byte, self.after.bits_per_byte],
            "versions": installed_versions(),
        }

    def report(self, stages: Stages, headline: str = "", out: Path | None = None) -> Report:
        """Say what was trained, what it changed on held-out text, and where it was written."""
        change = self.after.hidden_error / self.before.hidden_error - 1 if self.before.hidden_error else 0.0
        facts: dict[str, Cell] = {
            "new tokens": self.new,
            "trained": self.trained,
            "left as they were, without a context": self.without_context,
            "left as they were, of unknown pieces": self.without_pieces,
            "contexts per trained token": self.contexts / self.trained,
            "snippets read": self.snippets,
            "their old tokens": self.teacher_tokens,
            "their tokens": self.student_tokens,
            "steps": len(self.losses),
            "hidden-state error before": self.before.hidden_error,
            "hidden-state error after": self.after.hidden_error,
            "change of it, %": 100 * change,
            "bits per byte before": self.before.bits_per_byte,
            "bits per byte after": self.after.bits_per_byte,
        }
        if out is not None:
            facts["output"] = str(out)
        return Report(headline, facts | stages.notes, [stages.table()])


def distill(
    directory: str | Path,
    corpus: Texts,
    out: str | Path,
    *,
    settings: DistillationSettings = DistillationSettings(),  # noqa: B008  frozen
    base: str | Path | None = None,
    held_out: Texts | None = None,
    text_field: str = "text",
    force: bool = False,
    stages: Stages | None = None,
    languages: Sequence[str] = (),
) -> Distillation:
    """Train the new rows of an extended model until it reads new tokens as it reads their old pieces.

    Parameters
    ----------
    directory : str or Path
        What `vocabx extend` wrote; it is never changed.
    corpus : path, pattern, or several
        Text in the new language.
    out : str or Path
        The directory to write; it appears whole or not at all.
    settings : DistillationSettings
    base : str or Path, optional
        The model that `directory` was made from, a directory; needed where its tokenizer is not one of merges.
    held_out : path, pattern, or several, optional
        Text to measure on, up to 200 lines of it, which are not trained on. By default one line of fifty.
    text_field : str
        Where JSONL and Parquet corpora keep the text.
    force : bool
        Replace an `out` that vocabx wrote earlier.
    stages : Stages, optional
        Hears what goes on and measures it.
    languages : sequence of str
        Codes such as ``"ko"`` for the model card.

    Raises
    ------
    VocabxError
        With one sentence about what is wrong with the model, the text, a setting or the disk.

    Notes
    -----
    Token Distillation (Dobler et al., 2505.20133), which puts one new token at a time into a text of old pieces; here a
    snippet is read as the extended tokenizer reads it, with all of its new tokens: that is the text in which they will
    stand, and it takes fewer passes. Rows of old tokens, and all other weights, keep their bytes.
    """
    stages, source = stages or Stages(), as_path("directory", directory)
    check_languages(languages)
    text = DistillationText(
        open_texts(corpus, text_field), None if held_out is None else open_texts(held_out, text_field), settings.seed
    )
    manifest = open_manifest(source)
    files = [*text.corpus.files, *(text.held_out.files if text.held_out else ())]
    with output_directory(source, as_path("out", out), force, files, stages.say) as (_, ahead):
        with stages("opening the model"):
            subject = open_subject(source, manifest, _segmenter(base), settings)
            settings = settings.decided(subject.is_causal)
            advise_on_type(settings.dtype, settings.device, stages.say)
        with stages("drawing contexts"):
            contexts, measured = draw_contexts(subject, text, settings)
        with stages("measuring before"):
            before = _measure(subject, measured, text, settings)
        with stages("distilling"):
            trained = train_rows(subject, contexts, settings, stages.say)
        with stages("measuring after"):
            after = _measure(subject, measured, text, settings)
        counts = contexts.counts(manifest.plan.tokens)
        wanted = min(settings.most_frequent or len(subject.known), len(subject.known))
        distillation = Distillation(
            settings=settings,
            new=manifest.plan.new,
            trained=len(trained.ids),
            without_pieces=manifest.plan.new - len(subject.known),
            without_context=wanted - len(trained.ids),
            snippets=len(contexts),
            contexts=int(counts.sum()),
            teacher_tokens=int(subject.pieces.lengths[contexts.snippets.values].sum()),
            student_tokens=len(contexts.snippets.values),
            losses=trained.losses,
            before=before,
            after=after,
            corpus=_names(text.corpus),
            held_out=_names(text.held_out),
        )
        with stages("writing"):
            write_distilled(subject, trained, distillation.to_json(), ahead.out, languages)
    return distillation


def draw_contexts(
    subject: Subject, text: DistillationText, settings: DistillationSettings
) -> tuple[Contexts, Contexts]:
    """Draw contexts to learn from, and some of the same tokens in held-out text.

    Raises
    ------
    CorpusError
        When no new token stands in one of them.
    """
    wanted = _wanted(subject, text, settings)
    given = (subject.segmenter, subject.pieces, wanted)
    contexts = ContextSampler(*given, settings.contexts, settings.context_tokens, settings.seed)
    drawn = contexts.add_all(text.batches()).contexts(settings.snippets)
    if not len(drawn):
        raise CorpusError(
            "No new token stands in the corpus; give text in the language that the model was extended for."
        )
    measured = ContextSampler(*given, MEASURED_CONTEXTS, settings.context_tokens, settings.seed)
    measured.add(text.measured())
    found = measured.contexts()
    if not len(found):
        raise CorpusError("No token that is trained stands in the held-out text; give more of it with --held-out.")
    return drawn, found


def _wanted(subject: Subject, text: DistillationText, settings: DistillationSettings) -> Bools:
    wanted = np.zeros(len(subject.pieces), np.bool_)
    known = subject.known
    if settings.most_frequent is not None and settings.most_frequent < len(known):
        counts = frequencies(text, subject.segmenter, subject.manifest.plan)
        known = known[np.argsort(-counts[known], kind="stable")[: settings.most_frequent]]
    wanted[known] = True
    return wanted


def _measure(subject: Subject, contexts: Contexts, text: DistillationText, settings: DistillationSettings) -> Measured:
    error = measure_distance(subject, contexts, settings)
    if not subject.is_causal:
        return Measured(error, None)
    scores = score_documents(subject.model, subject.tokenizer, text.measured())
    return Measured(error, scores.value)


def _names(text: Corpus | None) -> tuple[str, ...]:
    return () if text is None else tuple(file.name for file in text.files)


def _segmenter(base: str | Path | None) -> Segmenter | None:
    return None if base is None else read_tokenizer(as_path("base", base))

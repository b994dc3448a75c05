"""The table of checks, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vocabx.verification import (
    bits,
    chat,
    computation,
    greedy,
    new_rows,
    new_tokens,
    old_language,
    opening,
    padding,
    readers,
    record,
    shapes,
    special_ids,
    stored_weights,
)
from vocabx.verification.finding import Finding, Outcome, not_run
from vocabx.verification.needs import (
    Need,
    alignment,
    base,
    base_weights,
    convex,
    head,
    learned,
    lines,
    new,
    own_tokenizer,
    recorded,
    source_rows,
    torch,
    undropped,
    unfactorized,
    unrounded,
    untrained,
    weights,
)
from vocabx.verification.subject import Subject

__all__ = ["CHECKS", "Check"]


@dataclass(frozen=True, slots=True)
class Check:
    """A check: a sentence that is true when it passes, and the function that finds out.

    `needs` must be given to run it; without them it stays open. `where` says in which models there is something to
    check.
    """

    name: str
    function: Callable[[Subject], Outcome]
    needs: tuple[Need, ...] = ()
    where: tuple[Need, ...] = ()

    def __call__(self, subject: Subject) -> Finding:
        """Run it if it can be run."""
        outcome = self._obstacle(subject) or self.function(subject)
        return Finding(self.name, outcome.status, outcome.evidence, outcome.details, outcome.is_open)

    def _obstacle(self, subject: Subject) -> Outcome | None:
        for group, is_open in ((self.where, False), (self.needs, True)):
            for need in group:
                if (reason := need(subject)) is not None:
                    return not_run(reason, is_open)
        return None


WEIGHTS = (weights,)
AS_WRITTEN = (weights, untrained)
NEW = (weights, new)
NEW_AS_WRITTEN = (weights, untrained, new)

CHECKS: tuple[Check, ...] = (
    Check("AutoTokenizer encodes as tokenizer.json does", opening.check_tokenizer_file),
    Check("config, index and shapes agree", shapes.check_shapes, (), WEIGHTS),
    Check("vocabx.json agrees with the directory", record.check_manifest),
    Check("AutoModel opens it and computes", opening.check_model, (torch,), WEIGHTS),
    Check("each new token is produced by its witness", new_tokens.check_witnesses, (), (learned,)),
    Check("each incomplete token is part of a whole one", new_tokens.check_incomplete, (), (learned,)),
    Check("old ids mean what they meant", old_language.check_old_ids, (base,)),
    Check("source-language text keeps its ids", old_language.check_source_text, (base, lines), (own_tokenizer,)),
    Check("no byte or character is lost", old_language.check_coverage, (base,), (own_tokenizer,)),
    Check("texts decode as with the base", old_language.check_round_trips, (base,), (own_tokenizer,)),
    Check("the chat template gives the same ids", chat.check_chat_template, (base,)),
    Check("old rows are the base's", bits.check_old_rows, (base_weights,), WEIGHTS),
    Check("all else is bit-identical", bits.check_other_tensors, (base_weights,), (weights, recorded)),
    Check("no new row is zero, infinite or NaN", new_rows.check_finite, (), NEW),
    Check("at most 1% of new rows repeat one of other weights", new_rows.check_distinct, (), NEW),
    Check("new rows are neither vanishing nor huge", new_rows.check_norms, (source_rows,), NEW),
    Check("head rows are made of head rows", stored_weights.check_head, (source_rows,), (*NEW_AS_WRITTEN, head)),
    Check(
        "rows equal the stored weights applied",
        stored_weights.check_applied,
        (source_rows,),
        (*NEW_AS_WRITTEN, alignment),
    ),
    Check("stored weights are convex", stored_weights.check_convex, (), (*NEW_AS_WRITTEN, convex)),
    Check("no new token wins on a probe", greedy.check_probes, (), (*NEW_AS_WRITTEN, undropped, convex)),
    Check(
        "no new token wins on source-language text",
        greedy.check_model,
        (lines, torch),
        (*NEW_AS_WRITTEN, undropped, convex),
    ),
    Check(
        "kept tokens compute as in the base",
        computation.check_computation,
        (base_weights, lines, torch),
        (*AS_WRITTEN, unfactorized, unrounded),
    ),
    Check("padding is never sampled", padding.check_padding, (), WEIGHTS),
    Check("every file names the same special ids", special_ids.check_special_ids, (base,)),
    Check("every copy of the vocabulary is the tokenizer's", readers.check_readers),
)

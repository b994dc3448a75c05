"""Decide an extension: the tokenizer, what happens to each id, and how each new row is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypedDict

import numpy as np

from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.core.alignment import Alignment, Origin, mean_over
from vocabx.core.arrays import Bools, Ints
from vocabx.core.corpus import Corpus
from vocabx.core.embeddings import Embeddings
from vocabx.core.initialization import Initialization, RowRule
from vocabx.core.plan import NEW, Plan
from vocabx.core.report import Cell, Report, Table
from vocabx.core.transfer import Materials
from vocabx.diagnostics.diagnosis import Diagnosis, count_tokens, diagnose
from vocabx.factorization import Factorized
from vocabx.manifest import EXTEND, TOKENIZER_EXTEND, Manifest, NewToken, installed_versions
from vocabx.output import base_name
from vocabx.output_head import OutputHead
from vocabx.ready_rows import GIVEN, ReadyRule, given_rows, made_by_method, ready_notes
from vocabx.request import SHIPPED_SAMPLE, Request
from vocabx.stages import Stages
from vocabx.tokenizer_tools.extend import extend_tokenizer
from vocabx.tokenizer_tools.extend.append import free_ids
from vocabx.tokenizer_tools.extend.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.extend.merges import Merge
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer

__all__ = [
    "Extension",
    "mean_row",
    "new_tokens",
    "prepare",
    "provenance",
    "tokenizer_manifest",
    "tokenizer_report",
    "train",
]


class Provenance(TypedDict, total=False):
    """What a `NewToken` says of its row."""

    origin: str
    evidence: int


@dataclass(frozen=True)
class Extension:
    """An extension before anything is written: everything that decides the result.

    `padding` is the one-row rule of the rows that belong to no token.
    """

    tokenizer: ExtendedTokenizer
    plan: Plan
    initialization: Initialization = field(repr=False)
    padding: Alignment = field(repr=False)
    manifest: Manifest = field(repr=False)
    diagnosis: Diagnosis = field(repr=False)
    factorized: Factorized | None = field(default=None, repr=False)

    @property
    def segmenter(self) -> FastSegmenter:
        """The extended pipeline."""
        return self.tokenizer.segmenter

    def probes(self) -> list[str]:
        """Texts that any faithful copy of the tokenizer encodes alike: the witnesses of all new tokens."""
        return list(self.tokenizer.witnesses.values())

    def report(self, stages: Stages, headline: str = "") -> Report:
        """Say what was decided, and what each stage took."""
        facts: dict[str, Cell] = {
            "base": self.manifest.base,
            "method": self.manifest.method,
            "tokens before": self.plan.tokens_before,
            **tokenizer_facts(self.tokenizer),
            **self.diagnosis.facts(),
            "rows before": self.plan.rows_before,
            "rows after": self.plan.rows_after,
            "padding rows": len(self.plan.padding),
        }
        tables = [*tradeoff_tables(self.tokenizer), *self.diagnosis.tables(), stages.table()]
        return Report(headline, facts | stages.notes, tables)


def tokenizer_facts(tokenizer: ExtendedTokenizer) -> dict[str, Cell]:
    """Sum up an extended tokenizer."""
    before, after = tokenizer.corpus_tokens
    kept = len(tokenizer.source.tokens)
    return {
        "new tokens": len(tokenizer.new_ids),
        "proved by a witness": len(tokenizer.witnesses),
        "parts of characters that others need": len(tokenizer.selection.needed_by),
        "corpus tokens before": before,
        "corpus tokens after": after,
        "after / before": after / before if before else None,
        "scripts learned": ", ".join(tokenizer.scripts) or "any",
        "source sample lines": tokenizer.sample_lines,
        "changed source lines": tokenizer.changed_lines,
        **({"reserved slots reused": reused} if (reused := int((tokenizer.new_ids < kept).sum())) else {}),
        **({"expected share elsewhere": tokenizer.unseen_share} if tokenizer.unseen_share else {}),
        **{f"filtered: {rule}": count for rule, count in tokenizer.filtered.items()},
        **{f"dropped and refilled: {reason}": count for reason, count in tokenizer.dropped.items()},
    }


def tokenizer_report(tokenizer: ExtendedTokenizer, stages: Stages, headline: str = "") -> Report:
    """Say what was learned, and what it took."""
    return Report(headline, tokenizer_facts(tokenizer) | stages.notes, [*tradeoff_tables(tokenizer), stages.table()])


def tradeoff_tables(tokenizer: ExtendedTokenizer) -> list[Table]:
    """Say what other limits on changed source lines would cost; nothing when no new token touched the sample."""
    if not tokenizer.tradeoffs:
        return []
    columns = ("limit", "changed lines", "first merges dropped", "saving kept")
    rows = [tuple(asdict(row).values()) for row in tokenizer.tradeoffs]
    title = (
        f"What a limit on changed source lines costs (estimate; in force: {tokenizer.source_change_limit:g}).\n"
        "A first merge joins two tokens of the base and takes all tokens built on it along; the saving is in tokens of "
        "the corpus."
    )
    return [Table(title, columns, rows)]


def train(source: FastSegmenter, corpus: Corpus, request: Request, stages: Stages) -> ExtendedTokenizer:
    """Run the tokenizer stage."""
    donor = None
    if request.tokenizer_donor is not None:
        donor = read_tokenizer(resolve_model(request.tokenizer_donor, weights=False, hub=request.hub.for_others))
    with stages("tokenizer"):
        return extend_tokenizer(
            source, corpus.batches(), request.source_lines(), request.options, donor=donor, progress=stages.say
        )


def prepare(
    base: Embeddings,
    source: FastSegmenter,
    base_name: str,
    request: Request,
    stages: Stages,
    tokenizer: ExtendedTokenizer | None = None,
    *,
    head: OutputHead = OutputHead(),  # noqa: B008  frozen
    materials: Materials | None = None,
    factorized: Factorized | None = None,
    check_ids: Callable[[Ints], None] = lambda _: None,
) -> Extension:
    """Train the tokenizer, unless one of the same request is given, and make the rules for all rows.

    New tokens take reserved slots of the base over, if they are given any, and follow its last id; there they take over
    its padding rows before the matrix grows. It never shrinks. Materials that are open already are not opened again.
    `check_ids` raises where new tokens must not have some ids; it is asked before the long work if these are known.
    """
    if tokenizer is None and request.size is not None:
        count = request.size + len(request.control_tokens)
        check_ids(free_ids(source, count, reuse_reserved=request.reuse_reserved))
    corpus = request.open_corpus()
    materials = materials or request.check(corpus)
    request.check_rows(base.rows, head)
    with stages("reading the base's rows"):
        usable = base.usable()
        padding = mean_row(usable)
    tokenizer = tokenizer or train(source, corpus, request, stages)
    plan = _plan(tokenizer, len(base.rows), request.pad_to_multiple or 1)
    check_ids(plan.new_ids)
    with stages("weights of the new rows"):
        transfer = request.transfer(
            source, tokenizer.segmenter, tokenizer.new_ids, usable, materials, base.rows, head.rows, stages.say
        )
        initialization = request.initialize(transfer, head.has_bias)
        stages.notes.update(ready_notes(initialization, request.method))
    with stages("diagnostics"):
        counts = count_tokens(source, request.source_lines())
        diagnosis = diagnose(initialization, transfer, request.method, head, counts, factorized)
    manifest = replace(
        tokenizer_manifest(tokenizer, base_name, request, corpus),
        command=EXTEND,
        method=request.method,
        method_options=dict(request.method_options),
        materials=request.given(),
        given_rows=given_rows(initialization, transfer, head.has_bias),
        convex=made_by_method(initialization).is_convex,
        diagnostics=diagnosis.to_json(),
        plan=plan,
        new_tokens=new_tokens(tokenizer, initialization.input),
    )
    return Extension(tokenizer, plan, initialization, padding, manifest, diagnosis, factorized)


def mean_row(usable: Bools) -> Alignment:
    """Return the rule of one row that is the mean of the usable rows."""
    return Alignment.build(mean_over(np.flatnonzero(usable), len(usable)))


def _plan(tokenizer: ExtendedTokenizer, rows_before: int, multiple: int) -> Plan:
    origins = np.arange(len(tokenizer.segmenter.tokens))
    origins[tokenizer.new_ids] = NEW
    rows = max(len(origins), rows_before)
    roles = dict(tokenizer.source.roles)
    return Plan(origins, len(tokenizer.source.tokens), rows_before, rows + -rows % multiple, roles)


def tokenizer_manifest(tokenizer: ExtendedTokenizer, base_name: str, request: Request, corpus: Corpus) -> Manifest:
    """Describe an extended tokenizer without weights."""
    # No paths and no times: the same inputs give the same bytes wherever and whenever they are run.
    return Manifest(
        command=TOKENIZER_EXTEND,
        base=base_name,
        method="",
        convex=False,
        seed=request.seed,
        plan=_plan(tokenizer, 0, 1),
        tokenizer=tokenizer_record(tokenizer, request),
        corpus={"files": [file.name for file in corpus.files], "bytes": corpus.size},
        rows={},
        new_tokens=new_tokens(tokenizer),
        versions=installed_versions(),
    )


def tokenizer_record(tokenizer: ExtendedTokenizer, request: Request) -> Mapping[str, Any]:
    """Return what the manifest says of the tokenizer."""
    sample = request.open_sample()
    return {
        "scripts": list(tokenizer.scripts),
        "source_change_limit": tokenizer.source_change_limit,
        "sample_files": [SHIPPED_SAMPLE] if sample is None else [file.name for file in sample.files],
        "sample_lines": tokenizer.sample_lines,
        "changed_lines": tokenizer.changed_lines,
        "unseen_share": tokenizer.unseen_share,
        "corpus_tokens": list(tokenizer.corpus_tokens),
        "pad_to_multiple": request.pad_to_multiple,
        "filtered": dict(tokenizer.filtered),
        "dropped": dict(tokenizer.dropped),
        "donor": None if request.tokenizer_donor is None else base_name(request.tokenizer_donor),
        "options": {
            **asdict(request.options),
            "scripts": None if request.scripts is None else list(request.scripts),
            "control_tokens": list(request.control_tokens),
        },
        "tradeoffs": [asdict(row) for row in tokenizer.tradeoffs],
    }


def new_tokens(tokenizer: ExtendedTokenizer, rule: RowRule | None = None) -> Sequence[NewToken]:
    """Return the provenance of every new token; `rule` is how the input rows are made, if they are."""
    table, selection = tokenizer.segmenter.tokens, tokenizer.selection
    id_of = {piece: token for token, piece in enumerate(table.pieces)}
    tokens = []
    for row, token in enumerate(tokenizer.new_ids.tolist()):
        piece = table.pieces[token]
        owner = selection.needed_by.get(piece)
        tokens.append(
            NewToken(
                id=token,
                piece=piece,
                text=table.show(token),
                parts=_parts(selection.parts.get(piece), id_of),
                witness=tokenizer.witnesses.get(token),
                needed_by=None if owner is None else id_of[owner],
                **provenance(rule, row),
            )
        )
    return tuple(tokens)


def _parts(merge: Merge | None, id_of: Mapping[str, int]) -> tuple[int, ...]:
    return () if merge is None else (id_of[merge.left], id_of[merge.right])


def provenance(rule: RowRule | None, row: int) -> Provenance:
    """Say what a new token's input row rests on, if it is a weighted sum, or that it was given."""
    if isinstance(rule, ReadyRule):
        return {"origin": GIVEN} if rule.given[row] else provenance(rule.rest, row)
    if not isinstance(rule, Alignment):
        return {}
    return {"origin": Origin(rule.origins[row]).name.lower(), "evidence": int(rule.evidence[row])}

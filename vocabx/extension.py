"""Decide an extension: the tokenizer, what happens to each id, and how each new row is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from vocabx.core.alignment import Alignment, Origin, mean_over
from vocabx.core.corpus import Corpus
from vocabx.core.embeddings import Embeddings
from vocabx.core.initialization import Initialization, RowRule
from vocabx.core.plan import Plan
from vocabx.core.report import Cell, Report, Table
from vocabx.initializers.table import INITIALIZERS
from vocabx.manifest import Manifest, NewToken, installed_versions
from vocabx.request import SHIPPED_SAMPLE, Request
from vocabx.stages import Stages
from vocabx.tokenizer_tools.extend import extend_tokenizer
from vocabx.tokenizer_tools.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.read import FastSegmenter

__all__ = ["Extension", "prepare", "tokenizer_manifest", "tokenizer_report", "train"]


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

    def probes(self) -> list[str]:
        """Texts that any faithful copy of the tokenizer encodes alike: the witnesses of all new tokens."""
        return list(self.tokenizer.witnesses.values())

    def report(self, stages: Stages, headline: str = "") -> Report:
        """Say what was decided, and what each stage took."""
        tokens = self.manifest.new_tokens
        facts: dict[str, Cell] = {
            "base": self.manifest.base,
            "method": self.manifest.method,
            "tokens before": self.plan.kept,
            **tokenizer_facts(self.tokenizer),
            "rows without evidence (mean)": sum(token.origin == Origin.FALLBACK.name.lower() for token in tokens),
            "rows before": self.plan.rows_before,
            "rows after": self.plan.rows_after,
            "padding rows": len(self.plan.padding),
        }
        return Report(headline, facts, [*tradeoff_tables(self.tokenizer), stages.table()])


def tokenizer_facts(tokenizer: ExtendedTokenizer) -> dict[str, Cell]:
    """Sum up an extended tokenizer."""
    before, after = tokenizer.corpus_tokens
    return {
        "new tokens": len(tokenizer.selection.pieces),
        "proved by a witness": len(tokenizer.witnesses),
        "parts of characters that others need": len(tokenizer.selection.needed_by),
        "corpus tokens before": before,
        "corpus tokens after": after,
        "after / before": after / before if before else None,
        "scripts learned": ", ".join(tokenizer.scripts) or "any",
        "source sample lines": tokenizer.sample_lines,
        "changed source lines": tokenizer.changed_lines,
    }


def tokenizer_report(tokenizer: ExtendedTokenizer, stages: Stages, headline: str = "") -> Report:
    """Say what was learned, and what it took."""
    return Report(headline, tokenizer_facts(tokenizer), [*tradeoff_tables(tokenizer), stages.table()])


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
    with stages("tokenizer"):
        return extend_tokenizer(source, corpus.batches(), request.source_lines(), request.options, progress=stages.say)


def prepare(
    base: Embeddings,
    source: FastSegmenter,
    base_name: str,
    request: Request,
    stages: Stages,
    tokenizer: ExtendedTokenizer | None = None,
) -> Extension:
    """Train the tokenizer, unless one of the same request is given, and make the rules for all rows.

    New tokens follow the base's last id and take over its padding rows before the matrix grows; it never shrinks.
    """
    corpus = request.open_corpus()
    with stages("reading the base's rows"):
        usable = base.usable()
        padding = Alignment.build(mean_over(np.flatnonzero(usable), len(usable)))
    tokenizer = tokenizer or train(source, corpus, request, stages)
    plan = _plan(tokenizer, len(base.rows), request.pad_to_multiple or 1)
    with stages("weights of the new rows"):
        initializer = INITIALIZERS[request.method].load()
        initialization = initializer.initialize(source, tokenizer.new_tokens, usable, request.seed)
    manifest = replace(
        tokenizer_manifest(tokenizer, base_name, request, corpus),
        command="extend",
        method=request.method,
        convex=INITIALIZERS[request.method].convex,
        plan=plan,
        new_tokens=new_tokens(tokenizer, initialization.input),
    )
    return Extension(tokenizer, plan, initialization, padding, manifest)


def _plan(tokenizer: ExtendedTokenizer, rows_before: int, multiple: int) -> Plan:
    kept, new = tokenizer.first_new, len(tokenizer.selection.pieces)
    rows = max(kept + new, rows_before)
    return Plan(kept, new, rows_before, rows + -rows % multiple, dict(tokenizer.source.roles))


def tokenizer_manifest(tokenizer: ExtendedTokenizer, base_name: str, request: Request, corpus: Corpus) -> Manifest:
    """Describe an extended tokenizer without weights."""
    # No paths and no times: the same inputs give the same bytes wherever and whenever they are run.
    return Manifest(
        command="tokenizer extend",
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
        "options": {**asdict(request.options), "scripts": None if request.scripts is None else list(request.scripts)},
        "tradeoffs": [asdict(row) for row in tokenizer.tradeoffs],
    }


def new_tokens(tokenizer: ExtendedTokenizer, rule: RowRule | None = None) -> Sequence[NewToken]:
    """Return the provenance of every new token; `rule` is how the input rows are made, if they are."""
    table, selection, first = tokenizer.segmenter.tokens, tokenizer.selection, tokenizer.first_new
    id_of = {piece: token for token, piece in enumerate(table.pieces)}
    aligned = rule if isinstance(rule, Alignment) else None
    tokens = []
    for row, piece in enumerate(selection.pieces):
        merge, owner = selection.parts[piece], selection.needed_by.get(piece)
        tokens.append(
            NewToken(
                id=first + row,
                piece=piece,
                text=table.show(first + row),
                parts=(id_of[merge.left], id_of[merge.right]),
                witness=tokenizer.witnesses.get(first + row),
                needed_by=None if owner is None else id_of[owner],
                origin=Origin(aligned.origins[row]).name.lower() if aligned else None,
                evidence=int(aligned.evidence[row]) if aligned else None,
            )
        )
    return tuple(tokens)

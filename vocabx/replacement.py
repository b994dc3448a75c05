"""Replace a model's tokenizer: rows that both vocabularies have are copied, and the others are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Unpack

import numpy as np

from vocabx.base import Base
from vocabx.card import check_languages, write_card
from vocabx.checkpoint import Checkpoint
from vocabx.checkpoint.config import lost_settings
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.checkpoint.token_ids import named_ids
from vocabx.checkpoint.writing.ahead import Ahead
from vocabx.conversation import open_chat, render
from vocabx.core.alignment import Alignment
from vocabx.core.corpus import Corpus, Texts, open_texts
from vocabx.core.initialization import Initialization
from vocabx.core.plan import Plan
from vocabx.core.report import Cell, Report
from vocabx.core.setting_types import as_path
from vocabx.core.tokens import ROLES, TokenKind, TokenTable
from vocabx.core.transfer import Materials
from vocabx.diagnostics.diagnosis import Diagnosis, diagnose
from vocabx.directories import open_base, plan_factorization
from vocabx.extension import mean_row, provenance
from vocabx.factorization import Factorized
from vocabx.manifest import REPLACE, Manifest, NewToken, installed_versions
from vocabx.output import base_name, output_directory, token_texts, write_model
from vocabx.ready_rows import given_rows, made_by_method, ready_notes
from vocabx.row_request import RowRequest, WrittenSettings
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer
from vocabx.tokenizer_tools.replace import ReplacedTokenizer, replace_tokenizer
from vocabx.tokenizer_tools.write import TokenizerStyle, write_tokenizer

__all__ = ["ReplaceRequest", "Replacement", "plan_replacement", "prepare_replacement", "replace"]


@dataclass(frozen=True)
class ReplaceRequest(RowRequest):
    """A replacement to make; how its rows are made is said by `RowRequest`.

    Attributes
    ----------
    tokenizer : str or Path
        The target: a directory that `AutoTokenizer` opens, or a hub id.
    corpus : path, pattern, or several
        Target-language text, for methods that read some.
    """

    tokenizer: str | Path
    corpus: Texts = ()

    def open_corpus(self) -> Corpus | None:
        """Resolve the corpus, if there is one."""
        return open_texts(self.corpus, self.text_field) if self.corpus else None


@dataclass(frozen=True)
class Replacement:
    """A replacement before anything is written: everything that decides the result.

    `template_dropped` says why the base's chat template is left out; it is empty where it is kept, or there is none.
    """

    tokenizer: ReplacedTokenizer
    plan: Plan
    initialization: Initialization = field(repr=False)
    padding: Alignment = field(repr=False)
    manifest: Manifest = field(repr=False)
    diagnosis: Diagnosis = field(repr=False)
    lost: tuple[str, ...] = ()
    template_dropped: str = ""
    factorized: Factorized | None = field(default=None, repr=False)

    @property
    def segmenter(self) -> FastSegmenter:
        """The resulting pipeline."""
        return self.tokenizer.segmenter

    @property
    def style(self) -> TokenizerStyle:
        """What of the base's ways is carried over."""
        return TokenizerStyle(template=not self.template_dropped, pipeline=False)

    def probes(self) -> list[str]:
        """Texts that any faithful copy of the tokenizer encodes alike: tokens, and the special ones of the base."""
        return [*token_texts(self.segmenter.tokens), *self.tokenizer.by_text, *self.tokenizer.carried]

    def report(self, stages: Stages, headline: str = "") -> Report:
        """Say what was matched, copied and made, and what each stage took."""
        plan, tokenizer = self.plan, self.tokenizer
        matched = len(tokenizer.by_text) + len(tokenizer.by_role) + len(tokenizer.carried)
        facts: dict[str, Cell] = {
            "base": self.manifest.base,
            "target tokenizer": self.manifest.tokenizer["target"],
            "method": self.manifest.method,
            "tokens before": plan.tokens_before,
            "tokens after": plan.tokens,
            "copied, same bytes": plan.kept - matched,
            "copied, special": matched,
            "of these by role": _listed(tokenizer.by_role),
            "of these carried over": _listed(tokenizer.carried),
            "new tokens": plan.new,
            **self.diagnosis.facts(),
            "rows before": plan.rows_before,
            "rows after": plan.rows_after,
            "padding rows": len(plan.padding),
            "chat template": f"left out: {self.template_dropped}" if self.template_dropped else "as it was",
            "settings without their token": "; ".join(self.lost) or "none",
        }
        return Report(headline, facts | stages.notes, [*self.diagnosis.tables(), stages.table()])


def _listed(pieces: Sequence[str]) -> str:
    return " ".join(pieces) or "none"


def replace(
    model: str | Path,
    tokenizer: str | Path,
    out: str | Path,
    *,
    corpus: Texts = (),
    force: bool = False,
    stages: Stages | None = None,
    languages: Sequence[str] = (),
    **settings: Unpack[WrittenSettings],
) -> Replacement:
    """Write a model with another tokenizer.

    Parameters
    ----------
    model : str or Path
        A model directory or a hub id; it is never changed.
    tokenizer, corpus, **settings
        As in `ReplaceRequest`.
    out : str or Path
        The directory to write; it appears whole or not at all.
    force : bool
        Replace an `out` that vocabx wrote earlier.
    stages : Stages, optional
        Hears what goes on and measures it.
    languages : sequence of str
        Codes such as ``"ko"`` for the model card; none is guessed.

    Raises
    ------
    VocabxError
        With one sentence about what is wrong with the model, the tokenizer, a setting or the disk.

    Notes
    -----
    Rows of tokens that both vocabularies have are copied bit for bit. Special tokens keep their roles and their place
    around a text, and those that the target lacks are carried over, so that chat and generation go on working.
    """
    request = ReplaceRequest(tokenizer, corpus, **settings)
    stages = stages or Stages()
    check_languages(languages)
    target = resolve_model(tokenizer, weights=False, hub=request.hub.for_others)
    place = as_path("out", out)
    with output_directory(model, place, force, (), stages.say, protect=[target], hub=request.hub) as (_, ahead):
        replacement, checkpoint = plan_replacement(model, request, stages, ahead=ahead)
        write_model(
            replacement,
            checkpoint,
            ahead.out,
            stages,
            replacement.style,
            replacement.factorized,
            request.storage,
            ahead,
        )
        write_card(ahead.out, checkpoint, languages)
    return replacement


def plan_replacement(
    model: str | Path,
    request: ReplaceRequest,
    stages: Stages,
    materials: Materials | None = None,
    ahead: Ahead | None = None,
) -> tuple[Replacement, Checkpoint]:
    """Decide everything and write nothing; materials that are open already are not opened again."""
    materials = materials or request.check(request.open_corpus())
    target = read_tokenizer(resolve_model(request.tokenizer, weights=False, hub=request.hub.for_others))
    directory = resolve_model(model, hub=request.hub, trust_pickle=request.trust_pickle)
    checkpoint, source, rows = open_base(directory, stages, request.storage, ahead)
    base = Base.of(model, checkpoint, source, rows)
    factorized = plan_factorization(checkpoint, request.factorization, len(source.tokens), stages)
    return prepare_replacement(base, target, request, materials, stages, factorized), checkpoint


def prepare_replacement(
    base: Base,
    target: FastSegmenter,
    request: ReplaceRequest,
    materials: Materials,
    stages: Stages,
    factorized: Factorized | None = None,
) -> Replacement:
    """Match the tokenizers, and make the rules for all rows."""
    source, rows = base.segmenter, base.embeddings.rows
    request.check_rows(rows, base.head)
    with stages("reading the base's rows"):
        usable = base.embeddings.usable()
    with stages("tokenizer"):
        named = named_ids(base.config) | named_ids(base.generation or {})
        written = _written_by_templates(base.tokenizer, source.tokens)
        needed = {token for token in named if token < len(source.tokens)} | written
        tokenizer = replace_tokenizer(source, target, spelt=written, needed=needed)
        dropped = _template_fault(base.tokenizer, tokenizer)
    size, multiple = len(tokenizer.segmenter.tokens), request.pad_to_multiple or 1
    rows_after = size + -size % multiple
    plan = Plan(tokenizer.origins, len(source.tokens), len(rows), rows_after, tokenizer.segmenter.roles)
    lost = lost_settings(base.config, base.generation, plan)
    with stages("weights of the new rows"):
        transfer = request.transfer(
            source,
            tokenizer.segmenter,
            tokenizer.new_ids,
            usable,
            materials,
            rows,
            base.head.rows,
            stages.say,
        )
        initialization = request.initialize(transfer, base.head.has_bias)
        stages.notes.update(ready_notes(initialization, request.method))
    with stages("diagnostics"):
        diagnosis = diagnose(initialization, transfer, request.method, base.head, factorized=factorized)
    manifest = Manifest(
        command=REPLACE,
        base=base.name,
        method=request.method,
        method_options=dict(request.method_options),
        materials=request.given(),
        given_rows=given_rows(initialization, transfer, base.head.has_bias),
        convex=made_by_method(initialization).is_convex,
        diagnostics=diagnosis.to_json(),
        seed=request.seed,
        plan=plan,
        tokenizer={
            **_record(tokenizer, request),
            "chat_template_dropped": dropped,
            "settings_without_token": list(lost),
        },
        rows={},
        new_tokens=_new_tokens(tokenizer, initialization),
        versions=installed_versions(),
    )
    return Replacement(
        tokenizer, plan, initialization, mean_row(usable), manifest, diagnosis, lost, dropped, factorized
    )


def _record(tokenizer: ReplacedTokenizer, request: ReplaceRequest) -> Mapping[str, Any]:
    return {
        "target": base_name(request.tokenizer),
        "pad_to_multiple": request.pad_to_multiple,
        "special_tokens": {
            "by_text": list(tokenizer.by_text),
            "by_role": list(tokenizer.by_role),
            "carried": list(tokenizer.carried),
        },
    }


def _new_tokens(tokenizer: ReplacedTokenizer, initialization: Initialization) -> Sequence[NewToken]:
    table = tokenizer.segmenter.tokens
    return tuple(
        NewToken(id=token, piece=table.pieces[token], text=table.show(token), **provenance(initialization.input, row))
        for row, token in enumerate(tokenizer.new_ids.tolist())
    )


def _templates(chat: Any) -> list[str]:
    template = chat.chat_template
    return list(template.values()) if isinstance(template, dict) else [template] if template else []


def _written_by_templates(base: Path, tokens: TokenTable) -> set[int]:
    """Return the special and added tokens that the base's chat templates write, by their spelling or by their role."""
    text = "\n".join(_templates(open_chat(base)))
    added = np.flatnonzero((tokens.kinds == TokenKind.CONTROL) | (tokens.kinds == TokenKind.ADDED)).tolist()
    spelt = {token for token in added if tokens.pieces[token].strip() and tokens.pieces[token] in text}
    return spelt | {token for role, token in tokens.roles.items() if role in ROLES and f"{role}_token" in text}


def _template_fault(base: Path, tokenizer: ReplacedTokenizer) -> str:
    """Say why the base's chat template cannot serve the new tokenizer; nothing where it can, or where there is none."""
    before = open_chat(base)
    if not _templates(before) or not find_spec("jinja2"):
        return ""
    try:
        expected = render(before)
    except Exception:  # a template may refuse a plain conversation, and that is no fault of the tokenizer
        return ""
    with TemporaryDirectory() as folder:
        write_tokenizer(tokenizer.segmenter, base, Path(folder), TokenizerStyle(pipeline=False))
        found = render(open_chat(Path(folder)))
    if found.text != expected.text:
        return "it renders another text with the new special tokens"
    markup = [origin for origin in tokenizer.origins[found.ids].tolist() if origin in set(expected.markup)]
    if markup != expected.markup:
        return "its special tokens are not single tokens of the new tokenizer"
    return ""

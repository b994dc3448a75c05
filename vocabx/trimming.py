"""Trim a model: keep the tokens that a text uses, with their rows, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scipy.sparse import csr_array

from vocabx.base import Base
from vocabx.card import check_languages, write_card
from vocabx.checkpoint import Checkpoint
from vocabx.checkpoint.config import lost_settings
from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.checkpoint.token_ids import named_ids
from vocabx.checkpoint.writing.ahead import Ahead
from vocabx.checkpoint.writing.storage import COPY, Storage, type_name
from vocabx.conversation import rendered_ids
from vocabx.core.alignment import Alignment
from vocabx.core.corpus import Corpus, Texts, open_texts
from vocabx.core.errors import InputError
from vocabx.core.initialization import Initialization
from vocabx.core.plan import Plan
from vocabx.core.report import Cell, Report
from vocabx.core.setting_types import as_path, check_types
from vocabx.core.tokens import TokenKind, TokenTable
from vocabx.directories import open_base
from vocabx.extension import mean_row
from vocabx.manifest import TRIM, Manifest, installed_versions
from vocabx.output import output_directory, token_texts, write_model
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.trim import TrimmedTokenizer, trim_tokenizer

__all__ = ["ID_MAP", "TrimRequest", "Trimming", "plan_trimming", "prepare_trimming", "trim"]

ID_MAP = "vocabx-ids.tsv"


@dataclass(frozen=True)
class TrimRequest:
    """A trimming to make.

    Attributes
    ----------
    corpus : path, pattern, or several
        Text of every language that the model is to keep.
    minimum_frequency : int
        Tokens that occur less often go, and text that held them is spelt in other tokens.
    pad_to_multiple : int, optional
        Fill the matrices up to a multiple with rows of the mean, which generation suppresses.
    text_field : str
        Where JSONL and Parquet corpora keep the text.
    trust_pickle : bool
        Open a model whose weights are PyTorch files (`.bin`) alone.
    shards, dtype
        How weights are stored, as in `RowRequest`.
    hub : HubOptions
        How hub ids are looked up.
    """

    corpus: Texts
    minimum_frequency: int = 1
    pad_to_multiple: int | None = None
    text_field: str = "text"
    trust_pickle: bool = False
    shards: str = COPY
    dtype: str | None = None
    hub: HubOptions = field(default_factory=HubOptions)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", type_name(self.dtype))
        check_types(self)
        _ = self.storage
        if self.minimum_frequency < 1:
            raise InputError(f"The minimum frequency must be at least 1, got {self.minimum_frequency}.")
        if self.pad_to_multiple is not None and self.pad_to_multiple < 1:
            raise InputError(f"The rows can be padded to a multiple of at least 1, got {self.pad_to_multiple}.")

    @property
    def storage(self) -> Storage:
        """How weights are stored."""
        return Storage(self.shards, self.dtype)

    def open_corpus(self) -> Corpus:
        """Resolve the corpus; raise `CorpusError` when a part of it is missing."""
        return open_texts(self.corpus, self.text_field)


@dataclass(frozen=True)
class Trimming:
    """A trimming before anything is written: everything that decides the result."""

    tokenizer: TrimmedTokenizer
    plan: Plan
    padding: Alignment = field(repr=False)
    manifest: Manifest = field(repr=False)
    lost: tuple[str, ...] = ()

    @property
    def segmenter(self) -> FastSegmenter:
        """The trimmed pipeline."""
        return self.tokenizer.segmenter

    @property
    def initialization(self) -> Initialization:
        """The rule of no row."""
        return Initialization.shared(Alignment.build(csr_array((0, self.plan.tokens_before))))

    def probes(self) -> list[str]:
        """Texts that any faithful copy of the tokenizer encodes alike: tokens, from the first to the last."""
        return token_texts(self.segmenter.tokens)

    def report(self, stages: Stages, headline: str = "") -> Report:
        """Say what stays, and what each stage took."""
        plan, tokenizer = self.plan, self.tokenizer
        facts: dict[str, Cell] = {
            "base": self.manifest.base,
            "tokens before": plan.tokens_before,
            "tokens after": plan.tokens,
            "of these used by the text": tokenizer.used,
            "corpus tokens": tokenizer.corpus_tokens,
            "rows before": plan.rows_before,
            "rows after": plan.rows_after,
            "padding rows": len(plan.padding),
            "settings without their token": "; ".join(self.lost) or "none",
        }
        return Report(headline, facts | stages.notes, [stages.table()])


def trim(
    model: str | Path,
    corpus: Texts,
    out: str | Path,
    *,
    minimum_frequency: int = 1,
    pad_to_multiple: int | None = None,
    text_field: str = "text",
    trust_pickle: bool = False,
    shards: str = COPY,
    dtype: str | None = None,
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    force: bool = False,
    stages: Stages | None = None,
    languages: Sequence[str] = (),
) -> Trimming:
    """Write a model with only the tokens that a text uses.

    Parameters
    ----------
    model : str or Path
        A model directory or a hub id; it is never changed.
    corpus, minimum_frequency, pad_to_multiple, text_field, trust_pickle, shards, dtype, hub
        As in `TrimRequest`.
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
        With one sentence about what is wrong with the model, the text, a setting or the disk.

    Notes
    -----
    Rows are copied bit for bit and only ids change, also in config.json and generation_config.json. The file
    `vocabx-ids.tsv` gives new id, old id and piece, one token to a line.
    """
    request = TrimRequest(corpus, minimum_frequency, pad_to_multiple, text_field, trust_pickle, shards, dtype, hub)
    stages = stages or Stages()
    check_languages(languages)
    with output_directory(model, as_path("out", out), force, request.open_corpus().files, stages.say, hub=hub) as (
        _,
        ahead,
    ):
        trimming, checkpoint = plan_trimming(model, request, stages, ahead)
        _write_ids(trimming, ahead.out / ID_MAP)
        write_model(trimming, checkpoint, ahead.out, stages, storage=request.storage, ahead=ahead)
        write_card(ahead.out, checkpoint, languages)
    return trimming


def plan_trimming(
    model: str | Path, request: TrimRequest, stages: Stages, ahead: Ahead | None = None
) -> tuple[Trimming, Checkpoint]:
    """Decide everything and write nothing."""
    corpus = request.open_corpus()  # a missing file is reported before the base is read
    directory = resolve_model(model, hub=request.hub, trust_pickle=request.trust_pickle)
    checkpoint, source, rows = open_base(directory, stages, request.storage, ahead)
    return prepare_trimming(Base.of(model, checkpoint, source, rows), corpus, request, stages), checkpoint


def prepare_trimming(base: Base, corpus: Corpus, request: TrimRequest, stages: Stages) -> Trimming:
    """Choose the tokens that stay."""
    source = base.segmenter
    with stages("reading the base's rows"):
        padding = mean_row(base.embeddings.usable())
    named = named_ids(base.config) | named_ids(base.generation or {})
    named |= set(rendered_ids(base.tokenizer))  # words of the chat template stay what they are
    with stages("tokenizer"):
        tokenizer = trim_tokenizer(
            source,
            corpus.batches(),
            minimum_frequency=request.minimum_frequency,
            keep=_existing(named, source.tokens),
            progress=stages.say,
        )
    plan = _plan(tokenizer, len(base.embeddings.rows), request.pad_to_multiple or 1)
    lost = lost_settings(base.config, base.generation, plan)
    manifest = Manifest(
        command=TRIM,
        base=base.name,
        method="",
        convex=False,
        seed=0,
        plan=plan,
        tokenizer={**_record(tokenizer, request), "settings_without_token": list(lost)},
        rows={},
        new_tokens=(),
        corpus={"files": [file.name for file in corpus.files], "bytes": corpus.size},
        versions=installed_versions(),
    )
    return Trimming(tokenizer, plan, padding, manifest, lost)


def _existing(ids: set[int], tokens: TokenTable) -> list[int]:
    """Leave out ids of no token, which some settings name."""
    return sorted(token for token in ids if token < len(tokens) and tokens.kinds[token] != TokenKind.ABSENT)


def _plan(tokenizer: TrimmedTokenizer, rows_before: int, multiple: int) -> Plan:
    source, size = tokenizer.source, len(tokenizer.kept)
    return Plan(tokenizer.kept, len(source.tokens), rows_before, size + -size % multiple, tokenizer.segmenter.roles)


def _record(tokenizer: TrimmedTokenizer, request: TrimRequest) -> dict[str, Any]:
    settings = asdict(request)
    return {
        "used": tokenizer.used,
        "corpus_tokens": tokenizer.corpus_tokens,
        "options": {name: settings[name] for name in ("minimum_frequency", "pad_to_multiple", "text_field")},
    }


def _write_ids(trimming: Trimming, path: Path) -> None:
    """Write the map of ids; a piece with a tab or a line's end is spelt as JSON does."""
    pieces: Sequence[str] = trimming.segmenter.tokens.pieces
    escapes = {code: repr(chr(code))[1:-1] for code in (*range(32), 0x7F, 0x85, 0x2028, 0x2029)} | {ord("\\"): "\\\\"}
    lines = ["new id\told id\tpiece"]
    for token, origin in enumerate(trimming.plan.origins.tolist()):
        lines.append(f"{token}\t{origin}\t{pieces[token].translate(escapes)}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

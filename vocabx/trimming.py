"""Trim a model: keep the tokens that a text uses, with their rows, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scipy.sparse import csr_array

from vocabx.checkpoint import Checkpoint
from vocabx.checkpoint.config import lost_settings, read_generation_config
from vocabx.checkpoint.resolve import resolve_model
from vocabx.checkpoint.token_ids import named_ids
from vocabx.conversation import rendered_ids
from vocabx.core.alignment import Alignment
from vocabx.core.corpus import Corpus, Texts, open_texts
from vocabx.core.errors import InputError
from vocabx.core.initialization import Initialization
from vocabx.core.plan import Plan
from vocabx.core.report import Cell, Report
from vocabx.core.tokens import TokenKind, TokenTable
from vocabx.directories import open_base
from vocabx.extension import mean_row
from vocabx.manifest import TRIM, Manifest, installed_versions
from vocabx.output import base_name, output_directory, token_texts, write_model
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.trim import TrimmedTokenizer, trim_tokenizer

__all__ = ["ID_MAP", "TrimRequest", "Trimming", "plan_trimming", "trim"]

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
    """

    corpus: Texts
    minimum_frequency: int = 1
    pad_to_multiple: int | None = None
    text_field: str = "text"

    def __post_init__(self) -> None:
        if self.minimum_frequency < 1:
            raise InputError(f"The minimum frequency must be at least 1, got {self.minimum_frequency}.")
        if self.pad_to_multiple is not None and self.pad_to_multiple < 1:
            raise InputError(f"The rows can be padded to a multiple of at least 1, got {self.pad_to_multiple}.")

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
    force: bool = False,
    stages: Stages | None = None,
) -> Trimming:
    """Write a model with only the tokens that a text uses.

    Parameters
    ----------
    model : str or Path
        A model directory or a hub id; it is never changed.
    corpus, minimum_frequency, pad_to_multiple, text_field
        As in `TrimRequest`.
    out : str or Path
        The directory to write; it appears whole or not at all.
    force : bool
        Replace an `out` that vocabx wrote earlier.
    stages : Stages, optional
        Hears what goes on and measures it.

    Raises
    ------
    VocabxError
        With one sentence about what is wrong with the model, the text, a setting or the disk.

    Notes
    -----
    Rows are copied bit for bit and only ids change, also in config.json and generation_config.json. The file
    `vocabx-ids.tsv` gives new id, old id and piece, one token to a line.
    """
    request = TrimRequest(corpus, minimum_frequency, pad_to_multiple, text_field)
    stages = stages or Stages()
    with output_directory(model, Path(out), force, request.open_corpus().files) as (_, stage):
        trimming, checkpoint = plan_trimming(model, request, stages)
        _write_ids(trimming, stage / ID_MAP)
        write_model(trimming, checkpoint, stage, stages)
    return trimming


def plan_trimming(model: str | Path, request: TrimRequest, stages: Stages) -> tuple[Trimming, Checkpoint]:
    """Decide everything and write nothing."""
    corpus = request.open_corpus()  # a missing file is reported before the base is read
    checkpoint, source, base = open_base(resolve_model(model), stages)
    generation = read_generation_config(checkpoint.directory)
    with stages("reading the base's rows"):
        padding = mean_row(base.usable())
    named = named_ids(checkpoint.config) | named_ids(generation or {})
    named |= set(rendered_ids(checkpoint.directory))  # words of the chat template stay what they are
    with stages("tokenizer"):
        tokenizer = trim_tokenizer(
            source,
            corpus.batches(),
            minimum_frequency=request.minimum_frequency,
            keep=_existing(named, source.tokens),
            progress=stages.say,
        )
    plan = _plan(tokenizer, len(base.rows), request.pad_to_multiple or 1)
    lost = lost_settings(checkpoint.config, generation, plan)
    manifest = Manifest(
        command=TRIM,
        base=base_name(model),
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
    return Trimming(tokenizer, plan, padding, manifest, lost), checkpoint


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

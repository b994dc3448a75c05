"""Opening: plain transformers must open the directory and get what is stored there."""

from __future__ import annotations

from pathlib import Path

from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.verification.finding import Outcome, failed, judge, passed
from vocabx.verification.model import OpenedModel
from vocabx.verification.subject import Subject

__all__ = ["check_model", "check_tokenizer_file"]

FILE = "tokenizer.json"
PROBE = "1 + 1 = 2"


def check_tokenizer_file(subject: Subject) -> Outcome:
    """`AutoTokenizer` may rebuild a tokenizer from its class and ignore the file; other readers use the file."""
    opened, stored = subject.segmenter, _read_file(subject.directory / FILE)
    if opened.tokens.pieces != stored.tokens.pieces:
        return failed(f"AutoTokenizer gives {len(opened.tokens):,} ids and {FILE} {len(stored.tokens):,}, not the same")
    texts = [*subject.witnesses, *subject.lines]
    pairs = zip(texts, [*subject.witness_ids, *subject.line_ids], stored.encode(texts), strict=True)
    offenders = [
        f"{text!r}: {opened_ids} and {stored_ids}" for text, opened_ids, stored_ids in pairs if opened_ids != stored_ids
    ]
    return judge(offenders, f"{len(offenders):,} of {len(texts):,} texts differ ({len(subject.witnesses):,} witnesses)")


def _read_file(path: Path) -> FastSegmenter:
    from tokenizers import Tokenizer

    if not path.is_file():
        raise TokenizerError(f"{path.parent} has no {FILE}.")
    try:
        return FastSegmenter.owning(Tokenizer.from_file(str(path)))
    except Exception as error:  # the library raises nothing narrower
        raise TokenizerError(f"{path} cannot be read: {error}") from error


def check_model(subject: Subject) -> Outcome:
    """Keys, shapes and a forward pass; what the base stores and transformers does not want is the base's matter."""
    opened = subject.model
    expected = set(subject.base_checkpoint.tensors) if subject.base_checkpoint else set[str]()
    offenders = [f"unexpected: {key}" for key in sorted(opened.unexpected - expected)]
    offenders += [f"missing: {key}" for key in sorted(opened.missing) if _was_there(key, expected)]
    offenders += [f"mismatched: {key}" for key in sorted(opened.mismatched)]
    if opened.rows != opened.vocabulary_size:
        offenders.append(f"{opened.rows:,} embedding rows, and vocab_size {opened.vocabulary_size:,}")
    if offenders:
        return failed(f"{opened.kind} opens the model, with {len(offenders)} complaints", offenders)
    return _forward(subject, opened)


def _was_there(key: str, stored: set[str]) -> bool:
    """Whether the base stores a weight, under whatever prefix; where no base is given, it may have."""
    return not stored or any(name == key or name.endswith(f".{key}") or key.endswith(f".{name}") for name in stored)


def _forward(subject: Subject, opened: OpenedModel) -> Outcome:
    ids = next((ids for ids in subject.witness_ids if ids), None) or subject.segmenter.encode([PROBE])[0]
    scores = opened.scores(ids)
    if not scores.isfinite().all():
        return failed(f"{opened.kind} gives scores that are not finite, for the ids {ids}")
    if opened.is_headed and scores.shape[-1] != opened.rows:
        return failed(f"{opened.kind} gives {scores.shape[-1]:,} scores for {opened.rows:,} rows")
    return passed(
        f"{opened.way}: {opened.rows:,} rows, no missing or unexpected weights, finite scores {tuple(scores.shape)}"
    )

"""Readers: what engines read besides the weights must be there, and say what `tokenizer.json` says.

An engine takes the first vocabulary that it finds: a copy of the base's beside `tokenizer.json` hides every new token
from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vocabx.checkpoint import Checkpoint
from vocabx.checkpoint.config import read_json
from vocabx.checkpoint.token_ids import sections
from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.sentencepiece_model import read_pieces
from vocabx.verification.finding import Outcome, judge
from vocabx.verification.subject import Subject

__all__ = ["check_readers"]

SENTENCEPIECE = ("tokenizer.model", "spiece.model")
RENUMBERED = "sentencepiece.bpe.model"
"""Its ids are not the tokenizer's, so that it cannot be told from a stale one; vocabx writes none."""
FRAMEWORK = "format"
DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "float64": "F64"}


def check_readers(subject: Subject) -> Outcome:
    """Compare every copy of the vocabulary, ask whether ids have holes, and look at what loaders ask of the weights."""
    offenders = [*_holes(subject), *_copies(subject.directory, subject.segmenter)]
    if not subject.is_tokenizer_only:
        offenders += [*_formats(subject.checkpoint, subject.base_checkpoint), *_types(subject)]
    copies = [name for name in (*SENTENCEPIECE, "vocab.json", "merges.txt", "vocab.txt") if _is_there(subject, name)]
    listed = ", ".join(copies) or "no other copy of the vocabulary"
    return judge(offenders, f"{len(subject.table):,} ids; {listed}")


def _is_there(subject: Subject, name: str) -> bool:
    return (subject.directory / name).is_file()


def _holes(subject: Subject) -> Iterator[str]:
    """Find ids that no token has, between those of tokens: some engines number tokens by counting."""
    missing = _missing(subject.segmenter)
    if missing and not (subject.base_directory is not None and missing <= _missing(subject.base_segmenter)):
        first = ", ".join(map(str, sorted(missing)[:3]))
        yield f"{len(missing):,} ids below the last have no token, such as {first}"


def _missing(segmenter: FastSegmenter) -> set[int]:
    ids = set(segmenter.backend.get_vocab(with_added_tokens=True).values())
    return set(range(max(ids, default=-1) + 1)) - ids


def _copies(directory: Path, segmenter: FastSegmenter) -> Iterator[str]:
    """Hold each further file with a vocabulary against the tokenizer's."""
    for name in (name for name in SENTENCEPIECE if (directory / name).is_file()):
        yield from _sentencepiece(directory / name, segmenter)
    if (directory / RENUMBERED).is_file():
        yield f"{RENUMBERED} is there, which vocabx does not write: engines may read it instead of tokenizer.json"
    model = segmenter.definition["model"]
    if (directory / "vocab.json").is_file():
        yield from _differing("vocab.json", read_json(directory / "vocab.json"), model)
    if (directory / "vocab.txt").is_file():
        lines = (directory / "vocab.txt").read_text("utf-8").split("\n")
        numbered = {piece: token for token, piece in enumerate(lines) if piece}
        yield from _differing("vocab.txt", numbered, model)
    if (directory / "merges.txt").is_file():
        lines = (directory / "merges.txt").read_text("utf-8").split("\n")
        merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
        if merges != [tuple(merge) for merge in model.get("merges") or ()]:
            yield f"merges.txt has {len(merges):,} merges, which are not those of tokenizer.json"


def _differing(name: str, vocabulary: Mapping[str, Any], model: Mapping[str, Any]) -> Iterator[str]:
    found = model["vocab"]
    own = found if isinstance(found, dict) else {piece: token for token, (piece, _) in enumerate(found)}
    if vocabulary != own:
        yield f"{name} has {len(vocabulary):,} pieces, which are not the {len(own):,} of tokenizer.json"


def _sentencepiece(path: Path, segmenter: FastSegmenter) -> Iterator[str]:
    try:
        pieces: Sequence[str] = read_pieces(path.read_bytes())
    except TokenizerError as error:
        yield f"{path.name} cannot be read: {error}"
        return
    own = segmenter.tokens.pieces
    added = segmenter.backend.get_added_tokens_decoder()
    wrong = [token for token, piece in enumerate(own) if token not in added and _at(pieces, token) != piece]
    if wrong or len(pieces) > len(own):
        yield f"{path.name} has {len(pieces):,} pieces; of the tokenizer's {len(own):,}, {len(wrong):,} are not there"


def _at(pieces: Sequence[str], token: int) -> str | None:
    return pieces[token] if token < len(pieces) else None


def _formats(own: Checkpoint, base: Checkpoint | None) -> Iterator[str]:
    """Look for the framework in each file's metadata: transformers refuses a file whose metadata lacks it."""
    said = {(file.metadata or {}).get(FRAMEWORK) for file in base.files.values()} if base else {"pt"}
    for name, file in own.files.items():
        found = (file.metadata or {}).get(FRAMEWORK)
        if found not in said and not (base is None and file.metadata is None):
            yield f"the metadata of {name} gives {found!r} as {FRAMEWORK}, and must give {' or '.join(map(repr, said))}"


def _types(subject: Subject) -> Iterator[str]:
    """Ask whether the stored type is the configured one, where it was in the base."""
    wrong = _unlike_configured(subject.checkpoint)
    if wrong and not (subject.base_checkpoint and _unlike_configured(subject.base_checkpoint) == wrong):
        yield wrong


def _unlike_configured(checkpoint: Checkpoint) -> str | None:
    stored = checkpoint.tensors[checkpoint.input].entry.dtype
    for section in sections(checkpoint.config):
        named = section.get("dtype") or section.get("torch_dtype")
        if isinstance(named, str) and DTYPES.get(named.removeprefix("torch."), stored) != stored:
            return f"config.json gives {named} as dtype, and the embedding is stored in {stored}"
    return None

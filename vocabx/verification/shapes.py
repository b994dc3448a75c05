"""Shapes: configuration, index and tensors must agree with one another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vocabx.checkpoint import Checkpoint
from vocabx.checkpoint.config import configured_tie, read_generation_config, vocabulary_size
from vocabx.checkpoint.read import GENERATION_CONFIG
from vocabx.verification.finding import Outcome, judge
from vocabx.verification.subject import Subject

__all__ = ["check_shapes", "generation_config"]

NO_TOKEN = -1  # what some configurations write for a role that nothing has
ID_LISTS = ("suppress_tokens", "begin_suppress_tokens")
ROLE_KEYS = tuple(
    f"{role}_token_id"
    for role in ("bos", "eos", "pad", "unk", "sep", "cls", "mask", "decoder_start", "forced_bos", "forced_eos")
)


def generation_config(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """Read generation_config.json; empty where there is none."""
    return read_generation_config(checkpoint.directory) or {}


def check_shapes(subject: Subject) -> Outcome:
    """Compare what `open_checkpoint`, which holds every row count against vocab_size, leaves uncompared."""
    own, base = subject.checkpoint, subject.base_checkpoint
    offenders = [*_sizes(subject), *_ids("config.json", own.config, own.rows)]
    offenders += _ids(GENERATION_CONFIG, generation_config(own), own.rows)
    offenders += [*_index(own, base), *_tie(own, base)]
    head = "tied" if own.tied else f"untied ({own.head})"
    shards = f"{len(own.files)} files, {len(own.tensors):,} tensors"
    return judge(offenders, f"{own.rows:,} rows of {own.dimensions}, head {head}, {len(own.biases)} biases; {shards}")


def _sizes(subject: Subject) -> Iterator[str]:
    own = subject.checkpoint
    configured = vocabulary_size(own.config)
    if configured != own.rows:
        yield f"vocab_size is {configured}, and the input embedding has {own.rows} rows"
    if own.rows < len(subject.table):
        yield f"the tokenizer has {len(subject.table):,} ids, and the input embedding {own.rows:,} rows"


def _ids(file: str, settings: Mapping[str, Any], rows: int) -> Iterator[str]:
    sections = [settings, settings["text_config"]] if isinstance(settings.get("text_config"), dict) else [settings]
    for key, value in ((key, section.get(key)) for section in sections for key in (*ROLE_KEYS, *ID_LISTS)):
        for token in value if isinstance(value, list) else [value]:
            if token is not None and token != NO_TOKEN and not (type(token) is int and 0 <= token < rows):
                yield f"{file}: {key} is {token!r}, outside the {rows:,} rows"


def _index(own: Checkpoint, base: Checkpoint | None) -> Iterator[str]:
    if own.index is None:
        return
    # open_checkpoint has made sure that every tensor of the index is where it says.
    for name in sorted(own.tensors.keys() - own.index["weight_map"].keys()):
        yield f"the index does not list {name}"
    surplus = _surplus_of_index(own)
    # A base whose index was wrong by some bytes gives one that is wrong by as many.
    if surplus and not (base and base.index and _surplus_of_index(base) == surplus):
        yield f"total_size of the index is off by {surplus:,} bytes"


def _surplus_of_index(checkpoint: Checkpoint) -> int:
    metadata = (checkpoint.index or {}).get("metadata")
    total = metadata.get("total_size") if isinstance(metadata, dict) else None
    stored = sum(tensor.entry.size for tensor in checkpoint.tensors.values())
    return int(total) - stored if isinstance(total, int | float) else 0


def _tie(own: Checkpoint, base: Checkpoint | None) -> Iterator[str]:
    if base and own.tied != base.tied:
        yield f"the head is {_word(own.tied)}, and the base's is {_word(base.tied)}"
    elif not base and own.head and configured_tie(own.config) and not own.tied:
        yield f"config.json ties the head to the input, and {own.head} is stored with other values"


def _word(tied: bool) -> str:
    return "tied" if tied else "untied"

"""Token store: a corpus as ids in files that are mapped, not read, so that it is tokenized once and never held."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vocabx.checkpoint.staging.atomic import staged_directory
from vocabx.core.corpus import Corpus
from vocabx.core.errors import CorpusError, InputError, UnknownNameError
from vocabx.core.say import Say, say_nothing, step
from vocabx.evaluation.text.documents import UNITS, split_documents
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.training.sequences.encoded import Framing, encode_documents, open_segmenter
from vocabx.training.sequences.stamps import FileStamp, differs, stamp_files, tokenizer_stamp

__all__ = ["TokenStore", "open_store", "store_tokens"]

FORMAT = "vocabx tokens 1"
FACTS = "store.json"
TYPES: Mapping[str, type[np.generic]] = {"ids": np.uint32, "sizes": np.uint32, "ends": np.int64}
"""What the files hold: a token's id, its bytes of text, and where a document ends."""
CHARACTERS_AT_ONCE = 2**19
DOCUMENTS_AT_ONCE = 2**13


@dataclass(frozen=True)
class TokenStore:
    """The tokens of a corpus, document after document.

    It is sent to another process by its place, so that loaders in processes of their own map the same files.

    Attributes
    ----------
    directory : Path
    documents, tokens : int
        Tokens include those around documents.
    bytes : int
        UTF-8 bytes of all documents.
    """

    directory: Path
    documents: int
    tokens: int
    bytes: int

    @cached_property
    def ids(self) -> NDArray[np.uint32]:
        """Ids of all documents, shape (tokens,)."""
        mapped: NDArray[np.uint32] = self._map("ids", self.tokens)
        return mapped

    @cached_property
    def sizes(self) -> NDArray[np.uint32]:
        """Bytes of text that each token stands for, shape (tokens,); of a document's tokens the sum is its bytes."""
        mapped: NDArray[np.uint32] = self._map("sizes", self.tokens)
        return mapped

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """The place behind each document, shape (documents,)."""
        mapped: NDArray[np.int64] = self._map("ends", self.documents)
        return mapped

    def _map(self, name: str, count: int) -> Any:
        return np.memmap(self.directory / name, TYPES[name], "r", shape=(count,))

    def __reduce__(self) -> tuple[Any, ...]:
        return open_store, (self.directory,)


def open_store(directory: Path) -> TokenStore:
    """Open what `store_tokens` wrote; raise `InputError` where it is not, or not whole."""
    facts = _read_facts(directory)
    store = TokenStore(directory, *(int(facts[name]) for name in ("documents", "tokens", "bytes")))
    counts = {"ids": store.tokens, "sizes": store.tokens, "ends": store.documents}
    for name, count in counts.items():
        file = directory / name
        if not file.is_file() or file.stat().st_size != count * np.dtype(TYPES[name]).itemsize:
            raise InputError(f"The token cache {directory} is damaged: {name} is not whole. Remove the directory.")
    return store


def _read_facts(directory: Path) -> dict[str, Any]:
    try:
        facts = json.loads((directory / FACTS).read_text("utf-8"))
        if facts["format"] == FORMAT:
            return dict(facts)
    except (OSError, KeyError, TypeError, ValueError):
        pass
    raise InputError(f"{directory} is not a token cache of this version. Name another directory, or remove it.")


def store_tokens(
    corpus: Corpus,
    tokenizer: Any,
    directory: Path,
    *,
    objective: str = "causal",
    unit: str = "line",
    named: bool = False,
    say: Say = say_nothing,
) -> TokenStore:
    """Tokenize a corpus into a directory, or open the one where that was done.

    Parameters
    ----------
    corpus : Corpus
    tokenizer : transformers tokenizer
    directory : Path
        It appears whole or not at all. What is there already is used if it was made of the same files (by name, size
        and time of change, or else by checksum), with the same tokenizer and the same options.
    objective : {"causal", "masked"}
        What stands around each document; see `Framing.of`.
    unit : {"line", "paragraph", "file"}
        What a document of a plain text file is; a record is always one.
    named : bool
        The user named the directory: one that does not match is refused. Any other is made anew.
    say : callable, optional
        Hears how far the work is.

    Raises
    ------
    CorpusError
        When the corpus holds no text.
    InputError
        When a named directory does not match, or any holds something else than tokens.
    """
    if unit not in UNITS:
        raise UnknownNameError("kind of document", unit, UNITS)
    segmenter, framing = open_segmenter(tokenizer), Framing.of(tokenizer, objective)
    if objective == "causal" and not framing.behind:
        say("The tokenizer has no end-of-text token: nothing marks the end of a document")
    options = {"objective": objective, "unit": unit, "field": corpus.field}
    wanted = {"tokenizer": tokenizer_stamp(segmenter, framing), "options": options}
    exists = directory.exists()
    if exists:
        unlike = _unlike(_read_facts(directory), wanted, corpus)
        if unlike is None:
            return open_store(directory)
        if named:
            raise InputError(
                f"The token cache {directory} was made with {unlike}. Name another directory, or remove this one."
            )
        say(f"{directory} was made with {unlike}, and is made anew")
    # Before the files are read: if one changes meanwhile, the store does not match it.
    stamps = stamp_files(corpus.files)
    with staged_directory(directory, force=exists) as staging:
        counts = _write(staging, corpus, segmenter, framing, unit, say)
        facts = {"format": FORMAT, **wanted, "files": [stamp.as_json() for stamp in stamps], **counts}
        (staging / FACTS).write_text(json.dumps(facts, indent=1), "utf-8")
    return open_store(directory)


def _unlike(facts: Mapping[str, Any], wanted: Mapping[str, Any], corpus: Corpus) -> str | None:
    """Return what a store was made with that is now another; None if there is nothing."""
    if facts.get("tokenizer") != wanted["tokenizer"]:
        return "another tokenizer"
    if facts.get("options") != wanted["options"]:
        return "other options"
    if differs([FileStamp(**stamp) for stamp in facts["files"]], corpus.files):
        return "another corpus"
    return None


def _write(
    staging: Path, corpus: Corpus, segmenter: FastSegmenter, framing: Framing, unit: str, say: Say
) -> dict[str, int]:
    documents, tokens, size, lost = 0, 0, 0, 0
    with ExitStack() as stack:
        files = {name: stack.enter_context((staging / name).open("wb")) for name in TYPES}
        for texts in _batches(corpus, unit):
            encoded = encode_documents(segmenter, texts, framing)
            arrays = {"ids": encoded.ids, "sizes": encoded.sizes, "ends": tokens + encoded.ends}
            for name, array in arrays.items():
                array.astype(TYPES[name]).tofile(files[name])
            documents, tokens = documents + len(encoded.ends), tokens + len(encoded.ids)
            size, lost = size + int(encoded.sizes.sum()), lost + len(texts) - len(encoded.ends)
            say(step("tokenizing the corpus", f"{size / 1e6:,.0f} MB, {tokens:,} tokens"))
    if not documents:
        raise CorpusError(f"The corpus is empty: there is no text in {', '.join(map(str, corpus.files))}.")
    if lost:
        say(f"{lost:,} documents were left out, because the tokenizer makes nothing of them")
    return {"documents": documents, "tokens": tokens, "bytes": size}


def _batches(corpus: Corpus, unit: str) -> Iterator[Sequence[str]]:
    """Yield documents that are not blank, some at a time: the tokenizer's threads share one batch."""
    batch, characters = list[str](), 0
    for file in corpus.files:
        for text in split_documents(corpus, file, unit):
            if not text or text.isspace():
                continue
            batch.append(text)
            characters += len(text)
            if characters >= CHARACTERS_AT_ONCE or len(batch) == DOCUMENTS_AT_ONCE:
                yield batch
                batch, characters = [], 0
    if batch:
        yield batch

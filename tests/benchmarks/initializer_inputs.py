"""Inputs of `benchmark_initializers`: tokenizers, vectors that are drawn, a dictionary and a matrix, in a folder."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from threading import Thread

import numpy as np

from vocabx.core.corpus import Corpus
from vocabx.core.tokens import TokenKind
from vocabx.tokenizer_tools.read import read_tokenizer

__all__ = ["RESOURCES", "PeakMemory", "prepare_focus", "prepare_wechsel", "resources_missing"]

RESOURCES = Path(os.environ.get("VOCABX_RESOURCES", Path.home() / ".cache" / "vocabx-resources"))
LLAMA3, LLAMA2, E5 = RESOURCES / "tokenizers" / "llama3", RESOURCES / "tokenizers" / "llama2", RESOURCES / "e5"
ENGLISH, KOREAN = (RESOURCES / "texts" / name for name in ("pydocs.en.txt", "docs.ko.txt"))

BUCKETS = 100_000
WORDS, PAIRS = 50_000, 10_000
ROWS_PER_BLOCK = 8_192
SECONDS_BETWEEN_LOOKS = 0.01


def resources_missing() -> list[Path]:
    """Return what is needed below the folder of resources and is not there."""
    return [path for path in (LLAMA3, LLAMA2, E5, ENGLISH, KOREAN) if not path.exists()]


class PeakMemory:
    """The most memory that this process held: all of it, and what is not pages of mapped files.

    The peak that `getrusage` gives begins with that of the process that started this one. Of anonymous memory the
    system keeps no peak, so a thread looks at it again and again.
    """

    def __init__(self) -> None:
        self._anonymous = _status("RssAnon")
        Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self._anonymous = max(self._anonymous, _status("RssAnon"))
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def to_json(self) -> dict[str, int]:
        """Return both in bytes."""
        return {"peak": _status("VmHWM"), "anonymous": self._anonymous}


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def prepare_wechsel(folder: Path, size: int, dimensions: int, row_size: int) -> None:
    """Llama 3's tokenizer, a Korean one of the same kind, and fastText models of English and Korean words."""
    from transformers import AutoTokenizer

    korean = Corpus.open([KOREAN])
    source = AutoTokenizer.from_pretrained(LLAMA3)
    source.save_pretrained(folder / "source")
    source.train_new_from_iterator(korean.batches(), vocab_size=size).save_pretrained(folder / "target")
    words = {}
    for side, corpus in (("source", Corpus.open([ENGLISH])), ("target", korean)):
        words[side] = _frequent_words(corpus)
        _write_model(words[side], dimensions, folder / f"{side}.bin")
    pairs = list(zip(words["source"], words["target"], strict=False))[:PAIRS]
    (folder / "dictionary.txt").write_text("".join(f"{word}\t{other}\n" for word, other in pairs), encoding="utf-8")
    _write_rows(len(source), row_size, folder / "rows.npy")


def prepare_focus(folder: Path, dimensions: int, row_size: int) -> None:
    """XLM-R's tokenizer as the source, Llama 2's as the target, and a fastText model of the target's tokens."""
    shutil.copytree(E5, folder / "source", ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    shutil.copytree(LLAMA2, folder / "target")
    target = read_tokenizer(folder / "target").tokens
    # The package takes all white space for one token, so it is given no vector, or rows made of it would differ.
    normal = np.flatnonzero((target.kinds == TokenKind.NORMAL) & target.is_complete).tolist()
    pieces = [target.pieces[token] for token in normal if target.surfaces[token].strip()]
    counts = {piece: len(pieces) - rank for rank, piece in enumerate(pieces)}
    _write_model(counts, dimensions, folder / "target.bin")
    _write_rows(len(read_tokenizer(folder / "source").tokens), row_size, folder / "rows.npy")


def _frequent_words(corpus: Corpus) -> dict[str, int]:
    counts = Counter(word for lines in corpus.batches() for line in lines for word in line.split() if word.isalpha())
    return dict(counts.most_common(WORDS))


def _write_model(counts: Mapping[str, int], dimensions: int, path: Path) -> None:
    """Write a fastText model whose rows are drawn; time and memory do not depend on what they mean."""
    from gensim.models import FastText
    from gensim.models.fasttext import save_facebook_model

    model = FastText(vector_size=dimensions, min_n=3, max_n=6, bucket=BUCKETS, min_count=1)
    model.build_vocab_from_freq(dict(counts))
    draw = np.random.default_rng(0)
    for rows in (model.wv.vectors_vocab, model.wv.vectors_ngrams):
        rows[:] = draw.standard_normal(rows.shape, np.float32)
    save_facebook_model(model, str(path))


def _write_rows(rows: int, columns: int, path: Path) -> None:
    draw = np.random.default_rng(1)
    matrix = np.lib.format.open_memmap(path, "w+", np.float32, (rows, columns))
    for start in range(0, rows, ROWS_PER_BLOCK):
        block = matrix[start : start + ROWS_PER_BLOCK]
        block[:] = 0.02 * draw.standard_normal(block.shape, np.float32)
    matrix.flush()

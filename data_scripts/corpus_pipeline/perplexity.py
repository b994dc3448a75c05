"""How likely a text is, in bits per byte, so that what a model cuts text into does not matter."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from corpus_pipeline.stages import Perplexity
from corpus_pipeline.step import Step
from vocabx.core.errors import InputError

__all__ = ["PerplexityRule"]


@cache
def _decoder(directory: Path, dtype: str, device: str | None) -> Any:
    from vocabx.eval.decoder import load_decoder

    return load_decoder(directory, dtype=dtype, device=device)


@cache
def _kenlm(file: Path) -> Any:
    try:
        import kenlm
    except ImportError as error:
        raise InputError("Reading a KenLM file needs the package kenlm: pip install kenlm.") from error
    try:
        return kenlm.Model(str(file))
    except (OSError, RuntimeError) as error:
        raise InputError(f"{file} is no model of KenLM: {error}") from error


@cache
def _pieces(file: Path) -> Any:
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError as error:
        raise InputError("Cutting text needs the package sentencepiece: pip install sentencepiece.") from error
    try:
        return SentencePieceProcessor(model_file=str(file))
    except (OSError, RuntimeError) as error:
        raise InputError(f"{file} is no model of SentencePiece: {error}") from error


class PerplexityRule(Step):
    """Drops documents that cost a model too many bits per byte, or too few."""

    def __init__(self, stage: Perplexity) -> None:
        super().__init__("perplexity")
        self.stage = stage

    def check(self) -> None:
        """Open the model; raise a `VocabxError` where that fails."""
        self.measure(["a"])

    def measure(self, texts: Sequence[str]) -> list[float]:
        """Return bits per byte of each text."""
        stage = self.stage
        if stage.kenlm is not None:
            return [self._kenlm_bits(text, Path(stage.kenlm).expanduser()) / len(text.encode()) for text in texts]
        from vocabx.eval.bits_per_byte import score_documents

        decoder = _decoder(Path(str(stage.model)).expanduser(), stage.dtype, stage.device)
        found = score_documents(decoder.model, decoder.tokenizer, texts)
        return [float(bits) for bits in found.nats / math.log(2) / found.bytes]

    def _kenlm_bits(self, text: str, file: Path) -> float:
        lines = [line for line in text.split("\n") if line.strip()]
        if self.stage.sentencepiece is not None:
            pieces = _pieces(Path(self.stage.sentencepiece).expanduser())
            lines = [" ".join(pieces.encode(line, out_type=str)) for line in lines]
        return -math.log2(10) * sum(float(_kenlm(file).score(line)) for line in lines)

    def __call__(self, data: Iterable[Any] | None = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Measure in batches, and pass on what is within the limits."""
        documents = iter(data or ())
        while batch := list(itertools.islice(documents, self.stage.batch)):
            measured = self.measure([one.text[: self.stage.characters] for one in batch])
            for document, bits in zip(batch, measured, strict=True):
                reason = self._judge(bits)
                if reason is None:
                    yield document
                else:
                    self.count(f"dropped_{reason}")

    def _judge(self, bits: float) -> str | None:
        """Count what a document costs, and return the reason to drop it, or None."""
        if not math.isfinite(bits):
            return "not_a_number"
        self.count("bits_per_byte", value=bits)
        self.count(f"tenth_{math.floor(bits * 10):02d}")
        if self.stage.most is not None and bits > self.stage.most:
            return "too_unlikely"
        return "too_likely" if self.stage.least is not None and bits < self.stage.least else None

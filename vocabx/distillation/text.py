"""Text of a distillation: one part to learn from and one to measure on, which share no line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.corpus import Corpus
from vocabx.core.errors import CorpusError
from vocabx.core.plan import Plan
from vocabx.core.segmenter import Segmenter

__all__ = ["DistillationText", "frequencies"]

ONE_OF = 50
"""Without a held-out text one line of so many is held out."""
MOST_HELD_OUT = 200


@dataclass(frozen=True)
class DistillationText:
    """A corpus, and lines that are measured.

    Attributes
    ----------
    corpus : Corpus
    held_out : Corpus, optional
        Text to measure on; by default lines of the corpus, chosen by their content, so that a line that occurs twice
        is on one side.
    seed : int
        Of the draw of the lines that are measured.
    """

    corpus: Corpus
    held_out: Corpus | None = None
    seed: int = 0

    def batches(self) -> Iterator[list[str]]:
        """Yield the lines to learn from."""
        measured = frozenset(self.measured())
        for lines in self.corpus.batches():
            kept = [line for line in lines if line not in measured and not self._is_held_out(line)]
            if kept:
                yield kept

    def measured(self) -> list[str]:
        """Return the lines to measure on, up to 200, in the order of the text.

        Raises
        ------
        CorpusError
            When there are none.
        """
        if self.held_out is not None:
            lines = {line for batch in self.held_out.batches() for line in batch}
        else:
            lines = {line for batch in self.corpus.batches() for line in batch if self._is_held_out(line)}
        found = sorted(lines)
        if not found:
            raise CorpusError(
                f"The corpus is so short that no line of it is held out to measure on (one of {ONE_OF}). Give text for "
                "that with --held-out (held_out=)."
            )
        generator = np.random.default_rng([self.seed, 1])
        chosen = generator.choice(len(found), min(len(found), MOST_HELD_OUT), replace=False)
        return [found[number] for number in chosen.tolist()]

    def _is_held_out(self, line: str) -> bool:
        return self.held_out is None and crc32(line.encode()) % ONE_OF == 0


def frequencies(text: DistillationText, segmenter: Segmenter, plan: Plan) -> Ints:
    """Count every token in the text to learn from, shape (T,)."""
    counts = np.zeros(plan.tokens, np.int64)
    for lines in text.batches():
        counts += np.bincount(segmenter.segment_lines(lines).ids.values, minlength=plan.tokens)
    return counts

"""Masking: what an encoder is trained to fill in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from vocabx.core.arrays import Bools, Ints
from vocabx.core.errors import InputError
from vocabx.core.say import Say, say_nothing
from vocabx.core.tokens import TokenKind
from vocabx.eval.encoder import around_text
from vocabx.training.sequences.encoded import open_segmenter
from vocabx.training.sequences.packing import NOT_PREDICTED, PackedSequences, TextRead, pack
from vocabx.training.sequences.token_store import TokenStore

__all__ = ["MaskedSequences", "Masking", "pack_masked"]

SHARE = 0.15
BECOMES_MASK, STAYS = 0.8, 0.1
"""Of the hidden tokens; the rest becomes any other token."""


@dataclass(frozen=True)
class Masking:
    """How tokens are hidden: each, or each word, with the same chance (Devlin et al. 2019).

    Of the hidden tokens 80 % become the mask, 10 % any token of text, and 10 % stay; all of them are to be predicted.

    Attributes
    ----------
    mask : int
        Id of the mask token.
    is_special : ndarray of bool, shape (T,)
        Ids that are never hidden, and that nothing becomes.
    opens_word : ndarray of bool, shape (T,)
        Ids that begin a word.
    share : float
        The chance.
    whole_words : bool
        Hide all tokens of a word or none.
    """

    mask: int
    is_special: Bools
    opens_word: Bools
    share: float = SHARE
    whole_words: bool = False

    @classmethod
    def of(cls, tokenizer: Any, share: float = SHARE, *, whole_words: bool = False) -> Self:
        """Read a tokenizer; raise `InputError` where it has no mask token, or the share is none."""
        if tokenizer.mask_token_id is None:
            raise InputError("The tokenizer has no mask token, which the masked objective needs. Train it as causal.")
        if not 0 < share < 1:
            raise InputError(f"The share of hidden tokens is {share}; it must be more than 0 and less than 1.")
        tokens = open_segmenter(tokenizer).tokens
        is_special = np.isin(tokens.kinds, [TokenKind.CONTROL, TokenKind.RESERVED, TokenKind.ABSENT])
        is_special[[token for token in tokenizer.all_special_ids if token < len(tokens)]] = True
        return cls(int(tokenizer.mask_token_id), is_special, tokens.word_initial, share, whole_words)

    def hide(self, ids: Ints, generator: np.random.Generator) -> tuple[Ints, Ints]:
        """Return what the model sees and what it is to predict, each of shape (tokens,).

        At least one token is hidden where there is one that may be: a sequence without any has no loss.
        """
        may_be = ~self.is_special[ids]
        units = self._words(ids) if self.whole_words else np.arange(len(ids))
        chances = generator.random(len(ids))[units]
        # A unit that is special altogether would take the place of one that has a loss.
        lowest = chances[may_be].min(initial=1.0)
        hidden = may_be & ((chances < self.share) | (chances == lowest))
        fates = generator.random(len(ids))
        others = np.flatnonzero(~self.is_special)[generator.integers(np.count_nonzero(~self.is_special), size=len(ids))]
        seen = np.where(fates < BECOMES_MASK, self.mask, np.where(fates < 1 - STAYS, others, ids))
        return np.where(hidden, seen, ids), np.where(hidden, ids, NOT_PREDICTED)

    def _words(self, ids: Ints) -> Ints:
        """Return the number of each token's word; a special token is a word of its own."""
        special = self.is_special[ids]
        begins = self.opens_word[ids] | special | np.concatenate([[True], special[:-1]])
        return np.asarray(np.cumsum(begins) - 1)


@dataclass(frozen=True)
class MaskedSequences:
    """Packed sequences with some tokens hidden, and with what the tokenizer puts around a text around each.

    A sequence is a mapping of arrays of int64, shape (length,): `input_ids` and `labels`. What is hidden depends on the
    seed and on the sequence's place in the run, so that a run that is gone on with hides the same, and another epoch
    something else.
    """

    packed: PackedSequences
    masking: Masking
    before: tuple[int, ...]
    behind: tuple[int, ...]
    seed: int

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, index: int) -> dict[str, Ints]:
        text = self.packed[index]["input_ids"]
        ids = np.concatenate([self.before, text, self.behind]).astype(np.int64)
        seen, labels = self.masking.hide(ids, np.random.default_rng([self.seed, index]))
        return {"input_ids": seen, "labels": labels}

    def text_read(self, start: int, stop: int) -> TextRead:
        """Count the bytes of text in the sequences from `start` up to `stop`, exactly."""
        return self.packed.text_read(start, stop)


def pack_masked(
    target: TokenStore,
    tokenizer: Any,
    length: int,
    count: int,
    seed: int,
    replay: TokenStore | None = None,
    replay_share: float = 0.0,
    *,
    hidden_share: float = SHARE,
    whole_words: bool = False,
    say: Say = say_nothing,
) -> MaskedSequences:
    """Cut stores that were made for the masked objective into sequences of `length`, special tokens included.

    The other parameters and what is raised are those of `pack` and `Masking.of`.
    """
    masking = Masking.of(tokenizer, hidden_share, whole_words=whole_words)
    before, behind = map(tuple, around_text(tokenizer))
    room = length - len(before) - len(behind)
    packed = pack(target, room, count, seed, replay, replay_share, say=say)
    return MaskedSequences(packed, masking, before, behind, seed)

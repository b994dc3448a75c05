"""Old pieces: what every id of an extended tokenizer was before the extension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vocabx.core.arrays import Bools, Ints, Ragged
from vocabx.core.plan import NEW, Plan
from vocabx.core.segmenter import Segmenter
from vocabx.core.tokens import TokenTable
from vocabx.manifest import Manifest

__all__ = ["OldPieces"]


@dataclass(frozen=True)
class OldPieces:
    """The old ids that each id of an extended tokenizer stands for.

    Attributes
    ----------
    rows : Ragged
        For each of the T ids its old ids: an old one's is itself. A new token whose pieces are not known has none.
    is_new : ndarray of bool, shape (T,)

    Notes
    -----
    The law: the surfaces of an id's old pieces, joined, are its own surface. So an expansion of a text's ids spells
    the same bytes, and every end of an id is an end of one of its pieces.
    """

    rows: Ragged
    is_new: Bools

    @classmethod
    def of(cls, manifest: Manifest, tokens: TokenTable, base: Segmenter | None = None) -> OldPieces:
        """Take new tokens apart by their merges, and those that no merge made by the base's tokenizer.

        In a tokenizer of merges the new ones come after all old ones, so that a token's parts, taken apart down to old
        ids, are the pieces that the base cuts its text into wherever the token stands.
        """
        plan = manifest.plan
        found = [[token] for token in range(plan.tokens)]
        for token in plan.new_ids.tolist():
            found[token] = []
        for new in sorted(manifest.new_tokens, key=lambda token: token.id):
            parts = [found[part] for part in new.parts]
            found[new.id] = [piece for part in parts for piece in part] if all(parts) else []
        if base is not None:
            _take_from_base(found, plan, tokens, base)
        for token in plan.new_ids.tolist():
            if b"".join(tokens.surfaces[piece] for piece in found[token]) != tokens.surfaces[token]:
                found[token] = []  # pieces that spell something else would be put at wrong places
        return cls(Ragged.from_rows(found), plan.origins == NEW)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> Ints:
        """How many pieces each id has, shape (T,)."""
        return self.rows.lengths

    def first(self, rows: int) -> Ints:
        """Return the first old piece of each of so many rows; one of unknown pieces, or no token, is its own."""
        first = np.arange(rows)
        known = np.flatnonzero(self.lengths)
        first[known] = self.rows.values[self.rows.starts[known]]
        return first

    def expand(self, ids: Ints) -> tuple[Ints, Ints]:
        """Return the old pieces of ids in a row, and where each id's last piece stands among them.

        Parameters
        ----------
        ids : ndarray of int64, shape (n,)

        Returns
        -------
        pieces : ndarray of int64, shape (m,)
        last : ndarray of int64, shape (n,)
            ``pieces[last[i]]`` is the last piece of ``ids[i]``.

        Examples
        --------
        >>> old = OldPieces(Ragged.from_rows([[0], [1], [0, 1, 1]]), np.array([False, False, True]))
        >>> [array.tolist() for array in old.expand(np.array([1, 2, 0]))]
        [[1, 0, 1, 1, 0], [0, 3, 4]]
        """
        lengths = self.lengths[ids]
        ends = np.cumsum(lengths)
        within = np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)
        return self.rows.values[np.repeat(self.rows.starts[ids], lengths) + within], ends - 1


def _take_from_base(found: list[list[int]], plan: Plan, tokens: TokenTable, base: Segmenter) -> None:
    """Fill in what the base's model makes of the surfaces of tokens that no merge made."""
    lacking = [token for token in plan.new_ids.tolist() if not found[token]]
    pieces = base.segment_surfaces(tokens.select(lacking)) if lacking else Ragged.from_rows([])
    for token, row in zip(lacking, _images(pieces, plan), strict=True):
        found[token] = row


def _images(pieces: Ragged, plan: Plan) -> Sequence[list[int]]:
    """Say in ids of the extended tokenizer what is said in the base's; nothing where one of them was dropped."""
    moved = Ragged(plan.images[pieces.values], pieces.starts)
    rows = [moved[row].tolist() for row in range(len(moved))]
    return [[] if NEW in row else row for row in rows]

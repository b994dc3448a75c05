"""Choose which candidates become tokens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from vocabx.core.tokens import TokenTable, is_complete_utf8
from vocabx.tokenizer_tools.extend.merges import Merge
from vocabx.tokenizer_tools.surfaces import Family, piece_to_surface

__all__ = ["Selection", "select"]


@dataclass(frozen=True)
class Selection:
    """New pieces with the merges that make them.

    Attributes
    ----------
    pieces : tuple of str
        New pieces, parts before what is made of them.
    merges : tuple of Merge
        Every learned merge that makes one of them of pieces that exist, in the order they were learned. Two merges
        that spell one piece are two roads to one token.
    parts : mapping of str to Merge
        The first merge of each new piece that is made by one. A single character is made of nothing, and so is
        every piece of a tokenizer without merges.
    needed_by : mapping of str to str
        For each new piece that is not whole characters, a whole piece that it is a part of.
    """

    pieces: tuple[str, ...]
    merges: tuple[Merge, ...] = ()
    parts: Mapping[str, Merge] = field(default_factory=dict)
    needed_by: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def roots(self) -> Mapping[str, frozenset[str]]:
        """For each new piece the new pieces in it that hold no other new piece: where it starts to fire."""
        roots: dict[str, frozenset[str]] = {}
        for piece in self.pieces:
            merge = self.parts.get(piece)
            below = roots.get(merge.left, frozenset()) | roots.get(merge.right, frozenset()) if merge else None
            roots[piece] = below or frozenset([piece])
        return roots


def select(
    source: TokenTable,
    family: Family,
    merges: Sequence[Merge],
    *,
    size: int,
    longest: int,
    banned: Collection[str] = frozenset(),
    loose: Sequence[str] = (),
    order: Sequence[str] | None = None,
) -> Selection:
    """Choose up to `size` new pieces.

    Candidates are `loose` pieces, which are made of nothing, and what the merges spell. They are taken in the given
    order, else the loose ones first and then the earliest learned. A piece of whole characters is taken with every
    part it needs. A piece that is not whole characters is taken only as such a part. Nothing that is `banned`, longer
    than `longest` characters, or made of such a piece is taken.
    """
    candidates = _Candidates(source, family, merges, longest, frozenset(banned), loose)
    chosen: dict[str, None] = {}
    needed_by: dict[str, str] = {}
    for piece in candidates.learned if order is None else order:
        if len(chosen) >= size:
            break
        if piece in chosen or not candidates.is_complete(piece):
            continue
        missing = candidates.missing_parts(piece, chosen)
        if missing is None or len(chosen) + len(missing) > size:
            continue
        chosen |= dict.fromkeys(missing)
        needed_by |= {part: piece for part in missing if not candidates.is_complete(part)}
    pieces = tuple(piece for piece in candidates.learned if piece in chosen)
    exists = candidates.source_pieces | chosen.keys()
    # A merge that spells a source piece would make an old id out of new places, so it is left out.
    kept = tuple(m for m in dict.fromkeys(merges) if m.result in chosen and m.left in exists and m.right in exists)
    parts = {piece: candidates.parts[piece] for piece in pieces if piece in candidates.parts}
    return Selection(pieces, kept, parts, needed_by)


class _Candidates:
    """New pieces and what they are made of."""

    def __init__(
        self,
        source: TokenTable,
        family: Family,
        merges: Sequence[Merge],
        longest: int,
        banned: frozenset[str],
        loose: Sequence[str],
    ) -> None:
        self.source_pieces = frozenset(source.pieces)
        self.parts: dict[str, Merge] = {}
        for merge in merges:
            if merge.result not in self.source_pieces:
                self.parts.setdefault(merge.result, merge)
        self._loose = frozenset(loose)
        self.learned = tuple(dict.fromkeys([*loose, *self.parts]))
        surfaces = {piece: piece_to_surface(piece, family) for piece in self.learned}
        self._complete = {piece for piece, surface in surfaces.items() if is_complete_utf8(surface)}
        self._refused = banned | {
            piece for piece, surface in surfaces.items() if len(surface.decode(errors="replace")) > longest
        }

    def is_complete(self, piece: str) -> bool:
        return piece in self._complete

    def missing_parts(self, piece: str, chosen: Collection[str]) -> list[str] | None:
        """Return the piece and its parts that are not there yet, or None when one of them is refused."""
        missing, waiting = list[str](), [piece]
        while waiting:
            part = waiting.pop()
            if part in self.source_pieces or part in chosen or part in missing:
                continue
            if part in self._refused or not (part in self.parts or part in self._loose):
                return None
            missing.append(part)
            if part in self.parts and part not in self._loose:
                waiting += [self.parts[part].left, self.parts[part].right]
        return missing

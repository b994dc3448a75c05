"""Plan: what happens to each id and each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """The resize of one model, as ids.

    Attributes
    ----------
    kept : int
        Ids 0 .. kept - 1 stay what they are, and their rows are copied bit for bit.
    new : int
        Ids kept .. kept + new - 1 are new tokens.
    rows_before, rows_after : int
        Rows of the matrices, padding included.
    roles : mapping of str to int
        Special tokens by role; an extension leaves them where they are.
    """

    kept: int
    new: int
    rows_before: int
    rows_after: int
    roles: Mapping[str, int]

    @property
    def tokens(self) -> int:
        """Ids of the resized tokenizer."""
        return self.kept + self.new

    @property
    def padding(self) -> range:
        """Rows that belong to no token."""
        return range(self.tokens, self.rows_after)

    @property
    def reused_padding(self) -> int:
        """Padding rows of the base that new tokens take over."""
        return max(0, min(self.rows_before, self.tokens) - self.kept)

    def to_json(self) -> dict[str, object]:
        """Return plain data for `vocabx.json`."""
        return {**asdict(self), "roles": dict(self.roles), "padding": len(self.padding)}

"""Put new pieces into a tokenizer, each family in its own way; what was there stays as it was."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.collection import give_back_memory
from vocabx.core.errors import TokenizerError
from vocabx.core.tokens import TokenKind, TokenTable
from vocabx.tokenizer_tools.extend.merges import Merge
from vocabx.tokenizer_tools.extend.selection import Selection
from vocabx.tokenizer_tools.read import FastSegmenter, table_of_pieces
from vocabx.tokenizer_tools.surfaces import Family

__all__ = ["BONUS", "Appender", "free_ids"]

BONUS = 0.1
"""Log-probability that a Unigram piece has over its parts together, per token that it saves."""
PREFERENCE = 0.01
"""Log-probability that the first Unigram piece of a selection has more than the last one. Without it two ways to join
as many tokens would differ by the noise of the sums, which SentencePiece takes in fewer digits."""


def free_ids(source: FastSegmenter, count: int, *, reuse_reserved: bool = False) -> Ints:
    """Choose ids for new pieces, ascending: after the last id, or in slots that the makers kept free first."""
    slots = np.flatnonzero(source.tokens.kinds == TokenKind.RESERVED)[:count] if reuse_reserved else np.arange(0)
    return np.concatenate([slots, np.arange(len(source.tokens), len(source.tokens) + count - len(slots))])


class Appender:
    """Builds extensions of one tokenizer, again and again with other pieces.

    Parameters
    ----------
    source : FastSegmenter
    reuse_reserved : bool
        Whether new pieces take reserved slots before the vocabulary grows.
    control_tokens : sequence of str
        Tokens that no text is segmented into: they are matched before anything else.

    Notes
    -----
    - BPE: merges follow those of the source in the order they were learned, so that source merges run first. In a
      vocabulary of the SentencePiece kind, which joins *any* two neighbours whose join is a piece, every way to
      split a new piece into two pieces becomes a merge, and so does every way in which a new piece completes an old
      one, at the old one's rank. The same holds then for the C++ library, and both encode alike.
    - Unigram: a new piece has the sum of the scores of the source tokens that it covers, which is the
      log-probability that the source itself gives it, and a little more for each token that it saves. The best path
      therefore stays the source's best path with neighbours joined, and takes the fewest tokens among those. Among
      equally short ones the pieces that stand first in the selection are preferred.
    - WordPiece: pieces are added; the longest match decides.
    """

    def __init__(
        self, source: FastSegmenter, *, reuse_reserved: bool = False, control_tokens: Sequence[str] = ()
    ) -> None:
        self._source = source
        self._reuse_reserved = reuse_reserved
        self._control_tokens = control_tokens
        self._parts: dict[str, list[float]] = {}  # looked up again at every build

    def ids(self, selection: Selection) -> Ints:
        """Return the id of each piece of a selection, ascending; the control tokens have the ids after them."""
        return self._all_ids(selection)[: len(selection.pieces)]

    def control_ids(self, selection: Selection) -> Ints:
        """Return the id of each control token, ascending."""
        return self._all_ids(selection)[len(selection.pieces) :]

    def _all_ids(self, selection: Selection) -> Ints:
        count = len(selection.pieces) + len(self._control_tokens)
        return free_ids(self._source, count, reuse_reserved=self._reuse_reserved)

    def __call__(self, selection: Selection) -> FastSegmenter:
        """Return the source pipeline with the selection's pieces."""
        from tokenizers import Tokenizer

        ids = self._all_ids(selection)
        replaced = {self._source.tokens.pieces[token] for token in ids if token < len(self._source.tokens)}
        definition = {**self._source.definition, "model": dict(self._source.definition["model"])}
        added = [token for token in definition["added_tokens"] if token["content"] not in replaced]
        added += map(_control_token, self.control_ids(selection).tolist(), self._control_tokens)
        definition["added_tokens"] = sorted(added, key=lambda token: token["id"])
        model = definition["model"]
        new = dict(zip(selection.pieces, ids.tolist(), strict=False))
        if self._source.family is Family.UNIGRAM:
            model["vocab"] = self._scored(new, added)
        else:
            # An added token outside the model's vocabulary is numbered by the vocabulary's size when the file is
            # read, so it must be in the vocabulary to keep its id.
            old = {piece: token for piece, token in model["vocab"].items() if piece not in replaced}
            model["vocab"] = old | {token["content"]: token["id"] for token in added} | new
        if self._source.family is Family.BYTE_LEVEL:
            model["merges"] = model["merges"] + [[merge.left, merge.right] for merge in selection.merges]
        elif self._source.family is Family.METASPACE:
            model["merges"] = self._completed_merges(selection, model["vocab"])
        text = json.dumps(definition, ensure_ascii=False)
        give_back_memory()  # what the tokenizer before this one held
        backend = Tokenizer.from_str(text)
        del text
        extended = FastSegmenter(backend, self._source.roles)
        # Known already; to read them back from a vocabulary of 262,144 takes two seconds.
        extended.__dict__["tokens"] = self._table(selection, ids)
        if self._source.family is not Family.UNIGRAM:  # whose scores may lose their last bit on the way
            extended.__dict__["definition"] = definition
        return extended

    def _table(self, selection: Selection, ids: Ints) -> TokenTable:
        old, count = self._source.tokens, len(selection.pieces)
        kinds = np.full(len(ids), TokenKind.NORMAL, np.int8)
        kinds[count:] = TokenKind.CONTROL
        new = table_of_pieces([*selection.pieces, *self._control_tokens], kinds, self._source.family, {})
        source_of = np.arange(max(len(old), int(ids.max(initial=-1)) + 1))
        source_of[ids] = len(old) + np.arange(len(ids))
        pieces, surfaces = (*old.pieces, *new.pieces), (*old.surfaces, *new.surfaces)
        return TokenTable(
            pieces=tuple(pieces[i] for i in source_of.tolist()),
            surfaces=tuple(surfaces[i] for i in source_of.tolist()),
            kinds=np.concatenate([old.kinds, new.kinds])[source_of],
            word_initial=np.concatenate([old.word_initial, new.word_initial])[source_of],
            roles=old.roles,
        )

    def _scored(self, new: Mapping[str, int], added: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        size = max([len(self._source.tokens) - 1, *new.values(), *(token["id"] for token in added)]) + 1
        entries: list[list[Any]] = self._source.definition["model"]["vocab"] + [["", 0.0]] * size
        for token in added:
            if entries[token["id"]][0] != token["content"]:
                # Never better than its parts, so that no word is segmented into it.
                entries[token["id"]] = [token["content"], sum(self._read_parts([token["content"]])[0]) - BONUS]
        for piece, score in zip(new, self._scores(tuple(new)), strict=True):
            entries[new[piece]] = [piece, score]
        if any(piece == "" for piece, _ in entries[:size]):
            raise TokenizerError("A Unigram tokenizer with ids that belong to no token cannot be extended.")
        return entries[:size]

    def _scores(self, pieces: Sequence[str]) -> list[float]:
        """Score each piece by the best path of the source through its characters."""
        scores = []
        for place, parts in enumerate(self._read_parts(pieces)):
            saved = len(parts) - 1
            scores.append(sum(parts) + (BONUS * saved + PREFERENCE * (1 - place / len(pieces)) if saved else 0.0))
        return scores

    def _read_parts(self, pieces: Sequence[str]) -> list[list[float]]:
        unread = [piece for piece in pieces if piece not in self._parts]
        if unread:
            self._parts.update(zip(unread, self._paths(unread), strict=True))
        return [self._parts[piece] for piece in pieces]

    def _paths(self, pieces: Sequence[str]) -> Iterator[list[float]]:
        """Yield the scores of the source tokens in each piece, where a character that has none counts as one."""
        from tokenizers import Tokenizer, models

        model = self._source.definition["model"]
        vocabulary = {piece for piece, _ in model["vocab"]}
        missing = dict.fromkeys(character for character in "".join(pieces) if character not in vocabulary)
        scored = [*map(tuple, model["vocab"]), *((character, self._lowest) for character in missing)]
        path = Tokenizer(models.Unigram(scored, model["unk_id"], bool(model.get("byte_fallback"))))
        values = [score for _, score in scored]
        for encoding in path.encode_batch_fast(list(pieces)):
            yield [values[token] for token in encoding.ids]

    @cached_property
    def _lowest(self) -> float:
        scores = self._source.definition["model"]["vocab"]
        return float(
            min(score for (_, score), is_text in zip(scores, self._source.tokens.is_text, strict=False) if is_text)
        )

    def _completed_merges(self, selection: Selection, vocabulary: Mapping[str, int]) -> list[list[str]]:
        """Return old and new merges, with every split of a new piece and of old pieces that end or begin in one."""
        learned: dict[str, list[Merge]] = {}
        for merge in selection.merges:
            learned.setdefault(merge.result, []).append(merge)
        added = []
        for piece, roads in learned.items():
            splits = [Merge(piece[:i], piece[i:]) for i in range(1, len(piece))]
            others = (split for split in splits if split.left in vocabulary and split.right in vocabulary)
            added += list(dict.fromkeys([*roads, *others]))
        inserted = self._completing_merges(selection.pieces, vocabulary)
        merges: list[list[str]] = self._source.definition["model"]["merges"]
        if inserted:
            after = chain.from_iterable([merge, *inserted.get(rank, [])] for rank, merge in enumerate(merges))
            merges = list(after)
        return merges + [[merge.left, merge.right] for merge in added]

    def _completing_merges(self, pieces: Sequence[str], vocabulary: Mapping[str, int]) -> dict[int, list[list[str]]]:
        """Find the merges of a new piece with another one that spell an old piece, by the old piece's last rank."""
        found: dict[int, dict[tuple[str, str], None]] = {}
        for piece in pieces:
            for whole in _starting_with(self._forward, piece):
                if whole[len(piece) :] in vocabulary:
                    found.setdefault(self._last_rank[whole], {})[(piece, whole[len(piece) :])] = None
            for reverse in _starting_with(self._backward, piece[::-1]):
                whole = reverse[::-1]
                if whole[: -len(piece)] in vocabulary:
                    found.setdefault(self._last_rank[whole], {})[(whole[: -len(piece)], piece)] = None
        return {rank: [list(pair) for pair in pairs] for rank, pairs in found.items()}

    @cached_property
    def _last_rank(self) -> Mapping[str, int]:
        merges = self._source.definition["model"]["merges"]
        return {left + right: rank for rank, (left, right) in enumerate(merges)}

    @cached_property
    def _forward(self) -> list[str]:
        return sorted(self._last_rank)

    @cached_property
    def _backward(self) -> list[str]:
        return sorted(piece[::-1] for piece in self._last_rank)


def _control_token(token: int, content: str) -> dict[str, Any]:
    matching = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": token, "content": content, **matching, "special": True}


def _starting_with(ordered: Sequence[str], prefix: str) -> Iterator[str]:
    """Yield the longer strings of an ordered list that begin with a prefix."""
    place = bisect_left(ordered, prefix)
    while place < len(ordered) and ordered[place].startswith(prefix):
        if len(ordered[place]) > len(prefix):
            yield ordered[place]
        place += 1

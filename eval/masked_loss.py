"""Masked loss: how well a model that fills in masks predicts text, whatever its vocabulary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vocabx.core.arrays import Ints, Ragged
from vocabx.core.tokens import TokenTable
from vocabx.eval.cost import DocumentCost, Nats, Progress, TokenGroup, document_sizes, token_group
from vocabx.eval.decoder import require_torch
from vocabx.eval.encoder import TOKENS_AT_ONCE, Encoder, load_masked_model
from vocabx.eval.windows import batches_by_length

__all__ = ["MaskedLoss", "MaskedText", "mask_words", "masked_loss", "score_masked"]


@dataclass(frozen=True)
class MaskedLoss(DocumentCost):
    """What documents cost under a masked language model; see `DocumentCost`.

    Attributes
    ----------
    window : int
        Tokens that were read at once, special ones included.
    tokens : int
        How many were predicted.
    unknown_bytes : int
        Bytes that the tokenizer has no token for; each costs 8 bits beside what the unknown token costs.
    old, new : TokenGroup or None
        The cost by age of the token, where new ids were given.
    """

    window: int
    tokens: int
    unknown_bytes: int
    old: TokenGroup | None = None
    new: TokenGroup | None = None


@dataclass(frozen=True)
class MaskedText:
    """Documents as tokens, and where the word of each token ends.

    Attributes
    ----------
    ids : Ragged
        Tokens of each document, without special ones.
    word_ends : ndarray of int64, shape (tokens,)
        The first place of the document behind the token's word.
    sizes : ndarray of int64, shape (tokens,)
        UTF-8 bytes of the text that the token was made of.
    """

    ids: Ragged
    word_ends: Ints
    sizes: Ints


def mask_words(encoder: Encoder, texts: Sequence[str]) -> MaskedText:
    """Encode texts and find their words.

    A word is what stands between white space, in any tokenizer. A token belongs to the word of its first character; one
    that is only space belongs to the word behind it.
    """
    found = encoder.tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    ends, sizes = list[Ints](), list[Ints]()
    for text, offsets in zip(texts, found["offset_mapping"], strict=True):
        borders = np.array(offsets, np.int64).reshape(-1, 2)
        ends.append(_run_ends(_word_of_place(text)[borders[:, 0]]))
        bytes_before = np.cumsum([0, *(len(character.encode()) for character in text)])
        sizes.append(bytes_before[borders[:, 1]] - bytes_before[borders[:, 0]])
    return MaskedText(Ragged.from_rows(found["input_ids"]), np.concatenate(ends), np.concatenate(sizes))


def _word_of_place(text: str) -> Ints:
    """Return the number of the word of each character, and of the end; a space has that of the next word."""
    is_space = np.array([character.isspace() for character in text] + [True])
    begins = ~is_space & np.concatenate([[True], is_space[:-1]])
    return np.asarray(np.cumsum(begins) + is_space)


def _run_ends(numbers: Ints) -> Ints:
    """Return where the run of equal numbers that each belongs to ends."""
    last = np.flatnonzero(np.diff(numbers, append=-1))
    return np.repeat(last + 1, np.diff(last, prepend=-1))


def masked_loss(
    model_directory: Path,
    texts: Sequence[str],
    *,
    window: int = 256,
    new_ids: Ints | None = None,
    tokens: TokenTable | None = None,
    dtype: str = "float32",
    progress: Progress | None = None,
) -> MaskedLoss:
    """Open a model directory (safetensors, with its tokenizer) and measure it as `score_masked` does."""
    encoder = load_masked_model(model_directory, dtype=dtype)
    return score_masked(encoder, texts, window=window, new_ids=new_ids, tokens=tokens, progress=progress)


def score_masked(
    encoder: Encoder,
    texts: Sequence[str],
    *,
    window: int = 256,
    new_ids: Ints | None = None,
    tokens: TokenTable | None = None,
    progress: Progress | None = None,
) -> MaskedLoss:
    """Measure what documents cost word by word, each word predicted from all others.

    Each token is predicted with itself and the rest of its word masked, so the costs of a word's tokens add up to the
    cost of the word, and no token is given away by the ones behind it in the same word (Kauf & Ivanova 2023,
    "PLL-word-l2r"). Masking one token at a time would favour small tokens.

    Parameters
    ----------
    encoder : Encoder
        With a masked-language head, as `load_masked_model` opens it.
    texts : sequence of str
        Documents, none of them empty, each read by itself.
    window : int
        Of a document that is longer, this many tokens around the predicted one are read. It shrinks to the context.
    new_ids : ndarray of int64, optional
        Divides the result into `old` and `new` tokens.
    tokens : TokenTable, optional
        Gives the bytes of these two groups.
    progress : callable, optional
        Called after each batch with the tokens done and the tokens in all.

    Notes
    -----
    It is no probability of the whole text, as each word is predicted from both sides. Words are the same in every
    tokenizer, so values compare; but the number of masks says how many tokens a word has, which tells more where tokens
    are small. In a script without spaces a whole phrase is one word. Unknown tokens are charged as spelt in bytes,
    since a word that becomes ``[UNK]`` would else be cheap.
    """
    sizes = document_sizes(texts)
    text = mask_words(encoder, texts)
    ids, room = text.ids, encoder.room(window)
    nats = _token_nats(encoder, text, room, progress or (lambda done, total: None))
    is_unknown = ids.values == (-1 if encoder.tokenizer.unk_token_id is None else encoder.tokenizer.unk_token_id)
    nats += np.where(is_unknown, text.sizes * math.log(256), 0)
    is_new = np.isin(ids.values, [] if new_ids is None else new_ids)
    groups = [token_group(ids.values, nats, chosen, tokens) for chosen in (~is_new, is_new)]
    old, new = (None, None) if new_ids is None else groups
    return MaskedLoss(
        nats=np.bincount(ids.row_of_value, weights=nats, minlength=len(texts)).astype(np.float64),
        bytes=sizes,
        window=room + sum(map(len, encoder.around)),
        tokens=len(nats),
        unknown_bytes=int(text.sizes[is_unknown].sum()),
        old=old,
        new=new,
    )


def _token_nats(encoder: Encoder, text: MaskedText, room: int, progress: Progress) -> Nats:
    """Cost of every token of the text, shape (tokens,)."""
    torch = require_torch()
    ids = text.ids
    nats = np.zeros(len(ids.values))
    before, behind = (np.array(part, np.int64) for part in encoder.around)
    lengths = ids.lengths[ids.row_of_value]
    places = np.arange(len(nats)) - ids.starts[ids.row_of_value]
    begins = np.clip(places - room // 2, 0, np.maximum(lengths - room, 0))
    done = 0
    for batch in batches_by_length(np.minimum(lengths, room), TOKENS_AT_ONCE):
        rows = []
        for token in batch.tolist():
            row = ids[int(ids.row_of_value[token])].copy()
            row[places[token] : text.word_ends[token]] = encoder.mask
            rows.append(np.concatenate([before, row[begins[token] : begins[token] + room], behind]))
        logits = encoder.fill_in(rows, places[batch] - begins[batch] + len(before))
        wanted = torch.from_numpy(ids.values[batch]).to(logits.device)
        nats[batch] = torch.nn.functional.cross_entropy(logits, wanted, reduction="none").cpu()
        done += len(batch)
        progress(done, len(nats))
    return nats

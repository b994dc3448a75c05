"""The text of a run: corpora as tokens, and as sequences in the order in which they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vocabx.checkpoint.staging.output_errors import output_errors
from vocabx.core.errors import TrainingError
from vocabx.core.say import Say, say_nothing
from vocabx.eval.encoder import around_text
from vocabx.training.model.direction import check_left_to_right
from vocabx.training.request import TrainingRequest
from vocabx.training.run_state import RunState
from vocabx.training.sequences.masking import pack_masked
from vocabx.training.sequences.packing import pack
from vocabx.training.sequences.separation import find_separation
from vocabx.training.sequences.token_store import TokenStore, store_tokens
from vocabx.training.settings import MASKED
from vocabx.training.steps import Steps

__all__ = ["Stores", "check_ids", "collate", "open_stores", "order_sequences", "sequence_length"]

LONGEST = 2048
"""Tokens of a sequence where neither the user nor the recipe says how many."""


@dataclass(frozen=True)
class Stores:
    """The corpora as tokens.

    Attributes
    ----------
    target : TokenStore
    replay : TokenStore, optional
    replay_share : float
        Of the sequences; 0 where nothing is replayed.
    around : int
        Tokens of each sequence that are not of a corpus: what stands around the text of a masked model.
    """

    target: TokenStore
    replay: TokenStore | None
    replay_share: float
    around: int = 0

    def epoch(self, length: int) -> int:
        """Return how many tokens are read, in sequences of a length, until the target text is read once."""
        share = (1 - self.replay_share) * max(1, length - self.around) / length
        return round(self.target.tokens / share)


def open_stores(request: TrainingRequest, tokenizer: Any, state: RunState, say: Say) -> Stores:
    """Tokenize the corpora, or open the tokens that an earlier run has left."""
    place = request.cache or state.tokens
    with output_errors(place / "target"):
        place.mkdir(parents=True, exist_ok=True)
    stores = [
        None
        if corpus is None
        else store_tokens(
            corpus,
            tokenizer,
            place / name,
            objective=request.objective,
            unit=request.unit,
            named=request.cache is not None,
            say=say,
        )
        for name, corpus in (("target", request.corpus), ("replay", request.replay))
    ]
    assert stores[0] is not None, "there is a corpus"
    around = sum(map(len, around_text(tokenizer))) if request.objective == MASKED else 0
    return Stores(stores[0], stores[1], request.settings.replay_share if stores[1] else 0.0, around)


def check_ids(stores: Stores, tokenizer: Any, model: Any) -> None:
    """Raise `TrainingError` where text has tokens that the model has no row for."""
    rows = len(model.get_input_embeddings().weight)
    if max(tokenizer.get_vocab().values(), default=0) < rows:
        return  # as a rule, and then the text need not be read
    for store in (stores.target, stores.replay):
        largest = int(store.ids.max()) if store is not None else 0
        if largest >= rows:
            raise TrainingError(
                f"The tokenizer makes the id {largest:,} of the text, and the model has {rows:,} rows: they do not "
                "belong together."
            )


def sequence_length(request: TrainingRequest, model: Any, say: Say = say_nothing) -> int:
    """Return the tokens of a sequence: what was asked for, what the recipe says, or the model's context."""
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    padding = getattr(getattr(model.base_model, "embeddings", None), "padding_idx", None)
    if isinstance(context, int) and request.objective == MASKED and padding is not None:
        context -= padding + 1  # RoBERTa counts places from behind the one that means padding
    most = context if isinstance(context, int) and context > 0 else None
    asked = request.settings.length or request.recipe.sequence_length
    if asked and most and asked > most:
        say(f"Sequences of {asked:,} tokens were asked for, and the model reads {most:,}: they have {most:,}")
    wanted = asked or LONGEST
    return min(wanted, most) if most else wanted


def order_sequences(request: TrainingRequest, stores: Stores, steps: Steps, tokenizer: Any, say: Say) -> Any:
    """Return all sequences of a run, in the order in which they are read."""
    count, seed = steps.total * steps.sequences, request.settings.seed
    if request.objective == MASKED:
        return pack_masked(
            stores.target,
            tokenizer,
            steps.length,
            count,
            seed,
            stores.replay,
            stores.replay_share,
            hidden_share=request.settings.mask_share,
            whole_words=request.settings.whole_words,
            say=say,
        )
    return pack(stores.target, steps.length, count, seed, stores.replay, stores.replay_share, say=say)


def collate(request: TrainingRequest, model: Any, say: Say) -> Any:
    """Return what makes batches of sequences, so that no document is read as the beginning of the next one.

    Raises
    ------
    CheckpointError
        When a model that is to predict the next token would see it.
    """
    if request.objective == MASKED:
        return _stack
    check_left_to_right(model)
    found = find_separation(model)
    if found.note:
        say(found.note)
    return found


def _stack(sequences: Any) -> Any:
    import numpy as np
    import torch

    return {name: torch.from_numpy(np.stack([each[name] for each in sequences])) for name in sequences[0]}

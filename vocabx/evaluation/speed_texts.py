"""Texts that every model's context holds, cut alike for all models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from vocabx.core.errors import CheckpointError, InputError
from vocabx.eval.decoder import Decoder
from vocabx.evaluation.speed_request import SpeedRequest

__all__ = ["FittedTexts", "fit_texts"]


@dataclass(frozen=True)
class FittedTexts:
    """Drawn texts, the characters at which each is cut off, and what a reader must know of that."""

    texts: Sequence[str]
    characters: int
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class _TooLong:
    """A text that is longer than a model's context."""

    model: str
    text: int
    tokens: int
    context: int


def fit_texts(request: SpeedRequest, names: Sequence[str], directories: Sequence[Path]) -> FittedTexts:
    """Draw the texts of a request, with fewer characters of each where a context is shorter. No weights are read.

    Parameters
    ----------
    request : SpeedRequest
    names, directories : sequence
        Of the models.

    Returns
    -------
    FittedTexts
        What the request draws, or draws with as many characters as `FittedTexts.characters` says.

    Raises
    ------
    CheckpointError
        When a model has no settings or no tokenizer that can be opened.
    InputError
        When a text is too long and the request says how many characters to take, with a number that fits.
    """
    models = dict(zip(names, map(_open_without_weights, directories), strict=True))
    characters, texts = request.most_characters, request.draw()
    first = worst = _find_too_long(models, texts)
    while worst is not None:
        # In proportion, and so seldom a second time; a shorter text may have tokens that the longer one had not.
        longest = max(map(len, texts))
        characters = min(longest - 1, longest * worst.context // worst.tokens)
        if characters < 1:
            raise InputError(f"{worst.model} reads {worst.context:,} tokens at most, and no text is as short as that.")
        texts = request.draw(characters)
        worst = _find_too_long(models, texts)
    if first is None:
        return FittedTexts(texts, characters)
    reason = f"{first.model} reads {first.context:,} tokens at most, and text {first.text + 1} is {first.tokens:,}"
    if request.characters is not None:
        raise InputError(f"{reason}. Take fewer characters of each text: --characters {characters} fits all models.")
    note = f"Of each text {characters:,} characters at most are taken instead of {request.most_characters:,}: {reason}."
    return FittedTexts(texts, characters, [note])


def _find_too_long(models: dict[str, Decoder], texts: Sequence[str]) -> _TooLong | None:
    """Return the text that goes furthest beyond a context."""
    found = []
    for name, model in models.items():
        lengths = model.encode(texts).lengths
        text = int(lengths.argmax())
        if model.context is not None and lengths[text] > model.context:
            found.append(_TooLong(name, text, int(lengths[text]), model.context))
    return max(found, key=lambda one: one.tokens / one.context, default=None)


def _open_without_weights(directory: Path) -> Decoder:
    """Open what tells a context and counts tokens."""
    from transformers import AutoConfig, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(directory)
        return Decoder(SimpleNamespace(config=config), AutoTokenizer.from_pretrained(directory))
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{directory} cannot be opened as a causal language model: {error}") from error

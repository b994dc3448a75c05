"""Advise how many tokens to add: what texts take at each size, what it costs, and where more stop to pay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.core.corpus import Texts, open_texts
from vocabx.core.errors import CorpusError, InputError
from vocabx.core.tokens import TokenKind
from vocabx.knee import LEAST_SAVING, find_knee
from vocabx.output import base_name
from vocabx.request import Request, Settings
from vocabx.stages import Stages
from vocabx.tokenizer_tools.extend.growth import GuardedSize, learn_growth
from vocabx.tokenizer_tools.extend.size_curve import SizeCurve, measure_sizes
from vocabx.tokenizer_tools.read import read_tokenizer
from vocabx.vocabulary_cost import VocabularyCost, read_cost

__all__ = ["HELD_OUT", "LARGEST", "Advice", "advise", "split_lines"]

LARGEST = 32_000
HELD_OUT = "held-out"
"""The label of the corpus's own lines that nothing was learned from."""
EVERY = 10


@dataclass(frozen=True)
class Advice:
    """How many tokens to add.

    Attributes
    ----------
    base : str
        The model's name.
    curve : SizeCurve
        Tokens of each text at each size; the first text is the held-out tenth of the corpus.
    cost : VocabularyCost
    guarded : GuardedSize
        What the guard does at the recommended size, or at the largest where none is.
    scripts : tuple of str
        Scripts that new tokens carry; empty when any text could be learned.
    is_foreign : bool
        Whether the source sample uses none of them.
    recommended : int, optional
        The knee: see `vocabx.knee.find_knee`. None where the largest step still pays.
    is_exhausted : bool
        Whether the corpus gives no more tokens than the largest size.
    """

    base: str
    curve: SizeCurve
    cost: VocabularyCost
    guarded: GuardedSize
    scripts: tuple[str, ...]
    is_foreign: bool
    recommended: int | None
    is_exhausted: bool

    @property
    def headline(self) -> str:
        """The advice in a sentence."""
        sizes, tokens = self.curve.sizes, self.curve.texts[HELD_OUT].tokens
        if self.recommended is not None:
            most = "at most " * (self.recommended == sizes[1])
            left = tokens[sizes.index(self.recommended)] / max(tokens[0], 1)
            return (
                f"Add {most}about {self.recommended:,} tokens: held-out text then takes {left:.0%} of the tokens, and "
                f"with more, each doubling saves less than {LEAST_SAVING:.0%}."
            )
        advice = "give more text, or lower the minimum frequency" if self.is_exhausted else "raise the largest size"
        return f"No size up to {sizes[-1]:,} is enough: more tokens still pay. To see further, {advice}."


def advise(
    model: str | Path,
    corpus: Texts,
    *,
    largest: int = LARGEST,
    texts: Mapping[str, Texts] | None = None,
    stages: Stages | None = None,
    **settings: Unpack[Settings],
) -> Advice:
    """Learn on nine tenths of a corpus and measure every size on the other tenth, and on other texts.

    Candidates are learned once, for the largest size; each size takes the first of them. Every tenth line is held out.

    Parameters
    ----------
    model : str or Path
        A model directory, one that holds only a tokenizer, or a hub id, whose weights are not downloaded.
    corpus, **settings
        As in `Request`; a donor and control tokens have no place here.
    largest : int
        The most new tokens to look at. Where the corpus gives fewer, it ends there.
    texts : mapping of str to path, pattern, or several, optional
        More text to measure, by label.
    stages : Stages, optional
        Hears what goes on and measures it.

    Raises
    ------
    VocabxError
        With one sentence about what is wrong with the model, a text or a setting.
    """
    request = Request(corpus, largest, **settings)
    if request.tokenizer_donor is not None or request.control_tokens:
        raise InputError("Advice is on tokens learned from the corpus: give neither a donor nor control tokens.")
    stages = stages or Stages()
    opened = request.open_corpus()
    more = {label: open_texts(text, request.text_field) for label, text in (texts or {}).items()}
    if HELD_OUT in more:
        raise InputError(f"The label {HELD_OUT} is the corpus's own; give the text another one.")
    directory = resolve_model(model, weights=False, hub=request.hub)
    source = read_tokenizer(directory)
    reserved = int((source.tokens.kinds == TokenKind.RESERVED).sum()) if request.reuse_reserved else 0
    cost = read_cost(directory, len(source.tokens), reserved=reserved)
    _check_length(opened.batches())
    learned, held_out = split_lines(opened.batches)
    with stages("learning"):
        growth = learn_growth(source, learned, request.source_lines(), request.options, progress=stages.say)
    with stages("measuring"):
        batches = {HELD_OUT: held_out, **{label: text.batches() for label, text in more.items()}}
        curve = measure_sizes(growth, batches, progress=stages.say)
    knee = _knee(curve)
    with stages("guard"):
        guarded = growth.guard(knee or curve.sizes[-1])
    return Advice(
        base=base_name(model),
        curve=curve,
        cost=cost,
        guarded=guarded,
        scripts=growth.corpus.scripts,
        is_foreign=growth.is_foreign,
        recommended=knee,
        is_exhausted=growth.largest < largest,
    )


def _knee(curve: SizeCurve) -> int | None:
    return find_knee(curve.sizes[1:], curve.texts[HELD_OUT].tokens[1:].tolist())


def _check_length(batches: Iterable[Sequence[str]]) -> None:
    """Raise `CorpusError` unless there is a line to hold out."""
    lines = 0
    for batch in batches:
        lines += len(batch)
        if lines >= EVERY:
            return
    raise CorpusError(
        f"The corpus has {lines} line{'s' * (lines != 1)}; every tenth is held out to measure on, so it needs at least "
        f"{EVERY}."
    )


def split_lines(
    batches: Callable[[], Iterable[Sequence[str]]],
) -> tuple[Iterator[Sequence[str]], Iterator[Sequence[str]]]:
    """Return the batches without every tenth line, and those of every tenth line alone."""
    return _chosen(batches(), held_out=False), _chosen(batches(), held_out=True)


def _chosen(batches: Iterable[Sequence[str]], *, held_out: bool) -> Iterator[Sequence[str]]:
    before = 0
    for batch in batches:
        first = (-before - 1) % EVERY  # the place of the batch's first held-out line
        before += len(batch)
        yield batch[first::EVERY] if held_out else [line for i, line in enumerate(batch) if i % EVERY != first]

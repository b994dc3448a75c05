"""Train a tokenizer: read the text, learn a vocabulary, put it into the pipeline, check the promises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from vocabx.core.errors import InputError, TokenizerError
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import Family
from vocabx.tokenizer_tools.train.assemble import assemble
from vocabx.tokenizer_tools.train.blueprint import Blueprint
from vocabx.tokenizer_tools.train.families import FAMILIES, LEARNERS
from vocabx.tokenizer_tools.train.learned import Learner, Lesson
from vocabx.tokenizer_tools.train.like import blueprint_of
from vocabx.tokenizer_tools.train.material import Material, read_material
from vocabx.tokenizer_tools.train.options import TrainingOptions
from vocabx.tokenizer_tools.train.pieces import too_small
from vocabx.tokenizer_tools.train.trained import TrainedTokenizer

__all__ = ["check_options", "train_tokenizer"]


def train_tokenizer(
    batches: Iterable[Sequence[str]],
    options: TrainingOptions,
    *,
    like: FastSegmenter | None = None,
    progress: Callable[[str], None] = lambda message: None,
) -> TrainedTokenizer:
    """Learn a vocabulary from streamed lines.

    Parameters
    ----------
    batches : iterable of sequences of str
        The text, read once; only its distinct words are held.
    options : TrainingOptions
    like : FastSegmenter, optional
        Take family, pipeline and special tokens from this one, instead of `options.family`; only the vocabulary is
        learned anew.
    progress : callable, optional
        Is told what goes on.

    Returns
    -------
    TrainedTokenizer
        It has exactly the size asked for. Every byte (in families that spell bytes) and every character of the
        alphabet is in it, and the same text and options give the same bytes.

    Raises
    ------
    CorpusError
        When the text is empty, or the normaliser empties it.
    InputError
        When neither or both of `options.family` and `like` are given, or no size for a new family.
    TokenizerError
        When the size is below that of the alphabet, or above what the text can give.
    """
    check_options(options, has_model=like is not None)
    blueprint, learner = _plan(options, like)
    size = options.size or (len(like.tokens) if like else 0)
    material = read_material(
        blueprint,
        batches,
        compose=options.compose,
        coverage=options.character_coverage,
        progress=lambda lines: progress(f"counting words: {lines:,} lines"),
    )
    taken = sorted(set(material.alphabet) & {token.text for token in blueprint.special})
    if taken:
        raise InputError(f"{taken[0]!r} cannot be a special token: the vocabulary spells a byte with it.")
    room = size - len(blueprint.first) - len(blueprint.last)
    _check_room(room, size, blueprint, material)
    progress("learning the vocabulary")
    learned = learner.learn(Lesson(blueprint, material, options, room))
    if len(learned.pieces) < room:
        raise TokenizerError(too_small(len(learned.pieces), room, size - room, merges=True))
    return TrainedTokenizer(assemble(blueprint, learned), blueprint, material, learned.files)


def check_options(options: TrainingOptions, *, has_model: bool) -> None:
    """Raise `InputError` unless either a family with a size or a model to be like is given, and the family exists."""
    if options.family is not None:
        FAMILIES[options.family]
    if (options.family is None) != has_model:
        raise InputError(
            "Say what the tokenizer is to be: either a family (--family), one of "
            f"{', '.join(FAMILIES)}, or a model whose tokenizer it is to be like (--like)."
        )
    if options.size is None and not has_model:
        raise InputError("Say how large the vocabulary is to be (--size), special tokens included.")


def _plan(options: TrainingOptions, like: FastSegmenter | None) -> tuple[Blueprint, Learner]:
    if like is not None:
        blueprint, learner = blueprint_of(like), LEARNERS[like.family]()
    else:
        blueprint, learner = FAMILIES[options.family or ""].load().plan(options.compose)
    return blueprint.with_special(options.special), learner


def _check_room(room: int, size: int, blueprint: Blueprint, material: Material) -> None:
    forms = 2 if blueprint.family is Family.WORDPIECE else 1
    needed = forms * len(material.alphabet)
    if room >= needed:
        return
    characters = "bytes" if blueprint.is_byte_level else "characters of the corpus"
    twice = ", each at the start of a word and inside one," if forms == 2 else ""
    bytes_too = ", 256 bytes" if blueprint.has_bytes else ""
    advice = "" if blueprint.is_byte_level else ", or lower --character-coverage"
    raise TokenizerError(
        f"A vocabulary of {size:,} cannot hold the alphabet: {len(material.alphabet):,} {characters}{twice}{bytes_too} "
        f"and {len(blueprint.special):,} special tokens take {size - room + needed:,}. Ask for at least that many"
        f"{advice}."
    )

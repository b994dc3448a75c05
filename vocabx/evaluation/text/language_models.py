"""Language models as evaluations of text open them: which kind each is, and which of its tokens are new."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.core.arrays import Ints
from vocabx.core.errors import CheckpointError
from vocabx.core.say import Say
from vocabx.core.tokens import TokenTable
from vocabx.eval.decoder import Decoder, advise_on_type, load_decoder
from vocabx.eval.encoder import Encoder, load_masked_model
from vocabx.evaluation.context import describe_model, name_models
from vocabx.evaluation.result import EvaluatedModel
from vocabx.manifest import FILE_NAME, Manifest

__all__ = ["LanguageModel", "find_language_models"]


@dataclass(frozen=True)
class LanguageModel:
    """A model directory, opened when it is first needed.

    Attributes
    ----------
    described : EvaluatedModel
    directory : Path
    is_masked : bool
        Whether it fills in masks, and does not read from left to right.
    dtype, device : str
        What to compute in, and on; a GPU where there is one.
    say : callable
        Told when it is opened.
    """

    described: EvaluatedModel
    directory: Path
    is_masked: bool
    dtype: str
    device: str | None
    say: Say = field(repr=False)

    @property
    def name(self) -> str:
        """What the result calls it."""
        return self.described.name

    @cached_property
    def decoder(self) -> Decoder:
        """The model, where it reads from left to right."""
        self.say(f"opening {self.name}")
        return load_decoder(self.directory, dtype=self.dtype, device=self.device)

    @cached_property
    def encoder(self) -> Encoder:
        """The model, where it fills in masks."""
        self.say(f"opening {self.name}")
        return load_masked_model(self.directory, dtype=self.dtype, device=self.device)

    def let_go(self) -> None:
        """Forget what was opened; it is opened again where it is asked for."""
        for name in ("decoder", "encoder"):
            self.__dict__.pop(name, None)

    @cached_property
    def new_ids(self) -> Ints:
        """Ids whose rows vocabx made; none where it did not write the model."""
        if not (self.directory / FILE_NAME).is_file():
            return np.empty(0, np.int64)
        return Manifest.load(self.directory).plan.new_ids

    @cached_property
    def tokens(self) -> TokenTable | None:
        """The tokenizer's table, where there are new tokens."""
        from vocabx.tokenizer_tools.read import read_tokenizer

        return read_tokenizer(self.directory).tokens if len(self.new_ids) else None


def find_language_models(
    places: Sequence[str | Path], *, hub: HubOptions, dtype: str, device: str | None, say: Say, masked: bool = False
) -> list[LanguageModel]:
    """Find models, and tell by their configuration whether they fill in masks.

    Raises
    ------
    VocabxError
        When one is not there, or is named twice.
    """
    names = name_models(places)
    advise_on_type(dtype, device, say)
    directories = [resolve_model(place, hub=hub) for place in places]
    found = []
    for name, directory in zip(names, directories, strict=True):
        is_masked = masked or _fills_in_masks(directory)
        found.append(LanguageModel(describe_model(name, directory), directory, is_masked, dtype, device, say))
    return found


def _fills_in_masks(directory: Path) -> bool:
    try:
        settings = json.loads((directory / "config.json").read_text("utf-8"))
        return any("MaskedLM" in str(name) for name in settings.get("architectures") or ())
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise CheckpointError(
            f"{directory} has no config.json that can be read, so it is no language model."
        ) from error

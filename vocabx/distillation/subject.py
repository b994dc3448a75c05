"""Subject: an extended model that was opened to be distilled, and all that is known of its tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.checkpoint import open_checkpoint
from vocabx.checkpoint.families.classes import auto_class
from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError
from vocabx.core.segmenter import Segmenter
from vocabx.distillation.pieces import OldPieces
from vocabx.distillation.settings import DistillationSettings
from vocabx.eval.decoder import Decoder, choose_device, choose_type, start_of_text
from vocabx.eval.encoder import Encoder, around_text, load_encoder
from vocabx.manifest import EXTEND, Manifest
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer
from vocabx.training.model.loading import Loaded, load_model, model_objective, stored_state
from vocabx.training.settings import CAUSAL

__all__ = ["Subject", "open_manifest", "open_subject"]

HEADLESS = "AutoModel"


@dataclass(frozen=True)
class Subject:
    """A loaded model, its tokenizer, and the old pieces of its new tokens.

    Attributes
    ----------
    manifest : Manifest
    segmenter : FastSegmenter
    pieces : OldPieces
    loaded : Loaded
        The model, in the type that is computed in.
    tokenizer : transformers tokenizer
    is_causal : bool
    around : (list of int, list of int)
        Ids before and behind a text.
    """

    manifest: Manifest
    segmenter: FastSegmenter
    pieces: OldPieces
    loaded: Loaded = field(repr=False)
    tokenizer: Any = field(repr=False)
    is_causal: bool
    around: tuple[list[int], list[int]]

    @property
    def model(self) -> Any:
        """The model."""
        return self.loaded.model

    @property
    def known(self) -> Ints:
        """Ids of new tokens whose old pieces are known."""
        return np.flatnonzero(self.pieces.is_new & (self.pieces.lengths > 0))


def open_manifest(directory: Path) -> Manifest:
    """Read `vocabx.json`; raise `InputError` where there are no new rows that could be distilled."""
    manifest = Manifest.load(directory)
    if not manifest.rows:
        raise InputError(f"{directory} holds a tokenizer alone; there are no rows to distil.")
    if manifest.command != EXTEND:
        raise InputError(
            f"{directory} was written by `vocabx {manifest.command}`. New rows are distilled from what the model makes "
            "of old pieces, which only `vocabx extend` keeps."
        )
    if manifest.factorization:
        raise InputError(f"{directory} has factorised embeddings, whose rows are all changed: there is no teacher.")
    if not manifest.plan.new:
        raise InputError(f"{directory} has no new tokens: there is nothing to distil.")
    return manifest


def open_subject(
    directory: Path, manifest: Manifest, base: Segmenter | None, settings: DistillationSettings
) -> Subject:
    """Load the model, and take its new tokens apart.

    Raises
    ------
    InputError
        When nothing is known of the old pieces, or the model is an encoder and asked for what it predicts next.
    """
    place, kind = choose_device(settings.device), choose_type(settings.dtype)
    segmenter = read_tokenizer(directory)
    pieces = OldPieces.of(manifest, segmenter.tokens, base)
    if not (pieces.is_new & (pieces.lengths > 0)).any():
        if base is not None:
            raise InputError(f"The base spells none of the new tokens of {directory}: there is nothing to learn from.")
        raise InputError(
            f"What the new tokens of {directory} were in the base is not recorded; name the base with --base (base=)."
        )
    objective, is_headless = model_objective(directory), auto_class(open_checkpoint(directory).config) == HEADLESS
    is_causal = objective == CAUSAL and not is_headless
    if not is_causal and settings.uses_head:
        raise InputError(
            f"{directory} is no causal model, and has no next token; take --objective hidden and --head keep."
        )
    loaded = _load_body(directory) if is_headless else load_model(directory, objective)
    if loaded.checkpoint.tables:
        raise InputError(f"{directory} has further tables with a row per token, which distillation would not train.")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(directory), local_files_only=True)
    model = loaded.model.to(device=place, dtype=kind).eval()
    around = (start_of_text(tokenizer), []) if is_causal else around_text(tokenizer)
    settings.depth(model.config.get_text_config().num_hidden_layers)
    context = (Decoder(model, tokenizer) if is_causal else Encoder(model, tokenizer)).context
    room = None if context is None else context - sum(map(len, around))
    if room is not None and settings.context_tokens > room:
        raise InputError(
            f"The model reads {room:,} tokens of text at once, and --context-tokens is {settings.context_tokens:,}."
        )
    return Subject(manifest, segmenter, pieces, loaded, tokenizer, is_causal, around)


def _load_body(directory: Path) -> Loaded:
    """Load a model that has no head, such as an encoder of sentences; only its input rows can be written back."""
    checkpoint, model = open_checkpoint(directory), load_encoder(directory).model
    state, end = stored_state(model), checkpoint.input.removeprefix(f"{model.base_model_prefix}.")
    if end not in state:
        raise InputError(f"{directory}: transformers has no tensor {end}, so that its rows could not be written back.")
    return Loaded(checkpoint, model, {checkpoint.input: end})

"""The three changes of a loaded model: decide, prepare everything, and only then change it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.checkpoint.taken_ids import check_not_taken
from vocabx.core.corpus import Texts
from vocabx.extension import Extension, prepare
from vocabx.in_memory.change import prepare_change
from vocabx.in_memory.opening import opened, reopened, segmenter_of
from vocabx.in_memory.refusals import without_compilation
from vocabx.replacement import Replacement, ReplaceRequest, prepare_replacement
from vocabx.request import Request, Settings
from vocabx.row_request import RowSettings
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import read_tokenizer
from vocabx.trimming import Trimming, TrimRequest, prepare_trimming

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["extend_model", "replace_model", "trim_model"]


def extend_model(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    corpus: Texts,
    *,
    size: int | None = None,
    optimizer: Optimizer | None = None,
    stages: Stages | None = None,
    **settings: Unpack[Settings],
) -> tuple[PreTrainedTokenizerBase, Extension]:
    """Extend a model in place, and return its new tokenizer.

    Parameters
    ----------
    model : PreTrainedModel
        On any device, in bfloat16, float16 or float32. What has one row per token is resized; nothing else changes.
    tokenizer : PreTrainedTokenizerBase
        A fast tokenizer that belongs to the model; it is not changed.
    corpus, size, **settings
        As in `Request`.
    optimizer : torch.optim.Optimizer, optional
        Gets the new parameters in place of the old ones. Kept rows keep their state, such as Adam's moments, and that
        of all others is zero; the count of steps goes on.
    stages : Stages, optional
        Hears what goes on and measures it.

    Returns
    -------
    tokenizer : PreTrainedTokenizerBase
        The extended tokenizer.
    extension : Extension
        Plan, provenance and witnesses.

    Raises
    ------
    VocabxError
        With one sentence about what is wrong; the model is then exactly as it was. A model that is wrapped, sharded,
        offloaded or quantised is refused: change it before that.

    Notes
    -----
    A model loaded in its checkpoint's type gets the same rows, to the bit, as `extend` writes. The parameters are new
    objects, without gradients: make the optimizer afterwards, or give it. One that was made before and is not given
    cannot be found from the model; it would go on with the old parameters and never train the new ones.
    """
    request = Request(corpus, size, **settings)
    stages = stages or Stages()
    model = without_compilation(model)
    with opened(model, tokenizer, request) as (base, tensors):
        check_ids = partial(check_not_taken, base.config, base.generation, len(base.segmenter.tokens))
        extension = prepare(
            base.embeddings, base.segmenter, base.name, request, stages, head=base.head, check_ids=check_ids
        )
        change = prepare_change(model, tensors, base, extension, optimizer)
        made = reopened(tokenizer, base, extension)
    change.apply()
    return made, extension


def replace_model(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    target: str | Path | PreTrainedTokenizerBase,
    *,
    corpus: Texts = (),
    optimizer: Optimizer | None = None,
    stages: Stages | None = None,
    **settings: Unpack[RowSettings],
) -> tuple[PreTrainedTokenizerBase, Replacement]:
    """Give a model another tokenizer, in place.

    Parameters
    ----------
    model, tokenizer, optimizer, stages
        As in `extend_model`.
    target : str, Path or PreTrainedTokenizerBase
        The tokenizer to swap in: a directory, a hub id, or a fast tokenizer.
    corpus, **settings
        As in `ReplaceRequest`.

    Returns
    -------
    tokenizer : PreTrainedTokenizerBase
        The resulting tokenizer: the target, with the special tokens that the model needs.
    replacement : Replacement
        What `replace` returns.

    Raises
    ------
    VocabxError
        With one sentence about what is wrong; the model is then exactly as it was.

    Notes
    -----
    Rows, ids in the settings, and the tokenizer are those that `replace` writes, to the bit.
    """
    name = target if isinstance(target, str | Path) else target.name_or_path
    request = ReplaceRequest(name, corpus, **settings)
    stages = stages or Stages()
    model = without_compilation(model)
    with opened(model, tokenizer, request) as (base, tensors):
        materials = request.check(request.open_corpus())
        wanted = (
            read_tokenizer(resolve_model(target, weights=False, hub=request.hub.for_others))
            if isinstance(target, str | Path)
            else segmenter_of(target)
        )
        replacement = prepare_replacement(base, wanted, request, materials, stages)
        change = prepare_change(model, tensors, base, replacement, optimizer)
        made = reopened(tokenizer, base, replacement, replacement.style)
    change.apply()
    return made, replacement


def trim_model(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    corpus: Texts,
    *,
    minimum_frequency: int = 1,
    pad_to_multiple: int | None = None,
    text_field: str = "text",
    optimizer: Optimizer | None = None,
    stages: Stages | None = None,
) -> tuple[PreTrainedTokenizerBase, Trimming]:
    """Keep only the tokens that a text uses, in place.

    Parameters
    ----------
    model, tokenizer, optimizer, stages
        As in `extend_model`.
    corpus, minimum_frequency, pad_to_multiple, text_field
        As in `TrimRequest`.

    Returns
    -------
    tokenizer : PreTrainedTokenizerBase
        The trimmed tokenizer.
    trimming : Trimming
        What `trim` returns; ``trimming.plan.origins`` gives the old id of each new one.

    Raises
    ------
    VocabxError
        With one sentence about what is wrong; the model is then exactly as it was.

    Notes
    -----
    Rows, ids in the settings, and the tokenizer are those that `trim` writes, to the bit.
    """
    request = TrimRequest(corpus, minimum_frequency, pad_to_multiple, text_field)
    stages = stages or Stages()
    text = request.open_corpus()
    model = without_compilation(model)
    with opened(model, tokenizer) as (base, tensors):
        trimming = prepare_trimming(base, text, request, stages)
        change = prepare_change(model, tensors, base, trimming, optimizer)
        made = reopened(tokenizer, base, trimming)
    change.apply()
    return made, trimming

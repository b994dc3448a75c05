"""Extend a loaded model, just before its continued pretraining."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Unpack

import ml_dtypes
import numpy as np

from vocabx.core.arrays import Matrix
from vocabx.core.corpus import Texts
from vocabx.core.embeddings import Embeddings
from vocabx.core.errors import CheckpointError, InputError, MissingExtraError, TokenizerError
from vocabx.core.initialization import RowRule
from vocabx.core.plan import Plan
from vocabx.extension import Extension, prepare
from vocabx.output import base_name
from vocabx.output_head import OutputHead
from vocabx.request import Request, Settings
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import FastSegmenter, roles_of
from vocabx.tokenizer_tools.write import check_reopened, write_tokenizer

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["extend_model"]


def extend_model(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    corpus: Texts,
    *,
    size: int | None = None,
    stages: Stages | None = None,
    **settings: Unpack[Settings],
) -> tuple[PreTrainedTokenizerBase, Extension]:
    """Extend a model in place, and return its new tokenizer.

    Parameters
    ----------
    model : PreTrainedModel
        On any device, in bfloat16, float16 or float32. Its embeddings are resized; nothing else changes.
    tokenizer : PreTrainedTokenizerBase
        A fast tokenizer that belongs to the model; it is not changed.
    corpus, size, **settings
        As in `Request`.

    Returns
    -------
    tokenizer : PreTrainedTokenizerBase
        The extended tokenizer.
    extension : Extension
        Plan, provenance and witnesses.

    Notes
    -----
    A model loaded in its checkpoint's type gets the same rows, to the bit, as `extend` writes. Make the optimizer
    afterwards: resizing replaces the parameters.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise TokenizerError("The tokenizer has no fast backend; load it with AutoTokenizer and a tokenizer.json.")
    source = FastSegmenter.from_backend(backend, roles_of(tokenizer))
    request = Request(corpus, size, **settings)
    input_weight = model.get_input_embeddings().weight
    base = Embeddings(source.tokens, _to_numpy(input_weight))
    name = base_name(model.name_or_path or type(model).__name__)
    if request.factorization is not None:
        raise InputError("A loaded model cannot be factorised; factorise with `extend`, and load what it wrote.")
    extension = prepare(base, source, name, request, stages or Stages(), head=_output_head(model))
    extended = _with_backend(tokenizer, extension)
    _resize(model, extension)  # last, so that an error leaves the model as it was
    return extended, extension


def _has_own_head(model: PreTrainedModel) -> bool:
    head = model.get_output_embeddings()
    return head is not None and head.weight is not model.get_input_embeddings().weight


def _output_head(model: PreTrainedModel) -> OutputHead:
    head = model.get_output_embeddings()
    rows = _to_numpy(head.weight) if _has_own_head(model) else None
    return OutputHead(rows, head is not None, getattr(head, "bias", None) is not None)


def _resize(model: PreTrainedModel, extension: Extension) -> None:
    """Make all rows from the old matrices first, then let transformers resize, then fill in."""
    head = model.get_output_embeddings()
    has_own_head = _has_own_head(model)
    plan, rules = extension.plan, extension.initialization
    rows = _rows(model.get_input_embeddings().weight, rules.input, extension)
    head_rows = _rows(head.weight, rules.head, extension) if has_own_head else None
    old_bias = getattr(head, "bias", None)
    bias = None if old_bias is None else _rows(old_bias[:, None], rules.bias, extension)
    model.resize_token_embeddings(plan.rows_after, mean_resizing=False)
    _assign(model.get_input_embeddings().weight, rows, plan)
    new_head = model.get_output_embeddings()
    if head_rows is not None:
        _assign(new_head.weight, head_rows, plan)
    if bias is not None:
        _assign(new_head.bias, bias[:, 0], plan)
    _suppress_padding(model, plan)


def _rows(weight: torch.Tensor, rule: RowRule, extension: Extension) -> Matrix:
    """Return the rows of the new ids and then those of the padding, in the matrix's own type."""
    source = _to_numpy(weight)[: extension.plan.tokens_before]
    mean = np.repeat(extension.padding.apply(source), len(extension.plan.padding), axis=0)
    with np.errstate(over="ignore"):
        rows: Matrix = np.concatenate([block.astype(source.dtype) for block in (*rule.blocks(source), mean)])
    if not np.isfinite(rows).all():
        raise CheckpointError(
            f"A new row is not finite when stored as {weight.dtype}. Use another method, or load the model in a wider "
            "type."
        )
    return rows


def _to_numpy(weight: torch.Tensor) -> Matrix:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("Extending a loaded model", "torch") from error
    if weight.is_meta:
        raise CheckpointError("The model has no weights yet (it is on the meta device); load them before extending.")
    tensor = weight.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    if tensor.dtype not in (torch.float16, torch.float32, torch.float64):
        raise CheckpointError(
            f"The embeddings are stored as {tensor.dtype}; load the model in bfloat16, float16 or float32."
        )
    return np.asarray(tensor.numpy())


def _assign(weight: torch.Tensor, rows: Matrix, plan: Plan) -> None:
    import torch

    data: Any = rows.view(np.int16) if rows.dtype == ml_dtypes.bfloat16 else rows
    tensor = torch.from_numpy(np.ascontiguousarray(data))
    with torch.no_grad():
        ids = torch.tensor([*plan.new_ids.tolist(), *plan.padding], device=weight.device)
        weight[ids] = tensor.view(weight.dtype).to(weight.device)


def _suppress_padding(model: PreTrainedModel, plan: Plan) -> None:
    config = getattr(model, "generation_config", None)
    if config is None or not (plan.padding or config.suppress_tokens):
        return
    kept = [token for token in config.suppress_tokens or () if token in plan.kept_ids]
    config.suppress_tokens = sorted({*kept, *plan.padding}) or None


def _with_backend(tokenizer: PreTrainedTokenizerBase, extension: Extension) -> PreTrainedTokenizerBase:
    """Make a tokenizer with the extended pipeline and the settings of the given one."""
    from transformers import AutoTokenizer

    with TemporaryDirectory() as base, TemporaryDirectory() as out:
        tokenizer.save_pretrained(base)
        write_tokenizer(extension.tokenizer.segmenter, Path(base), Path(out))
        check_reopened(Path(out), extension.tokenizer.segmenter, extension.probes())
        return AutoTokenizer.from_pretrained(out)

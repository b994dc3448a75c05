"""New rows as arrays, for those who write their checkpoints themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Unpack

import numpy as np

from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.checkpoint.writing.storage import type_name
from vocabx.core.arrays import Ints, Matrix
from vocabx.core.corpus import Texts
from vocabx.core.errors import InputError
from vocabx.core.initialization import RowRule
from vocabx.core.plan import Plan
from vocabx.replacement import ReplaceRequest, prepare_replacement
from vocabx.row_request import RowSettings
from vocabx.row_sources import sources_of_directory, sources_of_matrices
from vocabx.rows_file import MATRICES, save_rows
from vocabx.stages import Stages
from vocabx.stored_rows import stored_rows
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer

__all__ = ["Rows", "rows"]


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of N new tokens, and what is needed to put them into whole matrices.

    Attributes
    ----------
    plan : Plan
        ``plan.origins`` (T,) gives for each id the base id whose row it keeps, or -1.
    segmenter : FastSegmenter
        The resulting tokenizer: the given one, with the base's special tokens that it lacked after its last id.
    input : ndarray of shape (N, D)
        Row i belongs to the id ``new_ids[i]``.
    head : ndarray of shape (N, D), optional
        None where the head is tied, or there is none.
    bias : ndarray of shape (N,), optional
        None where there is no output bias.
    """

    plan: Plan
    segmenter: FastSegmenter = field(repr=False)
    input: Matrix = field(repr=False)
    head: Matrix | None = field(repr=False)
    bias: Matrix | None = field(repr=False)
    sources: Mapping[str, Matrix] = field(repr=False)
    padding: RowRule = field(repr=False)

    @property
    def new_ids(self) -> Ints:
        """Ids whose rows are made, ascending, shape (N,)."""
        return self.plan.new_ids

    @property
    def pieces(self) -> tuple[str, ...]:
        """The new tokens as the tokenizer spells them."""
        return tuple(self.segmenter.tokens.pieces[token] for token in self.new_ids.tolist())

    def matrix(self, name: str = "input", rows: int | None = None) -> Matrix:
        """Return a whole matrix.

        Parameters
        ----------
        name : str
            ``input``, ``head`` or ``bias``.
        rows : int, optional
            How many there are to be; by default as `pad_to_multiple` says. Those of no token are the mean row.

        Returns
        -------
        ndarray of shape (T', D), or (T',) for a bias
            Kept rows are the base's, bit for bit where the type is the base's own.
        """
        made = getattr(self, name) if name in MATRICES else None
        if made is None:
            raise InputError(f"There is no matrix {name!r} with rows of its own; there are {', '.join(self.sources)}.")
        source, size = self.sources[name][: self.plan.tokens_before], self.plan.rows_after if rows is None else rows
        if size < self.plan.tokens:
            raise InputError(f"A matrix of {size} rows does not hold {self.plan.tokens} tokens.")
        whole = np.empty((size, source.shape[1]), made.dtype)
        whole[self.plan.kept_ids] = source[self.plan.origins[self.plan.kept_ids]]
        whole[self.new_ids] = made.reshape(len(made), -1)
        if size > self.plan.tokens:
            whole[self.plan.tokens :] = stored_rows(source, self.padding, 1, made.dtype)
        return whole[:, 0] if name == "bias" else whole

    def save(self, path: str | Path) -> None:
        """Write the new rows, their ids and pieces as a `.safetensors` or `.npz` file, which ``--rows`` reads."""
        matrices = {name: getattr(self, name) for name in MATRICES if getattr(self, name) is not None}
        save_rows(Path(path), matrices, self.new_ids, self.pieces)


def rows(
    base: str | Path | Mapping[str, Any],
    tokenizer: str | Path,
    *,
    base_tokenizer: str | Path | None = None,
    corpus: Texts = (),
    dtype: Any = None,
    stages: Stages | None = None,
    **settings: Unpack[RowSettings],
) -> Rows:
    """Make the rows of another tokenizer's tokens, and write nothing.

    Parameters
    ----------
    base : str, Path or mapping
        A model directory or a hub id; or the matrices themselves: ``input`` of shape (S', D), and where there are such
        ``head`` of shape (S', D) and ``bias`` of shape (S',), as anything that numpy reads.
    tokenizer : str or Path
        Directory or hub id of the new tokenizer, such as one that was extended.
    base_tokenizer : str or Path, optional
        Directory or hub id of the tokenizer that given matrices belong to.
    corpus, **settings
        As in `ReplaceRequest`.
    dtype : optional
        Type of the rows, such as ``"float32"``; by default the type that each matrix has in the base.
    stages : Stages, optional
        Hears what goes on and measures it.

    Returns
    -------
    Rows

    Raises
    ------
    VocabxError
        With one sentence about what is wrong with the base, the tokenizer or a setting.

    Notes
    -----
    In the base's own type the rows are those that `replace` writes for the same tokenizer, to the bit. Torch is not
    needed.
    """
    request = ReplaceRequest(tokenizer, corpus, **settings)
    if request.factorization is not None:
        raise InputError("Rows are not factorised here; factorise with `extend` or `replace`, which write all rows.")
    chosen = None if dtype is None else _type(dtype)
    stages = stages or Stages()
    materials = request.check(request.open_corpus())
    target = read_tokenizer(resolve_model(tokenizer, weights=False, hub=request.hub.for_others))
    opened, sources = (
        sources_of_matrices(base, base_tokenizer, request)
        if isinstance(base, Mapping)
        else sources_of_directory(base, base_tokenizer, request, stages)
    )
    replacement = prepare_replacement(opened, target, request, materials, stages)
    plan, rules = replacement.plan, replacement.initialization
    made = {
        name: stored_rows(source[: plan.tokens_before], getattr(rules, name), plan.new, chosen)
        for name, source in sources.items()
    }
    bias = made.get("bias")
    return Rows(
        plan=plan,
        segmenter=replacement.segmenter,
        input=made["input"],
        head=made.get("head"),
        bias=None if bias is None else bias[:, 0],
        sources=MappingProxyType(sources),
        padding=replacement.padding,
    )


def _type(dtype: Any) -> np.dtype[Any]:
    try:
        named: np.dtype[Any] = np.dtype(type_name(dtype))
    except TypeError as error:
        raise InputError(f"dtype: expected the name of a type, such as 'float32', got {dtype!r:.80}.") from error
    return named

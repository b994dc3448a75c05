"""One way to name the tensors that have one row per token."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to name them, and the model types that do.

    Tensor names are matched from their end, because what comes before differs: a model saved with its head says
    `model.embed_tokens.weight`, the bare base `embed_tokens.weight`, a multimodal wrapper
    `language_model.model.embed_tokens.weight`.

    Attributes
    ----------
    model_types : tuple of str
    input : str
        The input embedding.
    heads : tuple of str
        The output head, all names that occur; none where no class of these types has one.
    biases : tuple of str
        Biases of the head, all names that occur. One may be stored as a single row, with a column per token.
    tied : bool
        Whether the head is the input embedding where config.json does not say.
    copies : tuple of str
        Further names under which the input embedding may be stored again, or alone.
    tables : tuple of str
        Further matrices with a row per token, and rows of their own.
    sizes : tuple of str
        Further settings that hold the number of rows, beside `vocab_size`.
    within : str
        What every name begins with, where another part of the model has a vocabulary that is not of text.
    """

    model_types: tuple[str, ...]
    input: str
    heads: tuple[str, ...]
    biases: tuple[str, ...] = ()
    tied: bool = False
    copies: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    within: str = ""

"""Storage: how weights that do not change come to the output, and the type that all of them are stored in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vocabx.checkpoint.safetensors_file import ROW_TYPES, TensorEntry
from vocabx.core.errors import CheckpointError, InputError

__all__ = ["COPY", "DTYPES", "HARDLINK", "REFLINK", "SHARDS", "Storage", "cast_settings", "type_name"]

COPY, HARDLINK, REFLINK = "copy", "hardlink", "reflink"
SHARDS = {
    COPY: "copied",
    HARDLINK: "hard-linked: base and output share them",
    REFLINK: "cloned: they share space on the disk until one is written to",
}
"""What becomes of weight files that do not change, for people."""
DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
"""Types that a model can be cast to, by the names that torch has for them."""
SETTINGS = ("dtype", "torch_dtype")
NOT_FLOATING = ("BOOL", "U", "I", "C")


@dataclass(frozen=True, slots=True)
class Storage:
    """How weights are stored.

    Attributes
    ----------
    shards : str
        ``"copy"``, ``"hardlink"`` or ``"reflink"``: what becomes of weight files that do not change.
    dtype : str, optional
        ``"float32"``, ``"float16"`` or ``"bfloat16"``: what floating-point tensors are cast to; by default they stay.
    """

    shards: str = COPY
    dtype: str | None = None

    def __post_init__(self) -> None:
        if self.shards not in SHARDS:
            raise InputError(f"Weight files can be written by {', '.join(SHARDS)}, not {self.shards!r}.")
        if self.dtype is not None and self.dtype not in DTYPES:
            raise InputError(f"A model can be cast to {', '.join(DTYPES)}, not to {self.dtype!r}.")

    def is_cast(self, entry: TensorEntry) -> bool:
        """Whether a tensor is floating-point and of another type than is asked for.

        Raises
        ------
        CheckpointError
            When it is of a type that means nothing without what belongs to it, such as a block's scale.
        """
        if self.dtype is None or entry.dtype.startswith(NOT_FLOATING):
            return False
        if entry.dtype not in ROW_TYPES:
            raise CheckpointError(
                f"Tensor {entry.name} is stored as {entry.dtype}, and a cast to {self.dtype} starts from "
                f"{', '.join(ROW_TYPES)}. Leave out --dtype (dtype=)."
            )
        return entry.dtype != DTYPES[self.dtype]

    def type_of(self, entry: TensorEntry) -> str:
        """Name the type that a tensor is written in, as safetensors files do."""
        return DTYPES[self.dtype] if self.dtype is not None and self.is_cast(entry) else entry.dtype


def type_name(dtype: Any) -> Any:
    """Return the name of one of torch's types without the library's; anything else as it is.

    >>> type_name("torch.float16"), type_name("float16"), type_name(None)
    ('float16', 'float16', None)
    """
    spelt = str(dtype)
    return spelt.removeprefix("torch.") if spelt.startswith("torch.") else dtype


def cast_settings(config: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    """Return config.json of a model cast to a type: of the whole and of its parts, where these name one.

    >>> cast_settings({"torch_dtype": "float32", "text_config": {"dtype": "float32"}}, "bfloat16")
    {'torch_dtype': 'bfloat16', 'text_config': {'dtype': 'bfloat16'}}
    >>> cast_settings({}, "float16")
    {'dtype': 'float16'}
    """
    cast = _cast_section(config, dtype)
    return cast if cast.keys() & set(SETTINGS) else {**cast, SETTINGS[0]: dtype}


def _cast_section(section: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    cast = {key: dtype if key in SETTINGS else value for key, value in section.items()}
    parts = {key: value for key, value in cast.items() if key.endswith("_config") and isinstance(value, dict)}
    return cast | {key: _cast_section(value, dtype) for key, value in parts.items()}

"""What models compute in and on, checked before anything is read."""

from __future__ import annotations

from vocabx.core.errors import UnknownNameError
from vocabx.eval.decoder import TYPES, choose_device

__all__ = ["check_computing"]


def check_computing(*, dtype: str = TYPES[0], device: str | None = None) -> None:
    """Stop at a type that no model computes in, or a device that is not there.

    torch is imported only where a device is named.

    Raises
    ------
    InputError
        When the device is not there.
    UnknownNameError
        When the type is none of those.
    MissingExtraError
        When a device is named and torch is not installed.
    """
    if dtype not in TYPES:
        raise UnknownNameError("type to compute in", dtype, TYPES)
    if device is not None:
        choose_device(device)

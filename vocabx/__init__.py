"""Give a pretrained language model the vocabulary of a new language, and prove that the result is sound."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vocabx.core.errors import VocabxError
    from vocabx.directories import extend
    from vocabx.factorization import Factorization
    from vocabx.in_memory import extend_model
    from vocabx.replacement import replace
    from vocabx.request import Request
    from vocabx.stages import Stages
    from vocabx.trimming import trim
    from vocabx.verification import verify

__all__ = [
    "Factorization",
    "Request",
    "Stages",
    "VocabxError",
    "__version__",
    "extend",
    "extend_model",
    "replace",
    "trim",
    "verify",
]

__version__ = "0.1.0"

# Imported when first asked for, so that `import vocabx` and `vocabx --help` stay light.
_HOME = {
    "Factorization": "vocabx.factorization",
    "Request": "vocabx.request",
    "Stages": "vocabx.stages",
    "VocabxError": "vocabx.core.errors",
    "extend": "vocabx.directories",
    "extend_model": "vocabx.in_memory",
    "replace": "vocabx.replacement",
    "trim": "vocabx.trimming",
    "verify": "vocabx.verification",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'vocabx' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__

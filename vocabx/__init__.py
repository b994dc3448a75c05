"""Give a pretrained language model the vocabulary of a new language, and prove that the result is sound."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vocabx.adapters import trainable_token_indices
    from vocabx.checkpoint.sources.hub_options import HubOptions
    from vocabx.core.errors import VocabxError
    from vocabx.directories import extend
    from vocabx.distillation.distill import distill
    from vocabx.distillation.settings import DistillationSettings
    from vocabx.factorization import Factorization
    from vocabx.in_memory import extend_model, replace_model, trim_model
    from vocabx.planned_rows import rows
    from vocabx.replacement import replace
    from vocabx.request import Request
    from vocabx.stages import Stages
    from vocabx.training.pretrain import pretrain
    from vocabx.training.settings import TrainingSettings
    from vocabx.trimming import trim
    from vocabx.verification.verify import verify

__all__ = [
    "DistillationSettings",
    "Factorization",
    "HubOptions",
    "Request",
    "Stages",
    "TrainingSettings",
    "VocabxError",
    "__version__",
    "distill",
    "extend",
    "extend_model",
    "pretrain",
    "replace",
    "replace_model",
    "rows",
    "trainable_token_indices",
    "trim",
    "trim_model",
    "verify",
]

__version__ = "0.1.0"

# Imported when first asked for, so that `import vocabx` and `vocabx --help` stay light.
_HOME = {
    "DistillationSettings": "vocabx.distillation.settings",
    "Factorization": "vocabx.factorization",
    "HubOptions": "vocabx.checkpoint.sources.hub_options",
    "Request": "vocabx.request",
    "Stages": "vocabx.stages",
    "TrainingSettings": "vocabx.training.settings",
    "VocabxError": "vocabx.core.errors",
    "distill": "vocabx.distillation.distill",
    "extend": "vocabx.directories",
    "extend_model": "vocabx.in_memory",
    "pretrain": "vocabx.training.pretrain",
    "replace": "vocabx.replacement",
    "replace_model": "vocabx.in_memory",
    "rows": "vocabx.planned_rows",
    "trainable_token_indices": "vocabx.adapters",
    "trim": "vocabx.trimming",
    "trim_model": "vocabx.in_memory",
    "verify": "vocabx.verification",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'vocabx' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__

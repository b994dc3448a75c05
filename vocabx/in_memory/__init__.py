"""Change the vocabulary of a loaded model in place, just before its continued pretraining."""

from vocabx.in_memory.models import extend_model, replace_model, trim_model

__all__ = ["extend_model", "replace_model", "trim_model"]

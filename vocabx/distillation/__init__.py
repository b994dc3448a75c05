"""Token distillation: new rows that make the model compute what it computed of the old pieces."""

from vocabx.distillation.distill import Distillation, distill
from vocabx.distillation.settings import DistillationSettings

__all__ = ["Distillation", "DistillationSettings", "distill"]

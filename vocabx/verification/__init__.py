"""Prove that an emitted model directory is sound."""

from vocabx.verification.finding import Finding, Status, Verification
from vocabx.verification.verify import verify

__all__ = ["Finding", "Status", "Verification", "verify"]

"""Tests of `vocabx.verification`."""

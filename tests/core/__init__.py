"""Tests of vocabx.core."""

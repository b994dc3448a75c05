"""Tests of vocabx.checkpoint."""

"""Tests of vocabx.eval."""

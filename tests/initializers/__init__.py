"""Tests of vocabx.initializers."""

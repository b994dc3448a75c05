"""Tests of vocabx.aligners."""

"""Tests of whole extensions: a model directory, or a loaded model, and text."""

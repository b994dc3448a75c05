"""Prove that an emitted model directory is sound."""

"""Tests; the folders here mirror those of the code."""

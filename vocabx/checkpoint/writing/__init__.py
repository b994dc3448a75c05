"""Writes a changed checkpoint, a block at a time."""

"""A model directory in memory, and what was trained of it written back."""

"""Where each architecture keeps the tensors that have one row per token, as data."""

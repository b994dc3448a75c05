"""Parts of a dataset, by the names that users and the published files give them."""

from __future__ import annotations

__all__ = ["DEVELOPMENT", "TEST", "TRAINING"]

TRAINING, DEVELOPMENT, TEST = "train", "dev", "test"

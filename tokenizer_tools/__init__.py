"""Read, train, extend, prune and compare tokenizers."""

"""The stages of `prepare_corpus.py`, on datatrove."""

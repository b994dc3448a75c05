"""Measure what a vocabulary change did: to the text, to the embeddings and to the model."""

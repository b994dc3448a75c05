"""Constrained Word2Vec: convex weights over source rows, learned by skip-gram on code-mixed text."""

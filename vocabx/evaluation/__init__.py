"""Evaluations: what a model can do, measured in a way that models with different vocabularies can be compared by."""

"""Recipes of continued pretraining, and what they train of a model."""

"""Continued pretraining: recipes, stages, and what each of them trains."""

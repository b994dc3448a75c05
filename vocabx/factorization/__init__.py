"""Embeddings as a small matrix of coordinates times a shared matrix of primitives."""

from vocabx.factorization.factors import Factors, Spectrum, spectrum
from vocabx.factorization.recoded import FOLDED, FORMS, MODEL, Factorization, Factorized, factorize

__all__ = ["FOLDED", "FORMS", "MODEL", "Factorization", "Factorized", "Factors", "Spectrum", "factorize", "spectrum"]

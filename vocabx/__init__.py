"""Give a pretrained language model the vocabulary of a new language."""

__all__ = ["__version__"]

__version__ = "0.1.0"

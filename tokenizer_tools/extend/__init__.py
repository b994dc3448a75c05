"""Extend a tokenizer of any family with tokens learned from text or taken from another tokenizer."""

from vocabx.tokenizer_tools.extend.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.extend.options import ExtensionOptions
from vocabx.tokenizer_tools.extend.search import extend_tokenizer

__all__ = ["ExtendedTokenizer", "ExtensionOptions", "extend_tokenizer"]

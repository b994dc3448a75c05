"""Take out of a tokenizer what a corpus never uses."""

from vocabx.tokenizer_tools.trim.trimmed import TrimmedTokenizer, trim_tokenizer

__all__ = ["TrimmedTokenizer", "trim_tokenizer"]

"""Tests of `vocabx.tokenizer_tools.train`."""

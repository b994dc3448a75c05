from __future__ import annotations

from tokenizers import pre_tokenizers

from tests.tokenizer_tools.toys import of_merges
from vocabx.tokenizer_tools.reachability import find_witnesses
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.words import count_words


def after_a_space(*merges: tuple[str, str]) -> FastSegmenter:
    """Make a tokenizer that puts a space before every text."""
    backend = of_merges(*merges).backend
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return FastSegmenter.from_backend(backend)


def test_the_text_of_the_token_is_the_first_witness() -> None:
    segmenter = of_merges(("b", "c"), ("x", "y"))
    words = count_words(segmenter, [["abc xy"]], compose=True).words
    assert find_witnesses(segmenter, [256, 257], words) == {256: "bc", 257: "xy"}


def test_a_word_is_the_witness_where_the_text_alone_is_none() -> None:
    segmenter = after_a_space(("Ġ", "a"), ("a", "b"))
    words = count_words(segmenter, [["cab", "dab", "dab"]], compose=True).words
    assert find_witnesses(segmenter, [257], words) == {257: " dab"}
    assert find_witnesses(segmenter, [257], words, segmenter.encode_words(words)) == {257: " dab"}


def test_a_token_that_no_text_produces_has_no_witness() -> None:
    segmenter = of_merges(("b", "c"), ("a", "b"), ("ab", "c"))  # in "abc" the merge of "bc" comes first
    words = count_words(segmenter, [["abc xabc"]], compose=True).words
    assert find_witnesses(segmenter, [256, 257, 258], words) == {256: "bc", 257: "ab"}
    assert find_witnesses(segmenter, [], words) == {}

"""Tokenizers like those that people use, trained on Korean text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vocabx.tokenizer_tools.read import read_tokenizer
from vocabx.tokenizer_tools.surfaces import Family
from vocabx.tokenizer_tools.train.directory import check_directory, write_trained
from vocabx.tokenizer_tools.train.options import TrainingOptions
from vocabx.tokenizer_tools.train.train import train_tokenizer

MODELS = [
    "smollm2", "gemma3", "minilm", "e5", "mistral", "tokenizers/llama2", "tokenizers/llama3", "tokenizers/qwen3",
    "tokenizers/gpt4o",
]  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_a_real_tokenizer_learns_korean_and_keeps_the_rest(
    name: str, resources: Callable[[str], Path], tmp_path: Path
) -> None:
    source = read_tokenizer(resources(name))
    lines = (resources("texts") / "docs.ko.txt").read_bytes()[:2_000_000].decode(errors="ignore").splitlines()
    result = train_tokenizer([lines], TrainingOptions(size=6000), like=source)
    segmenter = result.segmenter
    assert len(segmenter.tokens) == 6000
    assert segmenter.family is source.family
    assert {role: source.tokens.pieces[token] for role, token in source.roles.items()} == result.blueprint.roles
    texts = [token.text for token in result.blueprint.special]
    assert [source.backend.encode(text).tokens for text in texts] == [
        segmenter.backend.encode(text).tokens for text in texts
    ]
    inside = len(result.material.alphabet) if segmenter.family is Family.WORDPIECE else 0
    assert len(result.unreached) <= inside
    write_trained(result, tmp_path, resources(name))
    check_directory(result, tmp_path, [*lines[:500], *texts[:50]])
    # A text that takes many tokens of the base takes few of its own.
    assert sum(map(len, segmenter.encode(lines[:500]))) < sum(map(len, source.encode(lines[:500])))

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

import vocabx
from vocabx.checkpoint import open_checkpoint

ResourceFinder = Callable[[str], Path]
SIZE = 1000
MEGABYTE = 1_000_000


def korean_slice(source: Path, target: Path) -> Path:
    """Copy the first megabyte, whole lines."""
    size = 0
    with source.open(encoding="utf-8") as lines, target.open("w", encoding="utf-8") as sink:
        for line in islice(lines, MEGABYTE):
            size += len(line.encode())
            if size > MEGABYTE:
                break
            sink.write(line)
    return target


@pytest.mark.torch
def test_smollm2_in_memory_gets_the_rows_that_the_directory_gets(resources: ResourceFinder, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = resources("smollm2")
    corpus = korean_slice(resources("texts") / "docs.ko.txt", tmp_path / "corpus.txt")
    written = vocabx.extend(base, corpus, tmp_path / "out", size=SIZE, pad_to_multiple=64)
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    tokenizer = AutoTokenizer.from_pretrained(base)
    extended, extension = vocabx.extend_model(model, tokenizer, corpus, size=SIZE, pad_to_multiple=64)
    assert extension.plan == written.plan
    before, after = open_checkpoint(base), open_checkpoint(tmp_path / "out")
    assert after.matrix(after.input)[: before.rows].tobytes() == before.matrix(before.input).tobytes()
    expected = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype="auto").state_dict()
    found = model.state_dict()
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        assert torch.equal(tensor.contiguous().view(torch.uint8), expected[name].contiguous().view(torch.uint8)), name
    lines = corpus.read_text(encoding="utf-8").splitlines()[:500]
    plain = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert extended(lines)["input_ids"] == plain(lines)["input_ids"]
    assert sum(map(len, plain(lines)["input_ids"])) < 0.7 * sum(map(len, tokenizer(lines)["input_ids"]))

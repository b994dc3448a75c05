from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data_scripts.llama_cpp import TEXT, write_converter
from tests.verification.damages import setting
from tests.verification.models import damaged, extend, save_base
from vocabx.checkpoint import open_checkpoint
from vocabx.core.errors import InputError
from vocabx.tokenizer_tools.read import read_tokenizer


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield import_module("data_scripts.convert_to_gguf")
    sys.modules.pop("beside", None)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("gguf") / "base", tied=False)


@pytest.fixture(scope="module")
def korean(base: Path) -> Path:
    """Its tokenizer gives the converter's text other ids."""
    out = extend(base, base.parent / "out")
    model = json.loads((out / "tokenizer.json").read_text("utf-8"))["model"]
    setting("tokenizer.json", "model", model | {"merges": [m for m in model["merges"] if m != ["Ġt", "he"]]})(out)
    return out


@pytest.fixture
def llama_cpp(base: Path, tmp_path: Path) -> Path:
    return write_converter(tmp_path / "llama.cpp", read_tokenizer(base).encode([TEXT])[0])


def test_the_converter_takes_the_bases_name_and_the_other_options(
    script: Any, base: Path, korean: Path, llama_cpp: Path, tmp_path: Path
) -> None:
    assert read_tokenizer(korean).encode([TEXT]) != read_tokenizer(base).encode([TEXT])
    script.convert(llama_cpp, korean, base, None, ["--outfile", str(tmp_path / "file"), "--outtype", "bf16"])
    assert json.loads((tmp_path / "file").read_text()) == {"model": str(korean), "pre": "known", "type": "bf16"}


def test_a_name_may_be_given(script: Any, korean: Path, llama_cpp: Path, tmp_path: Path) -> None:
    script.convert(llama_cpp, korean, None, "llama-bpe", ["--outfile", str(tmp_path / "file")])
    assert json.loads((tmp_path / "file").read_text())["pre"] == "llama-bpe"


def test_a_base_that_llama_cpp_does_not_know_is_named(
    script: Any, base: Path, korean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    llama_cpp = write_converter(tmp_path / "llama.cpp", [1, 2, 3])
    options = [str(llama_cpp), str(korean), "--base", str(base), "--outfile", str(tmp_path / "file")]
    with pytest.raises(SystemExit) as stopped:
        script.main(options)
    assert stopped.value.code == 2
    assert "llama.cpp does not know the tokenizer of" in capsys.readouterr().err


def test_a_base_that_cuts_text_otherwise_is_refused(
    script: Any, base: Path, korean: Path, llama_cpp: Path, tmp_path: Path
) -> None:
    other = damaged(base, tmp_path / "other", setting("tokenizer.json", "normalizer", {"type": "NFC"}))
    with pytest.raises(InputError, match=r"The normalizer of .* is not that of"):
        script.convert(llama_cpp, korean, other, None, [])


def test_a_directory_without_the_converter_is_refused(script: Any, korean: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no convert_hf_to_gguf\.py"):
        script.convert(tmp_path, korean, None, "llama-bpe", [])


def write_gguf(path: Path, directory: Path, rows: int = 0, token: int | None = None, merges: int = 0) -> None:
    """Write what the converter would, with so many rows changed, one token renamed, and so many merges left out."""
    gguf = pytest.importorskip("gguf")
    checkpoint, segmenter = open_checkpoint(directory), read_tokenizer(directory)
    tokens = [*segmenter.tokens.pieces]
    tokens += [f"[PAD{token}]" for token in range(len(tokens), checkpoint.rows)]
    if token is not None:
        tokens[token] = "?"
    pairs = json.loads(segmenter.backend.to_str())["model"]["merges"]
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_merges([" ".join(pair) for pair in pairs[: len(pairs) - merges]])
    assert checkpoint.head is not None
    for name, ours in (("token_embd.weight", checkpoint.input), ("output.weight", checkpoint.head)):
        matrix = np.array(checkpoint.matrix(ours), np.float16)
        matrix[:rows] += 1
        writer.add_tensor(name, matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_file_that_says_the_same_differs_in_nothing(script: Any, korean: Path, tmp_path: Path) -> None:
    write_gguf(tmp_path / "file.gguf", korean)
    assert list(script.differences(tmp_path / "file.gguf", korean)) == []


def test_differences_are_counted(script: Any, base: Path, korean: Path, tmp_path: Path) -> None:
    write_gguf(tmp_path / "file.gguf", korean, rows=3, token=300, merges=1)
    assert list(script.differences(tmp_path / "file.gguf", korean)) == [
        "1 tokens are spelt otherwise, the first with the id 300",
        "the merges are not those of tokenizer.json",
        "3 rows of token_embd.weight are not those of model.embed_tokens.weight",
        "3 rows of output.weight are not those of lm_head.weight",
    ]
    found = list(script.differences(tmp_path / "file.gguf", base))
    assert "384 tokens, and 342 rows" in found
    assert "token_embd.weight has 384 rows, and model.embed_tokens.weight 342" in found

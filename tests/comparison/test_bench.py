from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import vocabx
from tests.extension.bases import learning, save_tokenizer, transformers_model
from tests.tokenizer_tools.toys import byte_level, english, korean, llama3_like, metaspace
from vocabx.checkpoint.writing.resize import LONG_RUN
from vocabx.comparison.bench import Bench
from vocabx.comparison.setting import Setting, check_variants
from vocabx.comparison.variants import Variant
from vocabx.core.errors import InputError
from vocabx.eval.decoder import load_decoder
from vocabx.replacement import ReplaceRequest
from vocabx.request import Request
from vocabx.stages import Stages

pytestmark = pytest.mark.torch

BASES: dict[str, tuple[str, str, int, dict[str, Any]]] = {
    "tied": ("llama", "bfloat16", 0, {"tie_word_embeddings": True}),
    "untied, padded": ("llama", "float16", 10, {"tie_word_embeddings": False}),
    "output bias, much padding": ("phi", "bfloat16", 90, {}),
    "GPT-2": ("gpt2", "float32", 0, {}),
}
LINES = [*korean()[:3], *english()[:3]]


def save_base(directory: Path, name: str) -> Path:
    family, dtype, padding, config = BASES[name]
    rows = len(byte_level().tokens) + padding
    transformers_model(family, rows, dtype, **config).save_pretrained(directory)
    save_tokenizer(directory)
    return directory


def open_bench(setting: Setting, dtype: str) -> Bench:
    return Bench.open(setting.checkpoint, setting.decision, dtype, setting.style)


def same_logits(bench: Bench, directory: Path, dtype: str) -> bool:
    """Whether the model in memory says of some lines, to the bit, what the written one says."""
    import torch

    written = load_decoder(directory, dtype=dtype)
    mine, other = bench.decoder.encode(LINES), written.encode(LINES)
    assert mine.values.tolist() == other.values.tolist()
    ids = [torch.from_numpy(mine[line][:60])[None] for line in range(len(LINES))]  # within the context of all
    with torch.inference_mode():
        return all(torch.equal(bench.decoder.model(one).logits, written.model(one).logits) for one in ids)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("base", BASES)
def test_the_logits_are_those_of_the_written_directory_for_one_method_after_the_other(
    base: str, dtype: str, tmp_path: Path
) -> None:
    directory = save_base(tmp_path / "base", base)
    settings: dict[str, Any] = {**learning(tmp_path), "pad_to_multiple": 64}
    setting = Setting.open(directory, Request(**settings), Stages())
    bench = open_bench(setting, dtype)
    for method in ("random", "eeve"):
        vocabx.extend(directory, out=tmp_path / method, method=method, **settings)
        bench.put(setting.initialize(Variant(method, method), Stages()))
        assert same_logits(bench, tmp_path / method, dtype)
    assert not same_logits(bench, tmp_path / "random", dtype)


def test_the_logits_are_those_of_a_written_replacement(tmp_path: Path) -> None:
    directory = save_base(tmp_path / "base", "untied, padded")
    save_tokenizer(tmp_path / "target", metaspace())
    setting = Setting.open(directory, ReplaceRequest(tmp_path / "target"), Stages())
    vocabx.replace(directory, tmp_path / "target", tmp_path / "out", method="eeve")
    bench = open_bench(setting, "float32")
    bench.put(setting.initialize(Variant("eeve", "eeve"), Stages()))
    assert same_logits(bench, tmp_path / "out", "float32")
    assert not setting.is_extension


def test_reserved_slots_get_rows_too_and_long_runs_are_kept(tmp_path: Path) -> None:
    directory = tmp_path / "base"
    rows = len(llama3_like().tokens) + 2 * LONG_RUN
    transformers_model("llama", rows, tie_word_embeddings=False).save_pretrained(directory)
    save_tokenizer(directory, llama3_like())
    settings: dict[str, Any] = {**learning(tmp_path), "reuse_reserved": True}
    setting = Setting.open(directory, Request(**settings), Stages())
    vocabx.extend(directory, out=tmp_path / "out", **settings)
    bench = open_bench(setting, "float32")
    bench.put(setting.initialize(Variant("constituents", "constituents"), Stages()))
    assert bench.plan.new_ids[0] < bench.plan.tokens_before
    assert same_logits(bench, tmp_path / "out", "float32")


def test_what_is_done_to_the_rows_in_a_block_is_undone(tmp_path: Path) -> None:
    import torch

    directory = save_base(tmp_path / "base", "untied, padded")
    setting = Setting.open(directory, Request(**learning(tmp_path)), Stages())
    bench = open_bench(setting, "float32")
    bench.put(setting.initialize(Variant("mean", "mean"), Stages()))
    before = [weight.detach().clone() for weight in bench.weights]
    assert len(before) == 2
    with bench.unchanged_afterwards():
        for weight in bench.weights:
            weight.add_(1)
        assert not torch.equal(bench.weights[0], before[0])
    assert all(torch.equal(*pair) for pair in zip(bench.weights, before, strict=True))


def test_a_method_that_lacks_its_materials_or_gets_an_unknown_option_is_refused(tmp_path: Path) -> None:
    directory = save_base(tmp_path / "base", "tied")
    setting = Setting.open(directory, Request(**learning(tmp_path)), Stages())
    with pytest.raises(InputError, match=r"trans-tokenization needs parallel text: give --parallel"):
        check_variants([Variant("trans-tokenization", "trans-tokenization")], setting.materials)
    with pytest.raises(InputError, match=r"no option called 'scales'"):
        check_variants([Variant("random", "random", {"scales": 1.0})], setting.materials)
    check_variants([Variant("random", "random", {"scale": 1.0})], setting.materials)

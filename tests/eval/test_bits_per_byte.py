from __future__ import annotations

import copy
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.eval.models import CONTEXT, tiny_model, tiny_tokenizer, write_model
from tests.strategies import table
from vocabx.core.arrays import Ints
from vocabx.core.errors import CheckpointError, InputError, MissingExtraError
from vocabx.eval import bits_per_byte as module
from vocabx.eval.bits_per_byte import BitsPerByte, bits_per_byte, score_documents
from vocabx.eval.decoder import advise_on_type, load_decoder

TEXTS = ["Hello, world!", "a", "한국어 문장입니다.", "x" * 50]
LONG = "The quick brown fox jumps over the lazy dog. " * 5


def nats_one_by_one(model: Any, ids: list[int], window: int, stride: int) -> float:
    """Return the loss of one sequence from the model's own loss, window by window without a batch."""
    import torch

    total, reached = 0.0, 1
    for begin in range(0, len(ids), stride):
        end = min(begin + window, len(ids))
        part = torch.tensor([ids[begin:end]])
        labels = part.clone()
        labels[0, : reached - begin] = -100
        if end > reached:
            with torch.no_grad():
                total += float(model(input_ids=part, labels=labels).loss) * (end - reached)
        reached = end
        if end == len(ids):
            break
    return total


def measured(nats: list[float], sizes: list[int]) -> BitsPerByte:
    return BitsPerByte(np.array(nats), np.array(sizes), "bos", 8, 4)


@pytest.mark.torch
@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
@pytest.mark.parametrize("logits_at_once", [1, 10**5, 2**27])
def test_batches_cost_what_documents_cost_one_by_one(
    architecture: str, logits_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOGITS_AT_ONCE", logits_at_once)
    tokenizer = tiny_tokenizer(bos_token="<s>", eos_token="</s>")
    model = tiny_model(len(tokenizer), architecture=architecture)
    result = score_documents(model, tokenizer, [*TEXTS, LONG], window=32, stride=12)
    ids = [[tokenizer.bos_token_id, *tokenizer(text)["input_ids"]] for text in [*TEXTS, LONG]]
    expected = [nats_one_by_one(model, document, 32, 12) for document in ids]
    np.testing.assert_allclose(result.nats, expected, rtol=1e-5)
    assert result.bytes.tolist() == [13, 1, 26, 50, 225]
    assert result.value == pytest.approx(sum(expected) / 315 / math.log(2), rel=1e-5)
    assert (result.start, result.window, result.stride) == ("bos", 32, 12)


@pytest.mark.torch
@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_side_that_a_tokenizer_pads_does_not_change_the_cost(architecture: str, side: str) -> None:
    plain, padding = tiny_tokenizer(bos_token="<s>"), tiny_tokenizer(bos_token="<s>", pad_token="</s>")
    padding.padding_side = side
    model = tiny_model(len(plain), architecture=architecture)
    expected = score_documents(model, plain, [*TEXTS, LONG], window=32, stride=12)
    found = score_documents(model, padding, [*TEXTS, LONG], window=32, stride=12)
    np.testing.assert_allclose(found.nats, expected.nats, rtol=1e-6)


@pytest.mark.torch
def test_the_order_and_the_company_of_documents_do_not_change_their_cost() -> None:
    tokenizer = tiny_tokenizer(bos_token="<s>")
    model = tiny_model(len(tokenizer))
    together = score_documents(model, tokenizer, [*TEXTS, LONG], window=32, stride=12)
    backwards = score_documents(model, tokenizer, [*TEXTS, LONG][::-1], window=32, stride=12)
    alone = [score_documents(model, tokenizer, [text], window=32, stride=12).nats[0] for text in [*TEXTS, LONG]]
    np.testing.assert_allclose(together.nats, backwards.nats[::-1], rtol=1e-5)
    np.testing.assert_allclose(together.nats, alone, rtol=1e-5)


@pytest.mark.torch
def test_what_a_model_does_to_its_logits_is_done() -> None:
    import torch
    from transformers import Gemma2Config, Gemma2ForCausalLM

    tokenizer = tiny_tokenizer(bos_token="<s>")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    rest = {"num_key_value_heads": 1, "head_dim": 8, "final_logit_softcapping": 0.5, "initializer_range": 0.5}
    config = Gemma2Config(vocab_size=len(tokenizer), max_position_embeddings=CONTEXT, **sizes, **rest)
    model = Gemma2ForCausalLM(config).eval()
    ids = [[tokenizer.bos_token_id, *tokenizer(text)["input_ids"]] for text in TEXTS]
    expected = [nats_one_by_one(model, document, 64, 32) for document in ids]
    np.testing.assert_allclose(score_documents(model, tokenizer, TEXTS).nats, expected, rtol=1e-5)


@pytest.mark.torch
def test_all_logits_are_read_where_the_body_gives_no_states() -> None:
    tokenizer = tiny_tokenizer(bos_token="<s>")
    model = tiny_model(len(tokenizer))
    expected = score_documents(model, tokenizer, TEXTS)
    model.base_model_prefix = "absent"  # then the base model is the whole one, whose output has no states
    assert model.base_model is model
    np.testing.assert_allclose(score_documents(model, tokenizer, TEXTS).nats, expected.nats, rtol=1e-6)


@pytest.mark.torch
def test_an_encoder_without_a_head_is_refused(tmp_path: Path) -> None:
    from tests.eval.encoders import tiny_encoder

    encoder = tiny_encoder(headless=True)
    with pytest.raises(CheckpointError, match="is no causal language model: cls"):
        bits_per_byte(write_model(tmp_path / "encoder", encoder.model, encoder.tokenizer), ["a"])


@pytest.mark.torch
@pytest.mark.parametrize(
    ("chosen", "message"),
    [({"dtype": "float3"}, "no type to compute in called 'float3'"), ({"device": "abacus"}, "no device 'abacus'")],
)
def test_a_type_or_device_that_is_not_there_is_a_sentence(tmp_path: Path, chosen: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_decoder(tmp_path, **chosen)


@pytest.mark.torch
def test_a_type_in_which_the_processor_is_slow_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said = list[str]()
    seconds = iter([2.0, 0.1, 0.1, 0.1])
    monkeypatch.setattr("timeit.repeat", lambda *_, **__: [next(seconds)])
    for _ in range(2):
        advise_on_type("bfloat16", "cpu", said.append)
    advise_on_type("float32", "cpu", said.append)
    assert said == ["This processor is about 20 times slower in bfloat16 than in float32: leave out --dtype bfloat16"]


def test_a_document_starts_after_eos_where_there_is_no_bos() -> None:
    tokenizer = tiny_tokenizer(eos_token="</s>")
    model = tiny_model(len(tokenizer))
    result = score_documents(model, tokenizer, ["abc"])
    expected = nats_one_by_one(model, [tokenizer.eos_token_id, *tokenizer("abc")["input_ids"]], 32, 12)
    assert result.start == "eos"
    assert result.value == pytest.approx(expected / 3 / math.log(2), rel=1e-5)


@pytest.mark.torch
def test_the_first_token_is_a_draw_from_the_vocabulary_where_there_is_neither() -> None:
    tokenizer = tiny_tokenizer()
    model = tiny_model(len(tokenizer))
    result = score_documents(model, tokenizer, ["abc", "a"], new_ids=np.arange(len(tokenizer)))
    expected = nats_one_by_one(model, tokenizer("abc")["input_ids"], 32, 12) + math.log(len(tokenizer))
    assert result.start == "uniform"
    np.testing.assert_allclose(result.nats, [expected, math.log(len(tokenizer))], rtol=1e-5)
    assert result.new is not None
    assert result.new.tokens == 4


@pytest.mark.torch
def test_window_and_stride_shrink_to_the_context() -> None:
    tokenizer = tiny_tokenizer(bos_token="<s>")
    model = tiny_model(len(tokenizer), architecture="gpt2")
    result = score_documents(model, tokenizer, [LONG])
    assert (result.window, result.stride) == (CONTEXT, CONTEXT // 2)


@pytest.mark.torch
def test_old_and_new_tokens_share_the_cost() -> None:
    tokenizer = tiny_tokenizer(["한국"], bos_token="<s>", eos_token="</s>")
    model = tiny_model(len(tokenizer))
    first_new = tokenizer.convert_tokens_to_ids("한국")
    surfaces = [*[b"?"] * first_new, "한국".encode()]
    result = score_documents(model, tokenizer, ["a한국", "bc"], new_ids=np.array([first_new]), tokens=table(surfaces))
    assert result.old is not None
    assert result.new is not None
    assert (result.old.tokens, result.old.bytes, result.new.tokens, result.new.bytes) == (3, 3, 1, 6)
    assert result.old.nats + result.new.nats == pytest.approx(result.nats.sum())
    without_table = score_documents(model, tokenizer, ["a한국"], new_ids=np.array([first_new]))
    assert without_table.new is not None
    assert without_table.new.bytes is None


@pytest.mark.torch
def test_progress_is_told_after_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOGITS_AT_ONCE", 1)
    tokenizer = tiny_tokenizer(bos_token="<s>")
    told: list[tuple[int, int]] = []
    score_documents(
        tiny_model(len(tokenizer)), tokenizer, ["abc", "d"], progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 2), (2, 2)]


@pytest.mark.torch
def test_a_directory_costs_what_the_model_in_it_costs(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(bos_token="<s>", eos_token="</s>")
    model = tiny_model(len(tokenizer))
    for parameter in model.parameters():
        parameter.data = parameter.data.bfloat16().float()
    written = write_model(tmp_path / "model", copy.deepcopy(model).bfloat16(), tokenizer)
    result = bits_per_byte(written, TEXTS)
    np.testing.assert_allclose(result.nats, score_documents(model, tokenizer, TEXTS).nats, rtol=1e-6)


@pytest.mark.torch
def test_a_directory_without_a_model_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be opened as a causal language model"):
        bits_per_byte(tmp_path, ["a"])


@pytest.mark.torch
def test_a_masked_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert", "architectures": ["BertForMaskedLM"]}')
    with pytest.raises(InputError, match="is a masked language model"):
        bits_per_byte(tmp_path, ["a"])


@pytest.mark.torch
@pytest.mark.parametrize(("texts", "message"), [(["a", ""], "Document 1 is empty"), ([], "no document")])
def test_a_document_must_have_bytes(texts: list[str], message: str) -> None:
    tokenizer = tiny_tokenizer(bos_token="<s>")
    with pytest.raises(InputError, match=message):
        score_documents(tiny_model(len(tokenizer)), tokenizer, texts)


def test_the_absence_of_torch_is_a_sentence_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"Running a model needs .* pip install 'vocabx\[torch\]'"):
        bits_per_byte(tmp_path, ["a"])


def test_the_value_weighs_documents_by_their_bytes() -> None:
    assert measured([1.0, 8.0], [1, 2]).value == pytest.approx(3 / math.log(2))


def test_an_interval_is_the_bootstrap_of_the_ratio_of_sums() -> None:
    rng = np.random.default_rng(1)
    nats, sizes = rng.uniform(50, 150, 40), rng.integers(50, 150, 40)
    result = measured(nats.tolist(), sizes.tolist())
    interval = result.interval(np.random.default_rng(7), resamples=500, level=0.9)

    def draw(rng: np.random.Generator) -> float:
        chosen: Ints = rng.integers(40, size=40)
        return float(nats[chosen].sum() / sizes[chosen].sum() / math.log(2))

    again = np.random.default_rng(7)
    low, high = np.quantile([draw(again) for _ in range(500)], [0.05, 0.95])
    assert interval.estimate == result.value
    assert (interval.low, interval.high) == pytest.approx((low, high))
    assert interval.low < interval.estimate < interval.high


def test_an_interval_narrows_when_the_level_falls() -> None:
    result = measured([1.0, 2.0, 4.0, 3.0], [2, 2, 3, 2])
    wide = result.interval(np.random.default_rng(0), level=0.99)
    narrow = result.interval(np.random.default_rng(0), level=0.5)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_paired_difference_of_a_constant_gap_is_certain() -> None:
    sizes = [10, 20, 30]
    better, worse = measured([10.0, 40.0, 30.0], sizes), measured([20.0, 60.0, 60.0], sizes)
    gap = better.paired_difference(worse, np.random.default_rng(0))
    assert (gap.estimate, gap.low, gap.high) == pytest.approx((-1 / math.log(2),) * 3)
    assert gap.estimate == pytest.approx(better.value - worse.value)


def test_other_documents_cannot_be_paired() -> None:
    with pytest.raises(InputError, match="only on the same documents"):
        measured([1.0], [1]).paired_difference(measured([1.0], [2]), np.random.default_rng(0))


@pytest.mark.torch
def test_a_real_model_reads_english_better_than_korean(resources: Callable[[str], Path]) -> None:
    help_texts = resources("help-texts")
    pairs = zip(
        (help_texts / "help.en-us.txt").read_text().splitlines(),
        (help_texts / "help.ko.txt").read_text().splitlines(),
        strict=True,
    )
    chosen = [(en, ko) for en, ko in pairs if 120 <= len(en) <= 400 and en != ko][::150][:20]
    english, korean = (bits_per_byte(resources("smollm2"), texts) for texts in zip(*chosen, strict=True))
    assert len(chosen) == 20
    assert 1.0 < english.value < 1.7
    assert 1.7 < korean.value < 2.4

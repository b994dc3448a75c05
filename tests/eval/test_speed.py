from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.eval.models import tiny_model, tiny_tokenizer
from vocabx.core.errors import InputError
from vocabx.eval import speed as module
from vocabx.eval.attention_cache import cache_bytes, expected_cache_bytes
from vocabx.eval.decoder import Decoder
from vocabx.eval.speed import Range, Speed, measure_speeds
from vocabx.eval.stepping import choose_step_by_step, pad_at_end, read_at_once

pytestmark = pytest.mark.torch
TEXTS = ["Hello, world!", "한국어 문장", "a long text " * 4]
WINDOW = 8


def tiny_gemma(vocabulary: int) -> Any:
    """Return a random decoder with one layer that keeps a window, and one that keeps everything."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=vocabulary,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        sliding_window=WINDOW,
        layer_types=["sliding_attention", "full_attention"],
        max_position_embeddings=64,
        initializer_range=0.5,
    )
    return Gemma3ForCausalLM(config).eval()


def tiny_decoder(kind: str = "llama", words: tuple[str, ...] = (), **roles: str) -> Decoder:
    tokenizer = tiny_tokenizer(words, **(roles or {"bos_token": "<s>"}))
    size = len(tokenizer)
    return Decoder(tiny_gemma(size) if kind == "gemma" else tiny_model(size, architecture=kind), tokenizer)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma"])
def test_steps_choose_what_the_whole_text_at_once_makes_the_model_choose(kind: str) -> None:
    import torch

    decoder = tiny_decoder(kind)
    sequences = decoder.encode(TEXTS)
    chosen = choose_step_by_step(decoder, pad_at_end(decoder, sequences, range(len(TEXTS))))
    for row, ids in enumerate(sequences[text] for text in range(len(TEXTS))):
        with torch.no_grad():
            logits = decoder.model(input_ids=torch.tensor(ids)[None], use_cache=False).logits[0]
        assert chosen[row, : len(ids) - 1].tolist() == logits[:-1].argmax(dim=-1).tolist()


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_the_cache_is_two_vectors_for_every_token_and_layer(kind: str) -> None:
    decoder = tiny_decoder(kind)
    speed = measure_speeds([decoder], TEXTS, repeats=1)[0]
    tokens = sum(1 + len(text.encode()) for text in TEXTS)
    layers, dimensions, float32 = 2, 16, 4
    assert speed.cache == speed.expected_cache == 2 * layers * dimensions * float32 * tokens
    assert speed.cache_bytes_per_character == speed.cache / sum(map(len, TEXTS))


def test_a_layer_with_a_window_keeps_no_more_than_the_window() -> None:
    speed = measure_speeds([tiny_decoder("gemma")], TEXTS, repeats=1)[0]
    kept = sum(1 + len(text.encode()) + min(1 + len(text.encode()), WINDOW - 1) for text in TEXTS)
    head, float32 = 8, 4
    assert speed.cache == speed.expected_cache == 2 * head * float32 * kept


def test_half_the_width_of_a_number_is_half_the_cache() -> None:
    decoder = tiny_decoder()
    whole = cache_bytes(read_at_once(decoder, pad_at_end(decoder, decoder.encode(TEXTS), [0])).past_key_values)
    decoder.model.bfloat16()
    half = cache_bytes(read_at_once(decoder, pad_at_end(decoder, decoder.encode(TEXTS), [0])).past_key_values)
    assert half * 2 == whole == expected_cache_bytes(decoder.model.config, 14, 4)


def test_other_layers_have_no_expected_cache() -> None:
    decoder = tiny_decoder("gemma")
    decoder.model.config.layer_types = ["linear_attention", "full_attention"]
    assert expected_cache_bytes(decoder.model.config, 10, 4) is None


@pytest.mark.parametrize(("batch_size", "repeats"), [(1, 1), (2, 3), (9, 2)])
def test_text_is_counted_once_however_often_it_is_measured(batch_size: int, repeats: int) -> None:
    decoders = [tiny_decoder(), tiny_decoder(words=("한국어", "text"))]
    plain, larger = measure_speeds(decoders, TEXTS, batch_size=batch_size, repeats=repeats)
    assert plain.characters == larger.characters == sum(map(len, TEXTS))
    assert plain.bytes == larger.bytes == plain.tokens == sum(len(text.encode()) for text in TEXTS)
    assert larger.tokens == plain.tokens - 8 - 4 * 3
    assert larger.tokens_per_character == larger.tokens / larger.characters
    for speed in (plain, larger):
        assert speed.writing.shape == speed.reading.shape == (repeats,)
        assert (speed.writing > 0).all()
        assert (speed.reading > 0).all()


@pytest.mark.parametrize(("batch_size", "steps"), [(1, 13 + 16 + 48), (2, 16 + 48), (3, 48)])
def test_a_batch_takes_the_steps_of_the_text_with_most_tokens(batch_size: int, steps: int) -> None:
    speed = measure_speeds([tiny_decoder()], TEXTS, batch_size=batch_size, repeats=1)[0]
    assert speed.steps == steps
    assert speed.characters_per_step == sum(map(len, TEXTS)) / steps


def test_rates_are_amounts_by_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "timed", lambda decoder, run, ids: 2.0 if run is choose_step_by_step else 0.5)
    speed = measure_speeds([tiny_decoder()], TEXTS, repeats=2)[0]
    assert speed.writing.tolist() == [6.0, 6.0]
    assert speed.characters_per_second.tolist() == [speed.characters / 6] * 2
    assert speed.tokens_per_second.tolist() == [speed.tokens / 6] * 2
    assert speed.bytes_per_second.tolist() == [speed.bytes / 1.5] * 2


def test_models_take_turns_and_the_warm_up_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    decoders = [tiny_decoder(), tiny_decoder()]
    turns = list[int]()

    def fake(decoder: Decoder, run: Any, ids: Any) -> float:
        turns.append(decoders.index(decoder) if decoder is decoders[0] else 1)
        return 100.0 if len(turns) <= 4 else 1.0

    monkeypatch.setattr(module, "timed", fake)
    heard = list[tuple[int, int]]()
    speeds = measure_speeds(decoders, TEXTS[:1], repeats=2, progress=lambda done, total: heard.append((done, total)))
    assert turns == [0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1]
    assert [speed.writing.tolist() for speed in speeds] == [[1.0, 1.0], [1.0, 1.0]]
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_a_range_is_the_median_with_both_ends() -> None:
    assert Range.of(np.array([3.0, 1.0, 7.0])) == Range(3.0, 1.0, 7.0)
    assert Range.of(np.array([3.0, 1.0])) == Range(2.0, 1.0, 3.0)


def test_a_text_longer_than_the_context_is_refused_with_its_size() -> None:
    with pytest.raises(InputError, match="Text 2 is 101 tokens of a model that reads 64 at most"):
        measure_speeds([tiny_decoder()], ["a", "b" * 100])


@pytest.mark.parametrize(
    ("texts", "options", "said"),
    [
        ([], {}, "no document"),
        (["a", ""], {}, "Document 1 is empty"),
        (["ab"], {"repeats": 0}, "at least 1"),
        (["ab"], {"batch_size": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_measured_is_said(texts: list[str], options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        measure_speeds([tiny_decoder()], texts, **options)


def test_a_text_of_one_token_is_written_after_a_start_and_refused_without_one() -> None:
    assert measure_speeds([tiny_decoder()], ["a"], repeats=1)[0].tokens == 1
    with pytest.raises(InputError, match="no second token"):
        measure_speeds([Decoder(tiny_decoder().model, tiny_tokenizer())], ["a"], repeats=1)


def test_a_model_without_keys_and_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "read_at_once", lambda decoder, ids: object())
    with pytest.raises(InputError, match="keeps no keys and values"):
        measure_speeds([tiny_decoder()], TEXTS)


def test_a_speed_is_plain_arithmetic() -> None:
    speed = Speed(100, 250, 50, 40, np.array([2.0]), np.array([0.5]), 400, None)
    assert (speed.characters_per_second.item(), speed.tokens_per_second.item()) == (50.0, 25.0)
    assert speed.characters_per_step == 2.5
    assert (speed.bytes_per_second.item(), speed.cache_bytes_per_character) == (500.0, 4.0)

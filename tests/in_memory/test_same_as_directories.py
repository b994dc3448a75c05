"""The law: a model changed in memory is the model that is loaded from a directory changed alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vocabx
from tests.extension.bases import learning, save_tokenizer
from tests.in_memory.families import FAMILIES, TOKENS, bits, load, save_family, settings_of, sizes_of
from tests.tokenizer_tools.toys import byte_level, english, korean, metaspace, with_roles
from vocabx.core.errors import InputError, TokenizerError

pytestmark = pytest.mark.torch

EVERY_FAMILY = pytest.mark.parametrize("family", FAMILIES)
PADDED: dict[str, Any] = {"pad_to_multiple": 8}


def other_byte_level() -> Any:
    """A target whose padding token has the id of the base's, which RoBERTa's positions count from."""
    from tokenizers import Tokenizer, trainers

    tokenizer = Tokenizer.from_str(byte_level().backend.to_str())
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=["<|end|>", "<pad>"], show_progress=False)
    tokenizer.train_from_iterator([*korean()[:100], *english()[:100]], trainer)
    return with_roles(tokenizer, bos="<|end|>", eos="<|end|>", pad="<pad>")


def assert_same(model: Any, tokenizer: Any, expected: Any, expected_tokenizer: Any) -> None:
    """Compare everything that a user could tell two models by."""
    import torch

    assert bits(model) == bits(expected)
    assert settings_of(model) == settings_of(expected)
    assert sizes_of(model) == sizes_of(expected)
    assert model.get_input_embeddings().weight.shape[0] == model.config.vocab_size
    assert tokenizer.backend_tokenizer.to_str() == expected_tokenizer.backend_tokenizer.to_str()
    assert tokenizer.special_tokens_map == expected_tokenizer.special_tokens_map
    assert tokenizer.chat_template == expected_tokenizer.chat_template
    lines = [*korean()[:10], *english()[:10]]
    ids = tokenizer(lines)["input_ids"]
    assert ids == expected_tokenizer(lines)["input_ids"]
    prompt = torch.tensor([ids[0][:8]])
    more = {"decoder_input_ids": prompt} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        ours, theirs = (each.eval()(input_ids=prompt, **more).logits for each in (model, expected))
    assert torch.equal(ours, theirs)


def check(family: str, directory: Path, write: Callable[[Path, Path], Any], change: Callable[[Any, Any], Any]) -> Any:
    """Change a directory and a loaded model alike, compare the two, and return what both functions gave."""
    base = save_family(directory / "base", family)
    written = write(base, directory / "out")
    model, tokenizer = load(base, family)
    before = tokenizer.get_vocab()
    changed, decision = change(model, tokenizer)
    assert_same(model, changed, *load(directory / "out", family))
    assert tokenizer.get_vocab() == before
    assert (decision.plan, decision.manifest) == (written.plan, written.manifest)
    return model, changed, decision


@EVERY_FAMILY
def test_an_extended_model_is_what_extend_writes(family: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {**learning(tmp_path), **PADDED, "method": "eeve"}
    _, tokenizer, extension = check(
        family,
        tmp_path,
        lambda base, out: vocabx.extend(base, out=out, **settings),
        lambda model, given: vocabx.extend_model(model, given, **settings),
    )
    assert len(tokenizer) == extension.plan.tokens > TOKENS


@EVERY_FAMILY
def test_a_model_with_another_tokenizer_is_what_replace_writes(family: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    # AutoTokenizer gives a Qwen2 model a byte-level tokenizer whatever its file says, and `replace` refuses another.
    keeps_ids = family in ("roberta", "qwen2")
    save_tokenizer(target, other_byte_level() if keeps_ids else metaspace())
    model, _, replacement = check(
        family,
        tmp_path,
        lambda base, out: vocabx.replace(base, target, out, method="univariate", seed=3, **PADDED),
        lambda model, given: vocabx.replace_model(model, given, target, method="univariate", seed=3, **PADDED),
    )
    assert replacement.plan.new
    assert model.config.eos_token_id == replacement.plan.roles["eos"]
    assert (model.config.eos_token_id == 0) == keeps_ids


@EVERY_FAMILY
def test_a_trimmed_model_is_what_trim_writes(family: str, tmp_path: Path) -> None:
    text = tmp_path / "kept.txt"
    text.write_text("\n".join(english()[:20]) + "\n", encoding="utf-8")
    _, tokenizer, trimming = check(
        family,
        tmp_path,
        lambda base, out: vocabx.trim(base, text, out, **PADDED),
        lambda model, given: vocabx.trim_model(model, given, text, **PADDED),
    )
    assert len(tokenizer) == trimming.plan.tokens < TOKENS
    assert len(trimming.plan.runs) > 1


def test_a_tokenizer_that_would_not_open_beside_the_model_is_refused_in_memory_too(tmp_path: Path) -> None:
    save_tokenizer(tmp_path / "target", metaspace())
    model, tokenizer = load(save_family(tmp_path / "base", "qwen2"), "qwen2")
    before = bits(model), settings_of(model)
    with pytest.raises(TokenizerError, match="'qwen2' makes it rebuild the tokenizer"):
        vocabx.replace_model(model, tokenizer, tmp_path / "target")
    assert (bits(model), settings_of(model)) == before


@pytest.mark.parametrize("family", ["llama, tied", "bert"])
def test_a_changed_model_is_changed_again_and_saved_as_it_is(family: str, tmp_path: Path) -> None:
    base = save_family(tmp_path / "base", family)
    model, tokenizer = load(base, family)
    tokenizer, _ = vocabx.extend_model(model, tokenizer, **learning(tmp_path))
    text = tmp_path / "corpus.txt"
    tokenizer, _ = vocabx.trim_model(model, tokenizer, text)
    model.save_pretrained(tmp_path / "saved")
    tokenizer.save_pretrained(tmp_path / "saved")
    assert_same(model, tokenizer, *load(tmp_path / "saved", family))


def test_an_opened_tokenizer_is_swapped_in_as_one_in_a_directory(tmp_path: Path) -> None:
    base = save_family(tmp_path / "base", "llama")
    save_tokenizer(tmp_path / "target", metaspace())
    results = []
    for opened in (False, True):
        model, tokenizer = load(base, "llama")
        target = load_tokenizer(tmp_path / "target") if opened else tmp_path / "target"
        made, replacement = vocabx.replace_model(model, tokenizer, target)
        results.append((bits(model), made.get_vocab(), replacement.manifest))
    assert results[0] == results[1]


def load_tokenizer(directory: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(directory)


def test_ready_made_rows_are_taken_in_memory_as_in_a_directory(tmp_path: Path) -> None:
    text = learning(tmp_path)
    base = save_family(tmp_path / "base", "phi")
    vocabx.extend(base, out=tmp_path / "extended", **text)
    vocabx.rows(base, tmp_path / "extended", method="univariate").save(tmp_path / "rows.safetensors")
    settings: dict[str, Any] = {**text, "rows": tmp_path / "rows.safetensors"}
    vocabx.extend(base, out=tmp_path / "out", **settings)
    model, tokenizer = load(base, "phi")
    changed, _ = vocabx.extend_model(model, tokenizer, **settings)
    assert_same(model, changed, *load(tmp_path / "out", "phi"))
    assert bits(model) != bits(load(tmp_path / "extended", "phi")[0])


def test_what_a_loaded_model_has_no_use_for_is_refused(tmp_path: Path) -> None:
    model, tokenizer = load(save_family(tmp_path / "base", "llama"), "llama")
    with pytest.raises(InputError, match="leave out shards and dtype"):
        vocabx.extend_model(model, tokenizer, **learning(tmp_path), dtype="float32")

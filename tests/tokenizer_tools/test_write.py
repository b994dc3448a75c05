from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tokenizer_tools.extend.test_search import extended
from tests.tokenizer_tools.toys import english, gemma_like, korean, llama3_like, metaspace
from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer
from vocabx.tokenizer_tools.write import check_reopened, write_tokenizer

PROBES = [*english()[:20], *korean()[:20], "<|begin|>한국<think>"]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    directory = tmp_path / "base"
    directory.mkdir()
    settings = {"tokenizer_class": "Other", "auto_map": {}, "eos_token": "<|end|>", "model_max_length": 77}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (directory / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    return directory


@pytest.fixture
def out(tmp_path: Path) -> Path:
    directory = tmp_path / "out"
    directory.mkdir()
    return directory


def test_an_extended_tokenizer_opens_as_it_was_built(base: Path, out: Path) -> None:
    built = extended("like Llama 3").segmenter
    write_tokenizer(built, base, out)
    check_reopened(out, built, PROBES)
    opened = read_tokenizer(out)
    assert opened.encode(PROBES) == built.encode(PROBES)
    assert opened.roles == built.roles
    assert opened.tokens.kinds.tolist() == built.tokens.kinds.tolist()


def test_settings_and_chat_template_are_carried_over(base: Path, out: Path) -> None:
    write_tokenizer(llama3_like(), base, out)
    settings = json.loads((out / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert settings == {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|end|>",
        "bos_token": "<|begin|>",
        "pad_token": "<|reserved_special_token_1|>",
        "model_max_length": 77,
    }
    assert (out / "chat_template.jinja").read_text(encoding="utf-8") == "{{ messages }}"


@pytest.mark.parametrize(("segmenter", "said"), [(gemma_like(), False), (metaspace(), None), (llama3_like(), None)])
def test_a_text_that_begins_without_a_space_is_said_to(
    segmenter: FastSegmenter, said: bool | None, base: Path, out: Path
) -> None:
    write_tokenizer(segmenter, base, out)
    settings = json.loads((out / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert settings.get("add_prefix_space") is said
    check_reopened(out, segmenter, PROBES)


def test_another_vocabulary_or_role_is_noticed(base: Path, out: Path) -> None:
    write_tokenizer(llama3_like(), base, out)
    message = "AutoTokenizer does not open the tokenizer with the vocabulary that was written"
    with pytest.raises(TokenizerError, match=message):
        check_reopened(out, extended("like Llama 3").segmenter, PROBES)
    with pytest.raises(TokenizerError, match=message):
        check_reopened(out, FastSegmenter.from_backend(llama3_like().backend), PROBES)


def test_other_ids_are_noticed(base: Path, out: Path) -> None:
    definition = llama3_like().definition | {"normalizer": {"type": "Lowercase"}}
    (out / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    backend = type(llama3_like().backend).from_str(json.dumps(definition))
    write_tokenizer(FastSegmenter.from_backend(backend, llama3_like().roles), base, out)
    with pytest.raises(TokenizerError, match=r"does not encode 'The' like .*: the model type 'llama' makes it"):
        check_reopened(out, llama3_like(), ["the", "The"])

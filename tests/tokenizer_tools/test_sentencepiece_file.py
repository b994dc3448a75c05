from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer, normalizers, pre_tokenizers

from tests.tokenizer_tools.toys import byte_level, english, korean, metaspace, unigram, wordpiece
from vocabx.tokenizer_tools import sentencepiece_file
from vocabx.tokenizer_tools.extend import extend_tokenizer
from vocabx.tokenizer_tools.extend.options import ExtensionOptions
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.sentencepiece_file import write_sentencepiece_file
from vocabx.tokenizer_tools.sentencepiece_model import build_model, differing_lines


@cache
def extended() -> FastSegmenter:
    options = ExtensionOptions(size=150, minimum_frequency=2)
    return extend_tokenizer(metaspace(), [korean()], english(), options).segmenter


PROBES = [*english()[:50], *korean()[:50]]


def test_the_file_encodes_as_the_extended_tokenizer_does(tmp_path: Path) -> None:
    written = write_sentencepiece_file(extended(), tmp_path, tmp_path, PROBES)
    assert written is not None
    assert (written.name, written.reason) == ("tokenizer.model", "tokenizer.model, equal on 100 texts")
    processor = SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    assert [processor.encode(line) for line in korean()] == extended().encode(korean())


def test_a_space_that_only_one_of_them_swallows_is_left_off(tmp_path: Path) -> None:
    backend = Tokenizer.from_str(metaspace().backend.to_str())
    backend.normalizer = None
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    segmenter = FastSegmenter.from_backend(backend, metaspace().roles)
    assert differing_lines(segmenter, build_model(segmenter), [" in"]) == [0]
    written = write_sentencepiece_file(segmenter, tmp_path, tmp_path, [" in", " the "])
    assert written is not None
    assert written.name == "tokenizer.model"


def test_the_file_keeps_the_name_and_settings_of_the_base_s(tmp_path: Path) -> None:
    base, out = tmp_path / "base", tmp_path / "out"
    base.mkdir()
    out.mkdir()
    definition = json.loads(unigram().backend.to_str())
    plain = FastSegmenter(Tokenizer.from_str(json.dumps({**definition, "normalizer": None})), unigram().roles)
    (base / "spiece.model").write_bytes(build_model(plain))
    written = write_sentencepiece_file(plain, base, out, [line for line in PROBES if "  " not in line])
    assert written is not None
    assert written.name == "spiece.model", written.reason
    assert [file.name for file in out.iterdir()] == ["spiece.model"]


@pytest.mark.parametrize("segmenter", [byte_level(), unigram(), wordpiece()], ids=lambda s: s.family.value)
def test_other_tokenizers_get_none_of_their_own(segmenter: FastSegmenter, tmp_path: Path) -> None:
    assert write_sentencepiece_file(segmenter, tmp_path, tmp_path, PROBES) is None
    assert list(tmp_path.iterdir()) == []


def test_a_pipeline_that_the_format_cannot_express_gets_none_and_a_reason(tmp_path: Path) -> None:
    backend = Tokenizer.from_str(metaspace().backend.to_str())
    backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), backend.normalizer])
    segmenter = FastSegmenter.from_backend(backend, metaspace().roles)
    written = write_sentencepiece_file(segmenter, tmp_path, tmp_path, PROBES)
    assert written is not None
    assert written.name is None
    assert written.reason.startswith("not written: ")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_encodes_otherwise_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = build_model(metaspace())
    monkeypatch.setattr(sentencepiece_file, "build_model", lambda segmenter, template: base)
    written = write_sentencepiece_file(extended(), tmp_path, tmp_path, PROBES)
    assert written is not None
    assert written.name is None
    assert "texts differ, as " in written.reason
    assert list(tmp_path.iterdir()) == []

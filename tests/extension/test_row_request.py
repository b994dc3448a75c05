from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

from tests.extension.bases import INPUT, WIDTH, llama_tensors, save_base
from tests.tokenizer_tools.toys import byte_level
from vocabx.core.arrays import Floats
from vocabx.core.corpus import Corpus
from vocabx.core.errors import CheckpointError, CorpusError, InputError, UnknownNameError
from vocabx.core.transfer import Materials, Parallel
from vocabx.row_request import RowRequest, WrittenSettings


def write(folder: Path, *names: str) -> list[Path]:
    """Write small files."""
    for name in names:
        (folder / name).write_text(f"{name}\n", encoding="utf-8")
    return [folder / name for name in names]


def materials(**settings: Any) -> Materials:
    return RowRequest(**settings).materials(None)


def encode(texts: Sequence[str]) -> Floats:
    return np.ones((len(texts), 2), np.float32)


def test_the_keywords_of_the_functions_are_the_settings() -> None:
    assert get_type_hints(WrittenSettings).keys() == {field.name for field in dataclasses.fields(RowRequest)}


def test_nothing_given_is_nothing_to_draw_on() -> None:
    assert materials() == Materials()


def test_files_and_texts_are_opened(tmp_path: Path) -> None:
    own, other, links, words, vectors, more = write(tmp_path, "a.txt", "b.txt", "links", "words", "a.vec", "b.vec")
    corpus = Corpus.open([other])
    request = RowRequest(
        source_corpus=own,
        parallel=(str(own), other),
        links=links,
        dictionary=str(words),
        source_vectors=vectors,
        target_vectors=more,
        cache=str(tmp_path / "not yet there"),
        trust_pickle=True,
    )
    assert request.materials(corpus) == Materials(
        corpus=corpus,
        source_corpus=Corpus.open([own]),
        parallel=Parallel(own, other, links),
        dictionary=words,
        source_vectors=vectors,
        target_vectors=more,
        cache=tmp_path / "not yet there",
        trust_pickle=True,
    )


def test_vectors_of_both_languages_serve_both(tmp_path: Path) -> None:
    [vectors] = write(tmp_path, "both.vec")
    given = materials(vectors=vectors)
    assert given.source_vectors == given.target_vectors == vectors


@pytest.mark.parametrize("name", ["dictionary", "source_vectors", "target_vectors", "vectors"])
def test_a_file_that_is_missing_is_named(name: str, tmp_path: Path) -> None:
    option = f"--{name.replace('_', '-')}"
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(InputError, match=rf"^There is no file {path}\. Name another with {option}\.$"):
            materials(**{name: path})


def test_files_of_parallel_text_that_are_missing_are_named(tmp_path: Path) -> None:
    own, other = write(tmp_path, "a.txt", "b.txt")
    lost = tmp_path / "lost"
    for option, given in (
        ("--parallel", {"parallel": (lost, other)}),
        ("--parallel", {"parallel": (own, lost)}),
        ("--links", {"parallel": (own, other), "links": lost}),
    ):
        with pytest.raises(InputError, match=rf"^There is no file {lost}\. Name another with {option}\.$"):
            materials(**given)


def test_text_in_the_source_language_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="There is no corpus file"):
        materials(source_corpus=tmp_path / "lost.txt")


@pytest.mark.parametrize("name", ["source_vectors", "target_vectors"])
def test_vectors_are_given_for_both_languages_or_for_each(name: str) -> None:
    given: dict[str, Any] = {"vectors": "both.vec", name: "one.vec"}
    with pytest.raises(InputError, match="Give --vectors, or --source-vectors and --target-vectors, not both"):
        RowRequest(**given)


def test_links_are_those_of_parallel_lines() -> None:
    with pytest.raises(InputError, match=r"words\.links links words of parallel lines: give these with --parallel"):
        RowRequest(links="words.links")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "constituent"}, r"no method called 'constituent'\. Did you mean 'constituents'"),
        ({"seed": -1}, "The seed must not be negative, got -1"),
        ({"pad_to_multiple": 0}, "a multiple of at least 1, got 0"),
        ({"factorization": 50}, r"described by vocabx\.Factorization\(rank\), not by 50"),
    ],
)
def test_what_cannot_be_is_refused_at_once(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RowRequest(**settings)


def test_a_method_without_what_it_needs_is_refused_when_it_is_checked(tmp_path: Path) -> None:
    [text] = write(tmp_path, "text.txt")
    request, corpus = RowRequest(method="focus"), Corpus.open([text])
    with pytest.raises(InputError, match=r"The method focus needs target text: give --corpus\."):
        request.check(None)
    assert request.check(corpus).corpus == corpus


def test_options_of_the_method_are_checked_before_files_are_opened(tmp_path: Path) -> None:
    lost = tmp_path / "lost"
    with pytest.raises(UnknownNameError, match=r"no option called 'neighbors'\. Did you mean 'neighbours'"):
        RowRequest(method="wechsel", method_options={"neighbors": 3}, dictionary=lost).check(None)
    with pytest.raises(InputError, match=r"The option neighbours is a whole number, got 'few'\."):
        RowRequest(method="wechsel", method_options={"neighbours": "few"}, dictionary=lost).check(None)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module in the working directory, which Python does not look into here."""
    name = "encoders_of_a_test"
    (tmp_path / f"{name}.py").write_text(
        "def encode(texts):\n    return [[1.0, 2.0] for text in texts]\n\n\n"
        "class Encoder:\n    def __call__(self, texts):\n        return encode(texts)\n\n\n"
        "NUMBER = 3\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield name
    sys.modules.pop(name, None)


@pytest.mark.parametrize("attribute", ["encode", "Encoder"])
def test_an_encoder_is_named_by_its_module_in_the_working_directory_too(module: str, attribute: str) -> None:
    encoder = materials(encoder=f"{module}:{attribute}").encoder
    assert encoder is not None
    assert list(encoder(["one", "two"])) == [[1.0, 2.0]] * 2


def test_an_encoder_may_be_given_as_it_is() -> None:
    assert materials(encoder=encode).encoder is encode


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{module}", r"^An encoder is named MODULE:FUNCTION, got '{module}'\.$"),
        ("no_such_module:encode", r"^The encoder no_such_module:encode cannot be loaded: No module named .*\.$"),
        ("{module}:decode", r"^The encoder {module}:decode cannot be loaded: module .* has no attribute 'decode'\.$"),
        ("{module}:NUMBER", r"^The encoder {module}:NUMBER is of type int and cannot be called with texts\.$"),
    ],
)
def test_an_encoder_that_cannot_be_had_is_a_sentence(module: str, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message.format(module=module)):
        materials(encoder=name.format(module=module))


@pytest.mark.parametrize("name", [":encode", "{module}:", "{module}:encode:more", ".{module}:encode"])
def test_a_name_that_names_no_encoder_is_a_sentence(module: str, name: str) -> None:
    with pytest.raises(InputError, match=r"[Ee]ncoder"):
        materials(encoder=name.format(module=module))


def test_a_module_that_cannot_be_run_is_a_sentence(module: str) -> None:
    Path(f"{module}.py").write_text("def encode(:\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"The encoder {module}:encode cannot be loaded"):
        materials(encoder=f"{module}:encode")


def test_a_class_that_cannot_be_made_is_a_sentence(module: str) -> None:
    Path(f"{module}.py").write_text("class Encoder:\n    def __init__(self, size):\n        pass\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"The encoder {module}:Encoder cannot be loaded"):
        materials(encoder=f"{module}:Encoder")


def test_a_donor_is_a_model_with_its_tokenizer_and_input_rows(tmp_path: Path) -> None:
    donor = materials(donor=save_base(tmp_path / "donor", padding=3)).donor
    assert donor is not None
    assert donor.name == "donor"
    assert donor.segmenter.tokens.pieces == byte_level().tokens.pieces
    expected = llama_tensors(len(byte_level().tokens) + 3)[INPUT]
    np.testing.assert_array_equal(np.asarray(donor.embeddings.rows), expected)
    usable = donor.embeddings.usable()
    assert usable.shape == (len(byte_level().tokens),)
    assert not usable[byte_level().roles["eos"]]
    assert expected.shape[1] == WIDTH


def test_a_donor_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="neither a model directory nor a hub id"):
        materials(donor=tmp_path / "lost")
    with pytest.raises(InputError):
        materials(donor=tmp_path)


def test_the_record_names_what_was_given_without_folders(tmp_path: Path) -> None:
    own, other, links, vectors = write(tmp_path, "a.txt", "b.txt", "links", "both.vec")
    request = RowRequest(source_corpus=[own, other], parallel=(own, other), links=links, vectors=vectors, donor="x/y")
    assert request.given() == {
        "links": "links",
        "vectors": "both.vec",
        "donor": "y",
        "parallel": ["a.txt", "b.txt"],
        "source_corpus": ["a.txt", "b.txt"],
    }
    assert RowRequest().given() == {}
    assert RowRequest(encoder="module:encode").given() == {"encoder": "module:encode"}
    assert RowRequest(encoder=encode).given() == {"encoder": "function"}

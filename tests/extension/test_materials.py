from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tokenizer_tools.toys import byte_level
from vocabx.core.corpus import Corpus
from vocabx.core.embeddings import Embeddings
from vocabx.core.errors import InputError
from vocabx.core.registry import Entry
from vocabx.core.transfer import Donor, Materials, Parallel
from vocabx.initializers.table import INITIALIZERS
from vocabx.materials import NEEDS, check_needs, missing
from vocabx.row_request import RowSettings

FILE, OTHER = Path("one.vec"), Path("two.vec")
TEXT = Corpus((Path("text.txt"),))
SEGMENTER = byte_level()
ROWS = Embeddings(SEGMENTER.tokens, np.ones((len(SEGMENTER.tokens), 1), np.float32))

SUFFICE: dict[str, list[dict[str, Any]]] = {
    "target text": [{"corpus": TEXT}],
    "source words": [{"source_vectors": FILE}, {"source_corpus": TEXT}],
    "target words": [{"target_vectors": FILE}, {"corpus": TEXT}],
    "multilingual vectors": [{"source_vectors": FILE, "target_vectors": FILE}],
    "dictionary or parallel text": [{"dictionary": FILE}, {"parallel": Parallel(FILE, OTHER)}],
    "parallel text": [{"parallel": Parallel(FILE, OTHER)}],
    "donor model": [{"donor": Donor(SEGMENTER, ROWS, "donor")}],
    "encoder": [{"encoder": lambda texts: texts}],
}
"""Need → the ways to meet it, each the least that does."""

every_need = pytest.mark.parametrize("need", list(NEEDS))


def requiring(*needs: str) -> Entry:
    return Entry("module:thing", "A thing.", needs=needs)


def test_every_need_of_a_method_is_known_and_some_method_has_every_need() -> None:
    needed = {need for entry in INITIALIZERS.entries.values() for need in entry.needs}
    assert needed == set(NEEDS) == set(SUFFICE)


@every_need
def test_nothing_meets_no_need(need: str) -> None:
    assert missing(requiring(need), Materials()) == [need]


@every_need
def test_each_of_the_ways_meets_a_need(need: str) -> None:
    for given in SUFFICE[need]:
        check_needs("that", requiring(need), Materials(**given))


@every_need
def test_less_than_one_of_the_ways_does_not_meet_a_need(need: str) -> None:
    everything = {name: value for ways in SUFFICE.values() for way in ways for name, value in way.items()}
    rest = {name: value for name, value in everything.items() if all(name not in way for way in SUFFICE[need])}
    assert missing(requiring(need), Materials(**rest)) == [need]


def test_vectors_of_both_languages_are_one_file() -> None:
    entry = requiring("multilingual vectors")
    assert missing(entry, Materials(source_vectors=FILE)) == ["multilingual vectors"]
    assert missing(entry, Materials(source_vectors=FILE, target_vectors=OTHER)) == ["multilingual vectors"]


@pytest.mark.parametrize("method", [name for name, entry in INITIALIZERS.entries.items() if entry.needs])
def test_a_method_without_what_it_needs_is_one_sentence_that_says_what_to_give(method: str) -> None:
    entry = INITIALIZERS[method]
    with pytest.raises(InputError) as caught:
        check_needs(method, entry, Materials())
    sentence = str(caught.value)
    assert re.fullmatch(rf"The method {method} needs [^.:]+: give [^.]+\.", sentence)
    for need in entry.needs:
        assert need in sentence
        assert NEEDS[need].remedy in sentence


def test_only_what_is_missing_is_named() -> None:
    with pytest.raises(InputError, match=r"^The method that needs source words: give --source-vectors or .*corpus\.$"):
        check_needs("that", requiring("target text", "source words"), Materials(corpus=TEXT))


def test_a_method_that_needs_nothing_is_content() -> None:
    check_needs("constituents", INITIALIZERS["constituents"], Materials())


@every_need
def test_the_options_that_meet_a_need_are_settings(need: str) -> None:
    options = re.findall(r"--([a-z-]+)", NEEDS[need].remedy)
    assert options
    assert {option.replace("-", "_") for option in options} <= RowSettings.__annotations__.keys() | {"corpus"}

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.aligners.spaces.transfers import to_korean, vector_of
from tests.tokenizer_tools.toys import byte_level, of_merges
from vocabx.aligners.spaces.multilingual import Multilingual
from vocabx.core.errors import InputError, UnknownNameError


def write(path: Path, words: list[str]) -> Path:
    rows = "\n".join(f"{word} {number + 1} {number % 2} 1" for number, word in enumerate(words))
    path.write_text(f"{len(words)} 3\n{rows}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("how", ["incidence-unweighted", "incidence"])
@pytest.mark.parametrize("sides", [["source_vectors"], ["target_vectors"], ["source_vectors", "target_vectors"]])
def test_one_file_gives_vectors_to_both_sides(how: str, sides: list[str], tmp_path: Path) -> None:
    file = write(tmp_path / "v.vec", ["the", "sea", "xyz"])
    materials: dict[str, Any] = dict.fromkeys(sides, file)
    transfer = to_korean(byte_level(), of_merges(("x", "y"), ("xy", "z"), ("z", "z")), **materials)
    made = Multilingual(how).vectors(transfer)
    assert vector_of(made.source, transfer.source, " the").tolist() == [1, 0, 1]
    new = dict(zip(transfer.new.surfaces, made.new.tolist(), strict=True))
    assert new == {b"xy": [0, 0, 0], b"xyz": [3, 0, 1], b"zz": [0, 0, 0]}


def test_labelled_words_can_be_chosen_by_language(tmp_path: Path) -> None:
    file = write(tmp_path / "v.vec", ["eng:$the$", "kor:$데이터$", "deu:$the$"])
    transfer = to_korean(source_vectors=file)
    every = Multilingual().vectors(transfer)
    chosen = Multilingual(languages="eng, kor").vectors(transfer)
    assert vector_of(every.source, transfer.source, " the").tolist() == [2, 0, 1]
    assert vector_of(chosen.source, transfer.source, " the").tolist() == [1, 0, 1]
    with pytest.raises(InputError, match="no word of the languages fra"):
        Multilingual(languages="fra").vectors(transfer)


def test_what_is_missing_or_too_much_is_said_in_one_sentence(tmp_path: Path) -> None:
    one, two = write(tmp_path / "a", ["the"]), write(tmp_path / "b", ["the"])
    with pytest.raises(InputError, match=r"one file\. Give it with --vectors"):
        Multilingual().vectors(to_korean())
    with pytest.raises(InputError, match="are two files, but this method needs the vectors of both languages in one"):
        Multilingual().vectors(to_korean(source_vectors=one, target_vectors=two))
    with pytest.raises(InputError, match="not labelled with languages"):
        Multilingual(languages="kor").vectors(to_korean(source_vectors=one))
    with pytest.raises(UnknownNameError, match="no way to make token vectors called 'mean'"):
        Multilingual("mean")

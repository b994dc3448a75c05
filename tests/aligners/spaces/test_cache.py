from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.aligners.spaces.test_train_vectors import SMALL, topics
from vocabx.aligners.spaces.cache import cache_file, trained_vectors
from vocabx.aligners.spaces.sentences import Sentences
from vocabx.aligners.spaces.train_vectors import Training
from vocabx.aligners.spaces.word_vectors import WordVectors
from vocabx.core.errors import OutputError

QUICK = dataclasses.replace(SMALL, epochs=1)


def counts(vectors: WordVectors) -> list[int] | None:
    return None if vectors.counts is None else vectors.counts.tolist()


def test_cached_vectors_are_the_trained_ones_and_are_trained_once(tmp_path: Path) -> None:
    heard: list[str] = []
    first, second = (trained_vectors(topics(), QUICK, tmp_path / "new" / "cache", heard.append) for _ in range(2))
    assert first.rows.tobytes() == second.rows.tobytes()
    assert (first.words, counts(first)) == (second.words, counts(second))
    assert first.vectors_of(["moonlight"]).tolist() == second.vectors_of(["moonlight"]).tolist()
    assert [message.split()[0] for message in heard] == ["training", "took"]
    assert [file.suffix for file in (tmp_path / "new" / "cache").iterdir()] == [".npz"]


def test_without_a_folder_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trained_vectors(topics(), QUICK)
    assert list(tmp_path.iterdir()) == []


def test_other_text_and_other_options_are_kept_elsewhere(tmp_path: Path) -> None:
    text = topics()
    changes: list[dict[str, Any]] = [{option.name: 4} for option in dataclasses.fields(Training)[1:]]
    others = [dataclasses.replace(QUICK, **change) for change in changes]
    files = {cache_file(tmp_path, text, training) for training in [QUICK, *others]}
    assert len(files) == len(others) + 1
    longer = Sentences(text.words, np.append(text.ids, np.int32(0)), np.append(text.starts, len(text.ids) + 1), 1)
    assert cache_file(tmp_path, longer, QUICK) not in files
    assert cache_file(tmp_path, topics(), QUICK) in files


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
def test_a_damaged_file_is_trained_again_with_a_note(damage: str, tmp_path: Path) -> None:
    heard: list[str] = []
    first = trained_vectors(topics(), QUICK, tmp_path)
    file = cache_file(tmp_path, topics(), QUICK)
    data = file.read_bytes()
    middle = len(data) // 2
    file.write_bytes(
        {
            "cut": data[:middle],
            "flipped": data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :],
            "empty": b"",
            "text": b"no vectors",
        }[damage]
    )
    again = trained_vectors(topics(), QUICK, tmp_path, heard.append)
    assert again.rows.tobytes() == first.rows.tobytes()
    assert heard[0].startswith("the cache is damaged, so the vectors are trained again")
    assert file.read_bytes() == data


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"Vectors cannot be kept in .*file"):
        trained_vectors(topics(), QUICK, tmp_path / "file")

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from vocabx.aligners.spaces.read_vectors import read_vectors


def letters(texts: list[str]) -> np.ndarray:
    return np.array([[len(text), ord(text[0])] for text in texts])


def test_frequent_words_of_all_texts_get_their_vectors_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "en.txt").write_text("Sun sun moon 42 sun moon star\n", "utf-8")
    (tmp_path / "ko.txt").write_text("해 해 달 sun\n", "utf-8")
    out = tmp_path / "words.vec"
    texts = ["--text", tmp_path / "en.txt", "--text", tmp_path / "ko.txt"]
    given = ["encode_words.py", out, "--encoder", f"{__name__}:letters", "--words", 2, *texts]
    monkeypatch.setattr(sys, "argv", list(map(str, given)))
    import_module("data_scripts.encode_words").main()
    vectors = read_vectors(out)
    assert vectors.words == ("sun", "moon", "해", "달")
    assert vectors.rows.tolist() == letters(list(vectors.words)).tolist()

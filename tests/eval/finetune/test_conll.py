from __future__ import annotations

from pathlib import Path

import pytest

from vocabx.core.errors import InputError
from vocabx.eval.finetune.conll import read_conll


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sentences.conll"
    path.write_text(text, encoding="utf-8")
    return path


def test_words_and_tags_are_the_first_and_the_last_column(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- O O\n\nJohn NNP I-NP B-PER\nsees VBZ I-VP O\n\nRome NNP I-NP B-LOC\n"
    sentences = read_conll(written(tmp_path, text))
    assert sentences.words == [["John", "sees"], ["Rome"]]
    assert sentences.tags == [["B-PER", "O"], ["B-LOC"]]
    assert sentences.kinds == ["LOC", "PER"]


@pytest.mark.parametrize("tags", ["I-PER I-PER B-PER", "B-PER I-PER B-PER", "B-PER E-PER S-PER", "B-PER L-PER U-PER"])
def test_all_schemes_become_one(tmp_path: Path, tags: str) -> None:
    lines = "".join(f"word {tag}\n" for tag in tags.split())
    assert read_conll(written(tmp_path, lines)).tags == [["B-PER", "I-PER", "B-PER"]]


def test_comments_and_windows_line_ends_and_spaces_in_words_are_no_matter(tmp_path: Path) -> None:
    path = written(tmp_path, "# id 7 domain=en\r\n10 000\tB-NUM\r\n# \tO\r\n\r\n\r\n# text\r\nb\tO\r\n")
    assert read_conll(path).words == [["10 000", "#"], ["b"]]


def test_a_limit_takes_the_first_sentences(tmp_path: Path) -> None:
    assert read_conll(written(tmp_path, "a O\n\nb O\n\nc O\n"), limit=2).words == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a O\nb\n", "Line 2 of .* has one column"),
        ("a O\nb X O\n", "Line 2 of .* has 3 columns, and those before it have 2"),
        ("a PER\n", "Line 1 of .* has the tag 'PER'"),
        ("\tO\n", "Line 1 of .* has no word"),
        ("\n\n", "has no sentence"),
    ],
)
def test_a_file_that_will_not_do_is_refused_with_its_place(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read_conll(written(tmp_path, text))


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_conll(tmp_path / "absent")
    (tmp_path / "latin").write_bytes("a O\r\né O\r\n".encode("latin-1"))
    with pytest.raises(InputError, match="latin is not text in UTF-8: line 2 "):
        read_conll(tmp_path / "latin")

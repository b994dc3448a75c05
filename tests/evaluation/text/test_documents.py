from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from vocabx.core.errors import InputError, UnknownNameError
from vocabx.evaluation.text.documents import DocumentSettings, label_texts, read_documents


@pytest.mark.parametrize(
    ("unit", "texts", "empty"),
    [
        ("line", ("one", "two", "three"), 2),
        ("paragraph", ("one\ntwo", "three"), 0),
        ("file", ("one\ntwo\n\n\nthree",), 0),
    ],
)
def test_a_document_is_a_line_a_paragraph_or_a_file(
    tmp_path: Path, unit: str, texts: tuple[str, ...], empty: int
) -> None:
    content = b"one\ntwo\n\n\nthree\n"
    (tmp_path / "plain.txt").write_bytes(content)
    (tmp_path / "packed.txt.gz").write_bytes(gzip.compress(content))
    for name in ("plain.txt", "packed.txt.gz"):
        read = read_documents("text", str(tmp_path / name), DocumentSettings(unit))
        assert (read.texts, read.empty) == (texts, empty)


def test_a_record_is_always_a_document(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text("".join(json.dumps({"body": text}) + "\n" for text in ("a\n\nb", "", "c")))
    for unit in ("line", "paragraph", "file"):
        read = read_documents("text", str(file), DocumentSettings(unit, "body"))
        assert (read.texts, read.empty) == (("a\n\nb", "c"), 1)


def test_of_line_aligned_texts_the_same_lines_are_drawn_in_their_order(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("".join(f"{name} {number}\n" for number in range(100)))
    first, second = (
        read_documents(name, str(tmp_path / f"{name}.txt"), DocumentSettings(limit=10, seed=3)) for name in "ab"
    )
    numbers = [int(text.split()[1]) for text in first.texts]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 10
    assert [int(text.split()[1]) for text in second.texts] == numbers
    other = read_documents("a", str(tmp_path / "a.txt"), DocumentSettings(limit=10, seed=4))
    assert other.texts != first.texts


def test_short_documents_are_left_out_by_their_bytes_and_counted(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("한\nab\nabcd\n", "utf-8")
    read = read_documents("text", str(tmp_path / "text.txt"), DocumentSettings(minimum_bytes=3))
    assert read.texts == ("한", "abcd")
    assert read.notes == ["text: 1 documents were left out, because they are shorter than asked for."]


def test_a_label_is_the_name_of_the_file_unless_it_is_given(tmp_path: Path) -> None:
    odd = tmp_path / "a=b.txt"
    odd.write_text("x")
    assert label_texts(["ko=/x/help.txt", "/x/other.txt", str(odd)]) == {
        "ko": "/x/help.txt",
        "other": "/x/other.txt",
        "a=b": str(odd),
    }
    (tmp_path / "lang=ko").mkdir()
    (tmp_path / "lang=ko" / "a.txt").write_text("x")
    pattern = f"{tmp_path}/lang=ko/*.txt"
    assert list(label_texts([pattern]).values()) == [pattern]
    with pytest.raises(InputError, match=r"The label in '=x\.txt' is empty"):
        label_texts(["=x.txt"])
    with pytest.raises(InputError, match="Two texts are called 'x'"):
        label_texts(["x.txt", "x=y.txt"])


def test_a_kind_of_document_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(UnknownNameError, match=r"no kind of document called 'lines'\. Did you mean 'line'"):
        DocumentSettings("lines")

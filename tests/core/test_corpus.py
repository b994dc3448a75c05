from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import texts
from vocabx.core.corpus import Corpus
from vocabx.core.errors import CorpusError

LINES = ["첫 줄", "second line", "셋째"]

Compress = Callable[[bytes], bytes]
COMPRESSIONS: dict[str, Compress] = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}


def write(path: Path, content: bytes | str) -> Path:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_parquet(path: Path, **columns: object) -> Path:
    """Write a Parquet file."""
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def read(*patterns: str | Path, field: str = "text") -> list[str]:
    """Return every line."""
    return list(Corpus.open(patterns, field).lines())


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_text_is_read_line_by_line(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a.txt{suffix}", COMPRESSIONS[suffix]("\n".join(LINES).encode()))
    assert read(path) == LINES


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_jsonl_is_read_from_its_field(tmp_path: Path, suffix: str) -> None:
    records = "".join(json.dumps({"id": 1, "body": line}) + "\n\n" for line in LINES)
    path = write(tmp_path / f"a.jsonl{suffix}", COMPRESSIONS[suffix](records.encode()))
    assert read(path, field="body") == LINES


def test_parquet_is_read_from_its_column(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", text=[*LINES, None, "", " "], id=list(range(6)))
    assert read(path) == LINES


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_compressed_files_that_were_joined_are_read_to_the_end(tmp_path: Path, suffix: str) -> None:
    compress = COMPRESSIONS[suffix]
    path = write(tmp_path / f"a.txt{suffix}", compress(b"one\ntw") + compress(b"o\n"))
    assert read(path) == ["one", "two"]


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.txt", b"\xef\xbb\xbfone\ntwo")) == ["one", "two"]


def test_a_windows_line_end_is_no_text(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.txt", "one\r\ntwo\r\n")) == ["one", "two"]


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.txt", "one\u2028still\x0bone\u0085\ntwo")) == ["one\u2028still\x0bone\u0085", "two"]


def test_blank_lines_are_left_out_and_spaces_in_others_kept(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.txt", "\n  \n one \n\u3000\n")) == [" one "]


@given(lines=st.lists(texts, max_size=5))
def test_any_text_comes_back_from_jsonl(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = tmp_path_factory.mktemp("corpus") / "a.jsonl"
    write(path, "".join(json.dumps({"text": line}) + "\n" for line in lines))
    assert read(path) == [line for line in lines if line.strip()]


def test_a_directory_is_searched_to_its_depths_in_alphabetical_order(tmp_path: Path) -> None:
    for name in ("b/c/2.txt", "b/1.txt", "a.txt", "notes.md", "b/x.parquet.gz"):
        write(tmp_path / name, name)
    assert read(tmp_path) == ["a.txt", "b/1.txt", "b/c/2.txt"]


def test_a_pattern_names_files_and_no_directory(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "deep/er/c.txt", "folder.txt/d.txt"):
        write(tmp_path / name, name)
    assert read(f"{tmp_path}/*.txt") == ["a.txt", "b.txt"]
    assert read(f"{tmp_path}/deep/**/*.txt") == ["deep/er/c.txt"]


def test_a_name_with_brackets_is_a_name(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a[1].txt", "one")) == ["one"]


def test_a_file_named_twice_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "b.txt", "b")
    write(tmp_path / "a.txt", "a")
    monkeypatch.chdir(tmp_path)
    assert read("b.txt", "*.txt", tmp_path) == ["b", "a"]


def test_the_size_is_that_of_the_files(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "123")
    write(tmp_path / "b.txt", "4567")
    assert Corpus.open([tmp_path]).size == 7


def test_batches_hold_every_line_and_come_as_often_as_asked(tmp_path: Path) -> None:
    corpus = Corpus.open([write(tmp_path / "a.txt", "\n".join("abcde"))])
    for _ in range(2):
        assert list(corpus.batches(2)) == [["a", "b"], ["c", "d"], ["e"]]


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_the_first_batch_comes_before_the_end_is_looked_at(tmp_path: Path, suffix: str) -> None:
    content = "".join(f"line {number}\n" for number in range(100_000)).encode() + b"\xff"
    path = write(tmp_path / f"a.txt{suffix}", COMPRESSIONS[suffix](content))
    batches = Corpus.open([path]).batches(10)
    assert next(batches)[0] == "line 0"
    with pytest.raises(CorpusError, match="not valid UTF-8 at line 100001"):
        list(batches)


def test_parquet_is_streamed_in_groups_of_rows(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", text=[f"line {number}" for number in range(10_000)])
    lines = Corpus.open([path]).lines()
    assert next(lines) == "line 0"
    assert sum(1 for _ in lines) == 9_999


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"good\nbad \xff\n", r"a\.txt is not valid UTF-8 at line 2, byte 4 of the line\. Convert it"),
        ("a.txt", "한".encode("euc-kr"), "is not valid UTF-8 at line 1"),
        ("a.txt", b"one\ntw\x00o", "is not text: line 2 holds a NUL byte"),
        ("a.txt", "\n \n", r"The corpus is empty: there is no text in .*a\.txt"),
        ("a.txt.gz", gzip.compress(b"some text\n" * 999, mtime=0)[:-9], r"cannot be read as \.gz"),
        ("a.txt.gz", b"no gzip", r"cannot be read as \.gz"),
        ("a.txt.gz", gzip.compress(b"", mtime=0)[:10] + b"\xff" * 40, r"cannot be read as \.gz"),
        ("a.txt.zst", zstandard.compress(bytes(range(1, 10)) * 999)[:-9], r"cannot be read as \.zst"),
        ("a.txt.zst", b"no zstandard", r"cannot be read as \.zst"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', r"a\.jsonl, line 2: not JSON"),
        ("a.jsonl", b"[" * 100_000, "line 1: not JSON"),
        ("a.jsonl", b'{"text": ' + b"1" * 5000 + b"}", "line 1: not JSON"),
        ("a.jsonl", b'{"body": "a"}', "line 1: no text in the field 'text'"),
        ("a.jsonl", b'{"text": 7}', "line 1: no text in the field 'text'"),
        ("a.jsonl", b'["text"]', "line 1: no text in the field 'text'"),
        ("a.jsonl", b'{"text": "\\ud800"}', "line 1: half of a surrogate pair"),
        ("a.parquet", b"no parquet", r"a\.parquet cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    corpus = Corpus.open([write(tmp_path / name, content)])
    with pytest.raises(CorpusError, match=message):
        list(corpus.batches())


def test_a_column_that_is_missing_is_named_with_those_that_exist(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", body=["a"], id=[1])
    with pytest.raises(CorpusError, match="has no column 'text'; its columns are body, id"):
        read(path)


def test_a_column_that_holds_no_text_is_named(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", text=[1, 2])
    with pytest.raises(CorpusError, match="the column 'text' holds int64, not text"):
        read(path)


def test_a_column_that_is_no_valid_utf8_is_a_sentence(tmp_path: Path) -> None:
    broken = pyarrow.array([b"\xff"]).view(pyarrow.string())
    path = write_parquet(tmp_path / "a.parquet", text=broken)
    with pytest.raises(CorpusError, match="cannot be read as Parquet"):
        read(path)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("nothing.txt", r"There is no corpus file .*nothing\.txt"),
        ("*.txt", "There is no corpus file"),
        ("empty", "holds no corpus file"),
        (
            "notes.md",
            r"notes\.md is not a corpus file: expected \.txt, \.jsonl, \.parquet.* rename it to notes\.md\.txt\.$",
        ),
        ("a.parquet.gz", "is not a corpus file"),
    ],
)
def test_a_pattern_that_names_no_corpus_is_a_sentence(tmp_path: Path, pattern: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "notes.md", "a")
    write(tmp_path / "a.parquet.gz", "a")
    with pytest.raises(CorpusError, match=message):
        Corpus.open([tmp_path / pattern])


def test_no_pattern_at_all_is_a_sentence() -> None:
    with pytest.raises(CorpusError, match="No corpus was given"):
        Corpus.open([])


def test_an_empty_name_is_not_the_current_directory() -> None:
    with pytest.raises(CorpusError, match="The name of a corpus is empty"):
        Corpus.open([""])


def test_a_file_that_goes_away_is_a_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "a")
    corpus = Corpus.open([path])
    path.unlink()
    with pytest.raises(CorpusError, match="cannot be read as text"):
        list(corpus.lines())

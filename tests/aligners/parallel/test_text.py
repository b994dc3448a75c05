from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.aligners.parallel.translated import write_parallel
from vocabx.aligners.parallel.text import LONGEST, read_parallel
from vocabx.core.errors import CorpusError
from vocabx.core.transfer import Parallel


def test_pairs_that_say_nothing_are_left_out_and_the_rest_keep_their_place(tmp_path: Path) -> None:
    source = ["one", "", "same", "two  words\u00a0more", "x" * (LONGEST + 1), "last"]
    pairs = read_parallel(write_parallel(tmp_path, source, ["하나", "둘", " same", "두 단어", "긴", "끝"]))
    assert (pairs.source, pairs.target) == (["one", "two words more", "last"], ["하나", "두 단어", "끝"])
    assert (pairs.numbers.tolist(), pairs.in_files) == ([0, 3, 5], 6)


def test_files_of_different_length_are_refused_with_both_counts(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"text.en has 2 lines and .*text.ko has 1: line n of one must be"):
        read_parallel(write_parallel(tmp_path, ["a", "b"], ["가"]))


def test_files_without_one_pair_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="hold no pair of a line and its translation"):
        read_parallel(write_parallel(tmp_path, ["a", ""], ["a", "나"]))


def test_only_a_line_feed_ends_a_line_and_a_mark_at_the_beginning_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "en").write_bytes("\ufeffone\u2028two\x0cthree\r\nfour".encode())
    (tmp_path / "ko").write_bytes("하나\n넷\n".encode())
    pairs = read_parallel(Parallel(tmp_path / "en", tmp_path / "ko"))
    assert pairs.source == ["one two three", "four"]


def test_compressed_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "en.gz").write_bytes(gzip.compress(b"one\n"))
    (tmp_path / "ko").write_text("하나\n", encoding="utf-8")
    assert read_parallel(Parallel(tmp_path / "en.gz", tmp_path / "ko")).source == ["one"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"good\nbad \xff\n", "is not text in UTF-8: line 2 "),
        (gzip.compress(b"one\n", mtime=0)[:-3], "cannot be read as gzip: it is cut off"),
        (b"plain", "cannot be read: Not a gzipped file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / ("en.gz" if "gzip" in told else "en")
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=rf"{path.name} .*{told}"):
        read_parallel(Parallel(path, path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="absent cannot be read"):
        read_parallel(Parallel(tmp_path / "absent", tmp_path / "absent"))


def test_as_many_pairs_as_asked_for_are_spread_over_the_file(tmp_path: Path) -> None:
    parallel = write_parallel(tmp_path, [f"a{i}" for i in range(10)], [f"b{i}" for i in range(10)])
    assert read_parallel(parallel, most=4).numbers.tolist() == [0, 2, 5, 7]
    assert len(read_parallel(parallel, most=10)) == len(read_parallel(parallel)) == 10

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.core.errors import CorpusError
from vocabx.core.text_files import decode_text, read_lines, read_text, split_lines

PLACE = Path("place.txt")
LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\ufeff")), min_size=1)


@given(LINES, st.sampled_from(["", "\ufeff"]), st.sampled_from(["\n", "\r\n"]))
def test_lines_are_read_as_they_were_written(lines: list[str], mark: str, end: str) -> None:
    content = (mark + "".join(line + end for line in lines)).encode()
    assert split_lines(decode_text(content, PLACE)) == lines


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("one\u2028\x0c\x85two\rthree\r\n\r\nfour".encode())
    assert read_lines(tmp_path / "a.txt") == ["one\u2028\x0c\x85two\rthree", "", "four"]


@pytest.mark.parametrize(
    ("text", "lines"), [("", []), ("\n", [""]), ("a", ["a"]), ("a\n", ["a"]), ("a\n\n", ["a", ""])]
)
def test_a_line_feed_at_the_end_begins_no_line(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines


@given(LINES, st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_bytes_that_are_no_text_are_named_with_their_line(lines: list[str], mark: bytes) -> None:
    content = mark + "".join(f"{line}\n" for line in lines).encode() + b"caf\xe9\nrest\n"
    with pytest.raises(CorpusError, match=rf"^place\.txt is not text in UTF-8: line {len(lines) + 1} holds"):
        decode_text(content, PLACE)


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=rf"^{tmp_path} cannot be read: Is a directory\.$"):
        read_text(tmp_path)
    with pytest.raises(CorpusError, match=r"absent cannot be read: No such file or directory\.$"):
        read_lines(tmp_path / "absent")

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.aligners.parallel.links import check_links, read_links, write_links
from vocabx.core.errors import InputError

links = st.lists(st.sets(st.tuples(st.integers(0, 99), st.integers(0, 99))).map(sorted), min_size=1, max_size=5)


@given(links)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, links: list[list[tuple[int, int]]]) -> None:
    path = tmp_path_factory.mktemp("links") / "links"
    arrays = [np.array(line, np.int64).reshape(-1, 2) for line in links]
    write_links(path, arrays)
    for found, expected in zip(read_links(path, len(links)), arrays, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_possible_links_scores_and_repetitions_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "links"
    path.write_text("1-2 0p1 0-0:0.93 1-2\n\n", encoding="utf-8")
    assert [line.tolist() for line in read_links(path, 2)] == [[[0, 0], [0, 1], [1, 2]], []]
    assert read_links(path, 2, keep_possible=False)[0].tolist() == [[0, 0], [1, 2]]


@pytest.mark.parametrize("item", ["0", "a-b", "0-", "1--2", "0x1", "-1-0"])
def test_what_is_no_link_is_named_with_its_line(item: str, tmp_path: Path) -> None:
    path = tmp_path / "links"
    path.write_text(f"0-0\n0-0 {item}\n", encoding="utf-8")
    with pytest.raises(InputError, match=rf"line 2: '{item}' is no link between words"):
        read_links(path, 2)


def test_every_pair_of_lines_needs_a_line_of_links(tmp_path: Path) -> None:
    path = tmp_path / "links"
    path.write_text("0-0\n", encoding="utf-8")
    with pytest.raises(InputError, match="has 1 lines of word alignments for 3 pairs"):
        read_links(path, 3)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent cannot be read: No such file"):
        read_links(tmp_path / "absent", 1)


def test_a_link_to_a_word_that_is_not_there_is_named_with_its_line() -> None:
    found = [np.array([[0, 0]]), np.array([[1, 1], [1, 4]])]
    check_links(Path("links"), [0, 6], found, [(1, 1), (2, 5)])
    with pytest.raises(InputError, match=r"links, line 7: the link 1-4 is out of range, .* 2 and 4 words"):
        check_links(Path("links"), [0, 6], found, [(1, 1), (2, 4)])

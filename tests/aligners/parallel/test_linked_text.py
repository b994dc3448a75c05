from __future__ import annotations

from pathlib import Path

import pytest

from tests.aligners.parallel.translated import cipher, write_parallel
from vocabx.aligners.parallel.linked_text import word_links
from vocabx.core.errors import InputError


def test_words_of_a_cipher_are_linked_with_their_images(tmp_path: Path) -> None:
    text = word_links(write_parallel(tmp_path, *cipher()))
    links = [
        (source[i], target[j])
        for source, target, found in zip(text.source_words, text.target_words, text.links, strict=True)
        for i, j in found.tolist()
    ]
    assert len(links) > 0.98 * sum(map(len, text.source_words))
    assert sum(w[1:] == v[1:] for w, v in links) > 0.99 * len(links)


def test_links_that_are_given_are_taken_and_words_are_then_what_stands_between_spaces(tmp_path: Path) -> None:
    parallel = write_parallel(tmp_path, ["it's here.", "", "a b"], ["여기 .", "빈", "가"], ["0-0 1-1", "7-7", "1p0"])
    text = word_links(parallel)
    assert text.source_words == [["it's", "here."], ["a", "b"]]
    assert text.target_words == [["여기", "."], ["가"]]
    assert [found.tolist() for found in text.links] == [[[0, 0], [1, 1]], [[1, 0]]]


def test_given_links_out_of_range_are_named_with_the_line_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"links, line 2: the link 1-0 is out of range, .* 1 and 1 words"):
        word_links(write_parallel(tmp_path, ["", "a"], ["빈", "가"], ["", "1-0"]))


def test_given_links_must_cover_the_whole_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 1 lines of word alignments for 2 pairs"):
        word_links(write_parallel(tmp_path, ["", "a"], ["빈", "가"], ["0-0"]))


def test_it_says_how_many_pairs_it_uses_and_how_many_it_leaves_out(tmp_path: Path) -> None:
    said: list[str] = []
    word_links(write_parallel(tmp_path, ["a", "", "b"], ["가", "나", "다"]), said.append)
    assert said[0] == "2 pairs of lines, 1 left out"
    assert len(said) == 3


def test_the_same_files_give_the_same_links(tmp_path: Path) -> None:
    parallel = write_parallel(tmp_path, *cipher(50))
    once, again = word_links(parallel), word_links(parallel)
    assert [found.tolist() for found in once.links] == [found.tolist() for found in again.links]

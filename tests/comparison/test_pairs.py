from __future__ import annotations

from pathlib import Path

import pytest

from vocabx.comparison import pairs as module
from vocabx.comparison.pairs import HeldOut, Pair, check_unseen, draw_pairs, read_held_out, read_pairs
from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError


def write(file: Path, *lines: str) -> Path:
    file.write_text("\n".join(lines), "utf-8")
    return file


def test_a_pair_is_translated_long_enough_on_both_sides_and_there_once(tmp_path: Path) -> None:
    target = write(
        tmp_path / "ko.txt", "하나둘셋넷", "same text", "하나둘셋넷", "다섯여섯일곱", "여덟아홉", "짧", "가나다라마"
    )
    source = write(
        tmp_path / "en.txt", "one to four", "same text", "1 2 3 4 5 6", "one to four", "short", "a bit", "letters"
    )
    assert read_pairs(target, source, 6) == [Pair("하나둘셋넷", "one to four"), Pair("가나다라마", "letters")]


def test_without_translations_a_paragraph_is_long_enough_and_there_once(tmp_path: Path) -> None:
    target = write(tmp_path / "ko.txt", "하나둘셋넷", "", "짧", "하나둘셋넷", "다섯여섯")
    assert read_held_out(target, None, 6, 2, 0) == HeldOut(("하나둘셋넷", "다섯여섯"), ())
    assert list(read_held_out(target, None, 6, 2, 0).sides) == ["target"]


def test_files_of_different_lengths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not line-aligned: 2 and 1 lines"):
        read_pairs(write(tmp_path / "ko.txt", "하나", "둘"), write(tmp_path / "en.txt", "one"), 1)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(InputError, match=r"a\.txt is not text in UTF-8"):
        read_pairs(tmp_path / "a.txt", None, 1)


def test_a_file_that_is_missing_or_empty_is_named_with_its_option(tmp_path: Path) -> None:
    target, empty, absent = write(tmp_path / "ko.txt", "하나"), write(tmp_path / "empty.txt", " ", ""), tmp_path / "no"
    with pytest.raises(InputError, match=rf"^There is no file {absent}\. Name another with --held-out\.$"):
        read_pairs(absent, None, 1)
    with pytest.raises(InputError, match=rf"^There is no file {absent}\. .* --held-out-source\.$"):
        read_pairs(target, absent, 1)
    with pytest.raises(InputError, match=r"empty\.txt is empty\. .* with --held-out\.$"):
        read_pairs(empty, None, 1)
    with pytest.raises(InputError, match=r"empty\.txt is empty\. .* with --held-out-source\.$"):
        read_pairs(target, empty, 1)


def test_files_with_too_few_paragraphs_are_named(tmp_path: Path) -> None:
    target = write(tmp_path / "ko.txt", "하나", "둘셋넷")
    complaint = (
        rf"There are 1 usable paragraphs of at least 8 bytes in {target}, and 2 were asked for.* --minimum-bytes"
    )
    with pytest.raises(InputError, match=complaint):
        read_held_out(target, None, 8, 2, 0)


def test_pairs_are_drawn_by_seed_and_stay_in_order() -> None:
    pairs = [Pair(str(number), str(-number)) for number in range(50)]
    drawn = draw_pairs(pairs, 10, 0)
    assert drawn == draw_pairs(pairs, 10, 0) != draw_pairs(pairs, 10, 1)
    assert drawn == sorted(set(drawn), key=pairs.index)
    for count in (51, 0):
        with pytest.raises(InputError, match=f"50 usable paragraphs, and {count} were asked for"):
            draw_pairs(pairs, count, 0)


@pytest.mark.parametrize("at_once", [1, 1 << 20])
def test_a_paragraph_inside_a_line_of_the_corpus_is_found(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEARCHED_AT_ONCE", at_once)
    corpus = Corpus.open([write(tmp_path / "corpus.txt", "첫째 줄", "둘째 줄 안의 문단 하나")])
    check_unseen(HeldOut(("본 적 없는 문단",), ()), corpus)
    for seen in (HeldOut(("본 적 없는 문단", "안의 문단 "), ()), HeldOut(("본 적 없는 문단",), ("안의 문단",))):
        with pytest.raises(InputError, match=r"^This paragraph is in the training text.*안의 문단"):
            check_unseen(seen, corpus)


def test_the_file_of_a_paragraph_that_is_in_the_corpus_is_named(tmp_path: Path) -> None:
    target, source = write(tmp_path / "ko.txt", "하나 둘"), write(tmp_path / "en.txt", "one two")
    held_out = read_held_out(target, source, 1, 1, 0)
    for name, line in (("ko.txt", "하나 둘 셋"), ("en.txt", "one two three")):
        corpus = Corpus.open([write(tmp_path / "corpus.txt", line)])
        with pytest.raises(InputError, match=rf"^This paragraph of {tmp_path / name} is in the training text"):
            check_unseen(held_out, corpus)

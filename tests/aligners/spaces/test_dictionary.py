from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.aligners.spaces.dictionary import read_dictionary
from vocabx.core.errors import InputError


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "dictionary.txt"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "dog\t개\nsun\t해\n",
        "dog 개\nsun   해",
        "\ufeff# a comment\n\ndog\t개\r\n   \n#\nsun\t 해 \tnoun\r\n",
        "dog\t개\nsun 해\ndog\t개\n",
        "dog\t\u1100\u1162\nsun\t해\n",  # decomposed
    ],
)
def test_pairs_are_read_in_any_layout(tmp_path: Path, text: str) -> None:
    assert read_dictionary(written(tmp_path, text)).pairs == (("dog", "개"), ("sun", "해"))


def test_a_number_sign_can_be_a_word(tmp_path: Path) -> None:
    assert read_dictionary(written(tmp_path, "#\t샵\n# dog\t개\n")).pairs == (("#", "샵"),)


def test_lines_that_give_no_pair_are_counted_by_reason(tmp_path: Path) -> None:
    text = "dog\t개\nUnited States\t미국\nnation\t國\nice cream 아이스크림\nalone\nempty\t\ndog\t개\n강\t江\n"
    dictionary = read_dictionary(written(tmp_path, text), scripts=("Hangul",))
    assert dictionary.pairs == (("dog", "개"),)
    assert sorted(dictionary.dropped.values()) == [1, 1, 2, 3]
    assert "2 lines have a translation in another script" in str(dictionary)
    assert "3 lines are no word and its translation" in str(dictionary)
    assert "1 lines hold an entry of several words" in str(dictionary)


def test_all_pairs_stay_when_repeats_and_scripts_are_let_through(tmp_path: Path) -> None:
    path = written(tmp_path, "dog\t개\nnation\t國\ndog\t개\n")
    assert read_dictionary(path, unique=False).pairs == (("dog", "개"), ("nation", "國"), ("dog", "개"))


@pytest.mark.parametrize("text", ["", "\n\n# only comments\n", "one\ntwo\n", "nation\t國\n"])
def test_a_dictionary_without_a_usable_pair_is_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(
        InputError, match=r"dictionary\.txt has no usable pair: .*\. Give lines that hold a word, a tab"
    ):
        read_dictionary(written(tmp_path, text), scripts=("Hangul",))


def test_what_is_no_text_or_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not text in UTF-8: line 1 "):
        read_dictionary(written(tmp_path, "dog\t개\n", "cp949"))
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_dictionary(tmp_path / "absent.txt")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_dictionary(tmp_path)


WORDS = st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=5)


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]) -> None:
    path = written(tmp_path_factory.mktemp("pairs"), "".join(f"{left}\t{right}\n" for left, right in pairs))
    assert read_dictionary(path, unique=False).pairs == tuple(pairs)
    assert read_dictionary(path).pairs == tuple(dict.fromkeys(pairs))

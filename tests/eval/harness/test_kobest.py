"""KoBEST's published files become the columns that the harness expects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.eval.harness.samples import HUB_COLUMNS, KOBEST_FILES, write_kobest
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.eval.harness.kobest import FOLDERS, KOBEST, kobest_file, kobest_task, read_kobest


@pytest.mark.parametrize("task", KOBEST)
def test_a_published_file_becomes_the_columns_of_the_hub(task: str, tmp_path: Path) -> None:
    write_kobest(tmp_path)
    assert read_kobest(kobest_file(tmp_path, task, "test"), task) == HUB_COLUMNS[task]


def test_columns_may_stand_in_another_order(tmp_path: Path) -> None:
    path = tmp_path / "dev.tsv"
    path.write_text("ID\tLabel\tText\n1\t0\t별로예요\n", encoding="utf-8")
    assert read_kobest(path, "sentineg") == [{"sentence": "별로예요", "label": 0}]


def test_a_line_separator_inside_a_sentence_is_text(tmp_path: Path) -> None:
    path = tmp_path / "dev.tsv"
    path.write_text("ID\tLabel\tText\n1\t0\t앞\u2028뒤\n", encoding="utf-8")
    assert read_kobest(path, "sentineg") == [{"sentence": "앞\u2028뒤", "label": 0}]


@pytest.mark.parametrize(
    ("task", "line", "said"),
    [
        ("boolq", "1\t글\t물음\tmaybe", "label 'maybe'"),
        ("copa", "1\t글\t결과\t하나\t둘\t0", "label '0'"),
        ("copa", "1\t글\t언제\t하나\t둘\t1", "'언제'"),
        ("hellaswag", "글\t가\t나\t다\t라\t4", "label '4'"),
        ("sentineg", "1\t \t1\tx\t0", "no text in its column Text"),
        ("wic", "1\t말\t글", "3 cells in line 2, but 9 columns"),
    ],
)
def test_a_bad_row_is_named_in_one_sentence(task: str, line: str, said: str, tmp_path: Path) -> None:
    header = KOBEST_FILES[FOLDERS[task]].removeprefix("\ufeff").partition("\n")[0].rstrip("\r")
    path = tmp_path / "test.tsv"
    path.write_text(f"{header}\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2") as caught:
        read_kobest(path, task)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "test.tsv"
    path.write_text("a\tb\n1\t2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"no column .*; it has a, b"):
        read_kobest(path, "boolq")


def test_a_missing_part_says_what_is_there(tmp_path: Path) -> None:
    write_kobest(tmp_path, "dev")
    with pytest.raises(InputError, match=r"no test\.tsv but dev\.tsv; choose with --split"):
        kobest_task("wic", tmp_path, "test")


def test_a_folder_of_something_else_and_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder BoolQ"):
        kobest_task("boolq", tmp_path, "test")
    with pytest.raises(InputError, match="is not a folder"):
        kobest_task("boolq", tmp_path / "none", "test")


def test_an_unknown_task_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="'copa'"):
        kobest_task("cpoa", tmp_path, "test")


def test_without_files_the_hubs_own_copy_is_read() -> None:
    source, files = kobest_task("wic", None, "dev", examples=True)
    assert files == ()
    assert source.parquet == {
        "dev": "hf://datasets/skt/kobest_v1@refs/convert/parquet/wic/validation/*.parquet",
        "train": "hf://datasets/skt/kobest_v1@refs/convert/parquet/wic/train/*.parquet",
    }


@pytest.mark.parametrize(
    ("task", "items", "counts"),
    [("boolq", 700, [374, 326]), ("copa", 500, [248, 252]), ("hellaswag", 500, [111, 125, 145, 119]),
     ("sentineg", 400, [200, 200]), ("wic", 610, [349, 261])],
)  # fmt: skip
def test_real_files_are_read_whole(task: str, items: int, counts: list[int], resources: Callable[[str], Path]) -> None:
    records = read_kobest(kobest_file(resources("kobest"), task, "dev"), task)
    labels = [record["label"] for record in records]
    assert len(records) == items
    assert [labels.count(label) for label in range(len(counts))] == counts

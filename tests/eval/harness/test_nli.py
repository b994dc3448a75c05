"""Files of XNLI, KorNLI and KLUE-NLI become the columns that the harness expects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.eval.harness.samples import write_nli
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.eval.harness.nli import find_nli_file, nli_task, read_nli

ROWS = [("비가 온다.", "날이 흐리다.", "neutral"), ("나는 집이다.", "나는 밖이다.", "contradiction")]
RECORDS = [
    {"premise": "비가 온다.", "hypothesis": "날이 흐리다.", "label": 1},
    {"premise": "나는 집이다.", "hypothesis": "나는 밖이다.", "label": 2},
]


def test_kornli_is_read(tmp_path: Path) -> None:
    assert read_nli(write_nli(tmp_path / "xnli.dev.ko.tsv", ROWS), "ko") == RECORDS


def test_klue_nli_is_read(tmp_path: Path) -> None:
    path = tmp_path / "klue-nli-v1.1_dev.json"
    rows = [{"guid": "a", "premise": p, "hypothesis": h, "gold_label": label, "author": "x"} for p, h, label in ROWS]
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    assert find_nli_file(tmp_path, "ko", "dev") == path
    assert read_nli(path, "ko") == RECORDS


def test_lines_of_json_with_numbers_for_labels_are_read(tmp_path: Path) -> None:
    path = tmp_path / "ko.dev.jsonl"
    path.write_text("\n".join(json.dumps(record) for record in RECORDS), encoding="utf-8")
    assert read_nli(path, "ko") == RECORDS


def test_of_a_file_of_all_languages_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "xnli.dev.tsv"
    lines = ["language\tgold_label\tsentence1\tsentence2", "en\tneutral\tA.\tB.", "sw\tentailment\tC.\tD."]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert read_nli(find_nli_file(tmp_path, "sw", "dev"), "sw") == [{"premise": "C.", "hypothesis": "D.", "label": 0}]


@pytest.mark.parametrize(
    ("row", "said"),
    [(("a", "b", "-"), "label '-'"), (("a", " ", "neutral"), "no text in its column sentence2")],
)
def test_a_bad_row_is_named(row: tuple[str, str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2") as caught:
        read_nli(write_nli(tmp_path / "x.tsv", [row]), "en")
    assert said in str(caught.value)


def test_a_record_without_a_premise_names_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "a", "label": 0}\n', encoding="utf-8")
    with pytest.raises(InputError, match="no column premise or sentence1; it has text, label"):
        read_nli(path, "en")


@pytest.mark.parametrize("text", ["{", "[1]", "3"])
def test_what_is_not_a_table_of_records_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="JSON"):
        read_nli(path, "en")


def test_a_language_that_nobody_asks_in_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="language of XNLI"):
        nli_task("xx", None, "dev")


def test_korean_needs_files() -> None:
    with pytest.raises(InputError, match="no Korean"):
        nli_task("ko", None, "dev")


def test_a_missing_part_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no dev part for sw: a file called xnli\.dev\.sw\.tsv"):
        nli_task("sw", tmp_path, "dev")


def test_worked_examples_are_not_drawn_from_what_is_asked(tmp_path: Path) -> None:
    path = write_nli(tmp_path / "pairs.tsv", ROWS)
    with pytest.raises(InputError, match="training file beside"):
        nli_task("ko", path, "dev", examples=True)

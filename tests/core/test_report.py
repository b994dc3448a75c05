from __future__ import annotations

import json

import pytest
from rich.cells import cell_len

from vocabx.core.report import Cell, Report, Table, format_number

TABLE = Table("Tokens", ["method", "rows", "loss"], [["mean", 16000, 2.5], ["focus", 7, None]])


@pytest.mark.parametrize(
    ("cell", "text"),
    [(None, "-"), (True, "yes"), (False, "no"), (16000, "16,000"), (0.25, "0.2500"), (-1234.56, "-1,234.6"), ("", "")],
)
def test_cells_are_spelled_for_people(cell: Cell, text: str) -> None:
    assert format_number(cell) == text


def test_text_stands_left_and_numbers_right() -> None:
    assert TABLE.to_text().splitlines() == [
        "Tokens",
        "method    rows    loss",
        "----------------------",
        "mean    16,000  2.5000",
        "focus        7       -",
    ]


def test_wide_characters_do_not_move_the_columns() -> None:
    lines = Table("", ["token", "count"], [["한국어", 1], ["語", 20], ["a", 300]]).to_text().splitlines()
    assert len({cell_len(line) for line in lines}) == 1


def test_a_table_without_rows_shows_its_columns() -> None:
    assert Table("", ["a", "b"], []).to_text() == "a  b\n----"


def test_a_bar_in_a_cell_does_not_end_it_in_markdown() -> None:
    assert Table("", ["token", "count"], [["|", 1]]).to_markdown().splitlines() == [
        "| token | count |",
        "| --- | --- |",
        "| \\| | 1 |",
    ]


def test_a_table_travels_as_one_object_per_row() -> None:
    assert TABLE.to_json() == [
        {"method": "mean", "rows": 16000, "loss": 2.5},
        {"method": "focus", "rows": 7, "loss": None},
    ]


def test_a_report_is_a_headline_facts_and_tables() -> None:
    report = Report("Done", {"rows": 16000, "tied": True}, [TABLE])
    assert report.to_text() == f"Done\n\nrows  16,000\ntied  yes\n\n{TABLE.to_text()}"
    assert json.loads(report.to_json()) == {"headline": "Done", "rows": 16000, "tied": True, "Tokens": TABLE.to_json()}


def test_notes_of_a_report_stand_behind_its_tables() -> None:
    report = Report("Done", {}, [TABLE], ["One.", "Two."])
    assert report.to_text() == f"Done\n\n{TABLE.to_text()}\n\nOne.\nTwo."
    assert json.loads(report.to_json())["notes"] == ["One.", "Two."]


def test_a_headline_alone_is_a_report() -> None:
    assert Report("완료").to_text() == "완료"
    assert Report("완료").to_json() == '{\n  "headline": "완료"\n}'

from __future__ import annotations

from pathlib import Path

import pytest

from vocabx.card.proof import PROOF, spell_proof, spell_region, write_proof
from vocabx.core.errors import InputError
from vocabx.core.report import Report, Table

BEGIN, END = PROOF.begin, PROOF.end
REPORT = Report("2 checks", {"ko": "3 lines"}, [Table("t", ("check", "evidence"), [("a", "<s> | & \n x"), ("b", 2)])])
EXPECTED = """**2 checks**

| text | size |
| --- | --- |
| ko | 3 lines |

| check | evidence |
| --- | --- |
| a | &lt;s> \\| &amp; x |
| b | 2 |"""


def test_reports_are_tables_in_which_nothing_is_markup() -> None:
    assert spell_proof([REPORT]) == EXPECTED
    assert spell_proof([REPORT, REPORT]) == f"{EXPECTED}\n\n{EXPECTED}"


def test_what_stands_between_the_marks_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    before, after = "---\ntags: [x]\n---\n# My own words\n\n", "\n\n## Thanks\n"
    card.write_text(before + spell_region("old") + after)
    for _ in range(2):
        write_proof(card, [REPORT])
        assert card.read_text() == before + f"{BEGIN}\n{EXPECTED}\n{END}" + after
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]


def test_a_card_without_marks_gets_them_at_its_end(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("# My own words\n")
    write_proof(card, [REPORT])
    assert card.read_text() == f"# My own words\n\n## Proof\n\n{BEGIN}\n{EXPECTED}\n{END}\n"


def test_where_there_is_no_card_one_is_made(tmp_path: Path) -> None:
    write_proof(tmp_path / "README.md", [REPORT])
    assert (tmp_path / "README.md").read_text().startswith("## Proof\n")


@pytest.mark.parametrize("text", [BEGIN, END, END + BEGIN, BEGIN + BEGIN + END])
def test_marks_that_do_not_match_are_a_sentence_and_nothing_changes(text: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(InputError, match=r"must have the marks .* once each, in this order, or neither"):
        write_proof(tmp_path / "README.md", [REPORT])
    assert (tmp_path / "README.md").read_text() == text

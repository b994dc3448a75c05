"""Findings add up to a verdict and a report."""

from __future__ import annotations

import pytest

from vocabx.verification.finding import Finding, Outcome, Status, Verification, failed, judge, not_run, passed

GOOD = Finding("rows are kept", Status.PASS, "4 of 4")
BAD = Finding("ids are kept", Status.FAIL, "2 of 4", ("3 'a'", "4 'b'"))
OPEN = Finding("text is kept", Status.NOT_RUN, "no base was given", is_open=True)
CLOSED = Finding("the head is kept", Status.NOT_RUN, "there is none")


@pytest.mark.parametrize(
    ("findings", "passes", "passes_strictly"),
    [
        ((GOOD,), True, True),
        ((GOOD, CLOSED), True, True),
        ((GOOD, OPEN), True, False),
        ((GOOD, BAD), False, False),
        ((), True, True),
    ],
)
def test_one_failure_fails_and_an_open_check_fails_strictly(
    findings: tuple[Finding, ...], passes: bool, passes_strictly: bool
) -> None:
    result = Verification(findings)
    assert (result.passed, result.strict_passed) == (passes, passes_strictly)


def test_the_report_counts_tabulates_and_names_offenders() -> None:
    report = Verification((GOOD, BAD, OPEN)).to_report()
    assert report.headline == "3 checks: 1 pass, 1 fail, 1 not run"
    assert [table.title for table in report.tables] == ["checks", "offenders"]
    assert report.tables[0].rows[1] == ("ids are kept", "fail", "2 of 4")
    assert report.tables[1].rows == [("ids are kept", "3 'a'"), ("ids are kept", "4 'b'")]
    assert '"status": "not run"' in report.to_json()


def test_without_offenders_there_is_no_table_of_them() -> None:
    assert [table.title for table in Verification((GOOD, CLOSED)).to_report().tables] == ["checks"]


def test_outcomes() -> None:
    assert passed("all") == Outcome(Status.PASS, "all")
    assert judge([], "0 of 3") == passed("0 of 3")
    assert judge(["a"], "1 of 3") == failed("1 of 3", ["a"]) == Outcome(Status.FAIL, "1 of 3", ("a",))
    assert not_run("why", is_open=True).is_open

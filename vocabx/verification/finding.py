"""Findings: what each check found, and the verdict over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from vocabx.core.report import Report, Table

__all__ = ["Finding", "Outcome", "Status", "Verification", "failed", "judge", "not_run", "passed"]

MOST_DETAILS = 5


class Status(StrEnum):
    """How a check ended."""

    PASS = "pass"
    FAIL = "fail"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check function found: the numbers in one line, and the first few offenders."""

    status: Status
    evidence: str
    details: tuple[str, ...] = ()
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What the check of that name found; `evidence` is the reason where it was not run.

    A check that was not run is open when something is missing that could be given, such as the base. It is not open
    when there is nothing to check, such as the head of a model that has none of its own.
    """

    name: str
    status: Status
    evidence: str
    details: tuple[str, ...] = ()
    is_open: bool = False


def passed(evidence: str) -> Outcome:
    """Report that the check holds."""
    return Outcome(Status.PASS, evidence)


def not_run(reason: str, is_open: bool = False) -> Outcome:
    """Report that there is nothing to check, or that something is missing to check it with."""
    return Outcome(Status.NOT_RUN, reason, is_open=is_open)


def failed(evidence: str, offenders: Sequence[str] = ()) -> Outcome:
    """Report that it does not, with the first offenders.

    >>> failed("9 rows", [str(row) for row in range(9)]).details
    ('0', '1', '2', '3', '4', 'and 4 more')
    """
    shown = tuple(offenders[:MOST_DETAILS])
    rest = len(offenders) - len(shown)
    return Outcome(Status.FAIL, evidence, shown + ((f"and {rest:,} more",) if rest else ()))


def judge(offenders: Sequence[str], evidence: str) -> Outcome:
    """Pass when there is no offender."""
    return failed(evidence, offenders) if offenders else passed(evidence)


@dataclass(frozen=True)
class Verification:
    """All findings, in the order of the checks."""

    findings: tuple[Finding, ...]

    @cached_property
    def counts(self) -> dict[Status, int]:
        """How many checks ended in each way."""
        found = Counter(finding.status for finding in self.findings)
        return {status: found[status] for status in Status}

    def __str__(self) -> str:
        return self.to_report().to_text()

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return not self.counts[Status.FAIL]

    @property
    def strict_passed(self) -> bool:
        """Whether no check failed and none is open."""
        return self.passed and not any(finding.is_open for finding in self.findings)

    def to_report(self) -> Report:
        """Tabulate the findings, and the offenders where there are any."""
        ways = ", ".join(f"{count} {status}" for status, count in self.counts.items())
        rows = [(finding.name, finding.status.value, finding.evidence) for finding in self.findings]
        tables = [Table("checks", ("check", "status", "evidence"), rows)]
        offenders = [(finding.name, detail) for finding in self.findings for detail in finding.details]
        if offenders:
            tables.append(Table("offenders", ("check", "offender"), offenders))
        return Report(f"{len(self.findings)} checks: {ways}", tables=tables)

from __future__ import annotations

import pytest

from tests.eval.segmenters import LongestMatch
from tests.eval.test_fertility import BYTE_LEVEL
from tests.strategies import BYTES, table
from vocabx.core.errors import InputError
from vocabx.core.tokens import TokenKind
from vocabx.eval.audit import audit

BYTES_ONLY = table(BYTES, [TokenKind.BYTE] * 256)


def test_each_text_and_tokenizer_has_a_row_that_is_compared_with_the_first_tokenizer() -> None:
    segmenters = {"bytes": LongestMatch(BYTES_ONLY), "more": LongestMatch(BYTE_LEVEL)}
    report = audit(segmenters, {"ko": lambda: [["한 한국 a"]], "en": lambda: [["a"], ["b"]]})
    (table,) = report.tables
    rows = table.to_json()
    assert [(row["text"], row["tokenizer"]) for row in rows] == [
        ("ko", "bytes"),
        ("ko", "more"),
        ("en", "bytes"),
        ("en", "more"),
    ]
    assert [row["vs bytes"] for row in rows] == [1, 0.5, 1, 1]
    assert rows[1] == {
        "text": "ko",
        "tokenizer": "more",
        "tokens/char": 1.0,
        "tokens/byte": 0.5,
        "tokens/word": 2.0,
        "bytes/token": 2.0,
        "whole words": 1 / 3,
        "byte fallback": 1 / 3,
        "unknown": 0.0,
        "chars covered": 2 / 3,
        "text covered": 3 / 4,
        "script covered": 1 / 11_172,
        "vs bytes": 0.5,
    }
    assert report.facts == {"ko": "1 lines, 12 bytes, Hangul", "en": "2 lines, 2 bytes, Latin"}


def test_a_single_tokenizer_is_compared_with_nothing() -> None:
    report = audit({"only": LongestMatch(BYTES_ONLY)}, {"en": lambda: [["a"]]})
    assert "vs only" not in report.tables[0].columns
    assert "tokens/word" in report.to_text()


def test_what_cannot_be_measured_is_left_open() -> None:
    report = audit({"a": LongestMatch(BYTES_ONLY), "b": LongestMatch(BYTES_ONLY)}, {"blank": lambda: [[""]]})
    row = report.tables[0].to_json()[0]
    assert {row[column] for column in row if column not in ("text", "tokenizer")} == {None}


@pytest.mark.parametrize("empty", ["tokenizers", "texts"])
def test_an_audit_of_nothing_is_refused(empty: str) -> None:
    segmenters = {} if empty == "tokenizers" else {"a": LongestMatch(BYTES_ONLY)}
    with pytest.raises(InputError, match="at least one tokenizer and one text"):
        audit(segmenters, {} if empty == "texts" else {"en": lambda: [["a"]]})

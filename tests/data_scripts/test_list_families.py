from __future__ import annotations

from importlib import import_module
from typing import Any

from tests.source_tree import ROOT
from vocabx.checkpoint.families.layouts import known_types
from vocabx.checkpoint.families.refusals import REFUSED

script: Any = import_module("data_scripts.list_families")


def test_the_page_says_what_the_tables_say() -> None:
    assert (ROOT / "docs" / "families.md").read_text(encoding="utf-8") == script.families_page()


def test_every_type_is_on_the_page() -> None:
    page = script.families_page()
    assert [name for name in (*known_types(), *REFUSED) if f"`{name}`" not in page] == []

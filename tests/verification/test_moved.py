"""A model whose ids moved, because its tokenizer was replaced or trimmed: what is sound passes, each damage fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verification.damages import (
    Damage,
    added_token,
    decoder,
    drop_merge,
    flip_low_bit,
    head_of_input_rows,
    in_json,
    negative_weight_of_the_bias,
    new_rows,
    normalizer,
    rebuilt_by_its_class,
    remove,
    setting,
    stale_merges,
    swap_ids,
)
from tests.verification.models import (
    ENGLISH,
    HEAD,
    INPUT,
    damaged,
    edit_tensor,
    failing,
    reasons,
    replace,
    save_base,
    trim,
)
from tests.verification.test_damages import (
    ALL_ELSE,
    APPLIED,
    CHAT,
    COMPUTES,
    CONVEX,
    COVERAGE,
    DISTINCT,
    FILE_ENCODES,
    FINITE,
    GREEDY,
    HEAD_ROWS,
    INCOMPLETE,
    NORMS,
    OLD_IDS,
    OLD_ROWS,
    OPENS,
    PADDING,
    PROBES,
    READERS,
    RECORD,
    ROUND_TRIPS,
    SHAPES,
    SOURCE_TEXT,
    SPECIAL_IDS,
    WITNESSES,
    case,
    first_new,
    last_padding,
)
from vocabx.manifest import FILE_NAME, Manifest
from vocabx.verification import Verification, verify
from vocabx.verification.table import CHECKS

TEXT = ENGLISH[:3]
OF_NEW_ROWS = {FINITE, DISTINCT, NORMS, HEAD_ROWS, APPLIED, CONVEX, PROBES, GREEDY}
OF_THE_OWN_TOKENIZER = {SOURCE_TEXT, COVERAGE, ROUND_TRIPS}
EXCLUDED = {
    "replaced": {WITNESSES, INCOMPLETE, PROBES, GREEDY} | OF_THE_OWN_TOKENIZER,
    "trimmed": {WITNESSES, INCOMPLETE} | OF_NEW_ROWS,
}


def unused(manifest: Manifest) -> int:
    """Find a byte that no text of these tests holds."""
    return int(manifest.plan.images[200])


def swap_rows(directory: Path) -> None:
    """Exchange two rows of the input, which only their origins tell from what they should be."""

    vocabulary = json.loads((directory / "tokenizer.json").read_text())["model"]["vocab"]
    pair = [vocabulary["."], vocabulary["w"]]

    def edit(array: Any, manifest: Manifest) -> None:
        array[pair] = array[pair[::-1]]

    edit_tensor(directory, INPUT, edit)


def move_a_run(directory: Path) -> None:
    """Let the manifest take a kept row from another id."""

    def edit(data: dict[str, Any]) -> None:
        data["runs"][-1][1] -= 1

    in_json(FILE_NAME, edit)(directory)


BOTH = [
    case("class that rebuilds", rebuilt_by_its_class, FILE_ENCODES),
    case("swapped ids", swap_ids("$", "%"), OLD_IDS),
    case("added token", added_token("rstrip", True), OLD_IDS),
    case("role", setting("tokenizer_config.json", "pad_token", "<|spare|>"), OLD_IDS, RECORD, SPECIAL_IDS),
    case("kept row", flip_low_bit(INPUT, unused), OLD_ROWS),
    case("kept head row", flip_low_bit(HEAD, unused), OLD_ROWS),
    case("other weight", flip_low_bit("model.norm.weight", lambda manifest: 0), ALL_ELSE, COMPUTES),
    case("setting of an id", setting("config.json", "eos_token_id", 5), ALL_ELSE, SPECIAL_IDS),
    case("id for generation", setting("generation_config.json", "eos_token_id", 5), ALL_ELSE, SPECIAL_IDS),
    case("id out of range", setting("generation_config.json", "bos_token_id", 10**6), SHAPES, SPECIAL_IDS),
    case("stale merges", stale_merges, READERS),
    case("wrong rows", in_json(FILE_NAME, lambda data: data["plan"].update(rows_before=999)), RECORD),
    case("template", lambda d: (d / "chat_template.jinja").write_text("{{ messages[0]['content'] }}"), CHAT),
    case("no template", remove("chat_template.jinja"), CHAT),
    case("padding may be chosen", in_json("generation_config.json", lambda d: d["suppress_tokens"].pop()), PADDING),
    case("padding is not the mean", flip_low_bit(INPUT, last_padding), PADDING),
    case("vocab_size", setting("config.json", "vocab_size", 383), SHAPES, OPENS),
]
REPLACED = [
    *BOTH,
    case("swapped rows", swap_rows, OLD_ROWS, COMPUTES),
    case("noise in a new row", flip_low_bit(INPUT, first_new), APPLIED),
    case("head of input rows", head_of_input_rows, HEAD_ROWS, APPLIED),
    case("zero row", new_rows(INPUT, lambda rows: rows[3].fill(0)), FINITE, trained=True),
    case("collapsed rows", new_rows(HEAD, lambda rows: np.copyto(rows, rows[:1].copy())), DISTINCT, trained=True),
    case("long rows", new_rows(INPUT, lambda rows: np.multiply(rows, 99, out=rows)), NORMS, trained=True),
    case("negative weight", negative_weight_of_the_bias, CONVEX),
]
TRIMMED = [
    *BOTH,
    case("merge lost", drop_merge("Ġt", "he"), SOURCE_TEXT),
    case("merge of the template", drop_merge("e", "very"), CHAT, SOURCE_TEXT),
    case("character lost", normalizer("€", "e"), COVERAGE),
    case("decoder", decoder("the rows", "rows"), ROUND_TRIPS),
    case("swapped rows", swap_rows, OLD_ROWS, COMPUTES),
    case("moved run", move_a_run, OLD_ROWS, OLD_IDS, SOURCE_TEXT, COMPUTES),
]


def find(name: str, request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(name)
    return found


def check(directory: Path, base: Path | None, **options: bool) -> Verification:
    return verify(directory, base, TEXT, after_training=options.get("trained", False))


@pytest.mark.torch
@pytest.mark.parametrize("name", ["replaced", "trimmed"])
def test_what_vocabx_writes_passes_every_check_that_applies(
    name: str, untied_base: Path, request: pytest.FixtureRequest
) -> None:
    result = check(find(name, request), untied_base)
    assert result.strict_passed, str(result)
    assert reasons(result).keys() == EXCLUDED[name]


@pytest.mark.parametrize(
    ("name", "damage", "expected", "options"),
    [
        pytest.param(name, *parameter.values, id=f"{name}, {parameter.id}", marks=parameter.marks)
        for name, cases in (("replaced", REPLACED), ("trimmed", TRIMMED))
        for parameter in cases
    ],
)
def test_a_damage_fails_its_check(
    name: str,
    damage: Damage,
    expected: set[str],
    options: dict[str, bool],
    untied_base: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    out = damaged(find(name, request), tmp_path / "out", damage)
    result = check(out, untied_base, **options)
    assert failing(result) == expected, str(result)


@pytest.mark.parametrize(("name", "cases"), [("replaced", REPLACED), ("trimmed", TRIMMED)])
def test_every_check_that_applies_has_a_damage(name: str, cases: list[Any]) -> None:
    covered = set().union(*(parameter.values[1] for parameter in cases))
    assert covered == {check.name for check in CHECKS} - EXCLUDED[name]


@pytest.mark.torch
@pytest.mark.parametrize("make", [replace, trim], ids=lambda make: make.__name__)
@pytest.mark.parametrize("sharded", [False, True], ids=["one file", "shards"])
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_every_kind_of_checkpoint_passes(make: Any, sharded: bool, tied: bool, tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", tied=tied, sharded=sharded)
    result = check(make(base, tmp_path / "out"), base)
    assert result.strict_passed, str(result)


@pytest.mark.parametrize("method", ["mean", "univariate", "eeve"])
def test_every_kind_of_method_passes(method: str, untied_base: Path, tmp_path: Path) -> None:
    result = check(replace(untied_base, tmp_path / "out", method), untied_base)
    assert result.passed, str(result)


@pytest.mark.parametrize("name", ["replaced", "trimmed"])
def test_without_the_base_what_compares_with_it_is_open(name: str, request: pytest.FixtureRequest) -> None:
    result = check(find(name, request), None)
    assert result.passed, str(result)
    assert not result.strict_passed
    open_checks = {finding.name for finding in result.findings if finding.is_open}
    assert open_checks >= {OLD_IDS, OLD_ROWS, ALL_ELSE, CHAT}
    assert (NORMS in open_checks) == (name == "replaced")


def test_text_with_dropped_tokens_is_set_aside(trimmed: Path, untied_base: Path) -> None:
    found = {finding.name: finding.evidence for finding in verify(trimmed, untied_base, ENGLISH).findings}
    assert found[SOURCE_TEXT].startswith("0 of 3 lines")
    assert found[SOURCE_TEXT].endswith("3 with dropped tokens set aside")


def test_a_template_that_was_left_out_is_no_damage(replaced: Path, untied_base: Path, tmp_path: Path) -> None:
    said = in_json(FILE_NAME, lambda data: data["tokenizer"].update(chat_template_dropped="it shouts"))
    result = check(damaged(replaced, tmp_path / "out", remove("chat_template.jinja"), said), untied_base)
    assert failing(result) == set()
    assert reasons(result)[CHAT] == "the chat template was left out: it shouts"

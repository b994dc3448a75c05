"""Every check can fail: each damage is noticed, by the check that is there for it and by no other.

Where others are named, the damage cannot but break their promises too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.verification.damages import (
    Damage,
    add_tensor,
    added_token,
    after_a_training,
    cut,
    decoder,
    drop_last_merge,
    drop_merge,
    flip_low_bit,
    head_of_input_rows,
    in_json,
    index_total_size,
    negative_weight_of_the_bias,
    new_rows,
    new_token,
    normalizer,
    rebuilt_by_its_class,
    remove,
    setting,
    stale_merges,
    swap_ids,
    unlisted_tensor,
    untie,
    weights_of_another_shape,
    winning_head_row,
)
from tests.verification.models import (
    ENGLISH,
    HEAD,
    INPUT,
    damaged,
    edit_json,
    edit_tensor,
    extend,
    failing,
    reasons,
    save_base,
    write_json,
)
from vocabx.manifest import FILE_NAME
from vocabx.verification import Status, verify
from vocabx.verification.table import CHECKS

FILE_ENCODES, SHAPES, RECORD, OPENS = (check.name for check in CHECKS[:4])
WITNESSES, INCOMPLETE, OLD_IDS, SOURCE_TEXT = (check.name for check in CHECKS[4:8])
COVERAGE, ROUND_TRIPS, CHAT, OLD_ROWS, ALL_ELSE = (check.name for check in CHECKS[8:13])
FINITE, DISTINCT, NORMS, HEAD_ROWS, APPLIED, CONVEX = (check.name for check in CHECKS[13:19])
PROBES, GREEDY, COMPUTES, PADDING, SPECIAL_IDS, READERS = (check.name for check in CHECKS[19:])

NEEDS_TORCH = {OPENS, GREEDY, COMPUTES}


def nothing(directory: Path) -> None:
    """Damage nothing."""


def case(name: str, damage: Damage, *failures: str, **options: Any) -> Any:
    marks = [pytest.mark.torch] if NEEDS_TORCH.intersection(failures) else []
    return pytest.param(damage, set(failures), options, id=name, marks=marks)


def first_new(manifest: Any) -> int:
    return int(manifest.plan.new_ids[0])


def last_padding(manifest: Any) -> int:
    return int(manifest.plan.rows_after - 1)


UNTIED = [
    case("class that rebuilds", rebuilt_by_its_class, FILE_ENCODES),
    case("one id more", setting("tokenizer_config.json", "bos_token", "<|new|>"), FILE_ENCODES, RECORD, OLD_IDS),
    case("no tokenizer.json", remove("tokenizer.json"), FILE_ENCODES, CHAT),
    case("id out of range", in_json("generation_config.json", lambda d: d.update(eos_token_id=[0, 10**6])), SHAPES),
    case(
        "id that is no number", in_json("generation_config.json", lambda d: d.update(pad_token_id="0")), SHAPES, OPENS
    ),
    case("vocab_size", setting("config.json", "vocab_size", 383), SHAPES, OPENS),
    case("no vocab_size", in_json("config.json", lambda data: data.pop("vocab_size")), SHAPES, OPENS, ALL_ELSE),
    case("cut weights", cut, SHAPES, OPENS),
    case("no weights", remove("model.safetensors"), SHAPES, OPENS),
    case("wrong piece", new_token(lambda token, first: token.update(piece="?")), RECORD),
    case("wrong text", new_token(lambda token, first: token.update(text="?")), RECORD),
    case("wrong parts", new_token(lambda token, first: token.update(parts=[4, 5])), RECORD),
    case("parts to come", new_token(lambda token, first: token.update(parts=[4, 10**6])), RECORD),
    case("wrong count", in_json(FILE_NAME, lambda data: data["new_tokens"].pop()), RECORD),
    case("wrong rows", in_json(FILE_NAME, lambda data: data["plan"].update(rows_before=999)), RECORD),
    case("wrong role", in_json(FILE_NAME, lambda data: data["plan"]["roles"].update(eos=1)), RECORD),
    case("no such matrix", in_json(FILE_NAME, lambda data: data["rows"].update(heads="?")), RECORD),
    case("no stored weights", remove("vocabx-rows.npz"), RECORD),
    case("weights of another shape", weights_of_another_shape, RECORD),
    case("missing layer", setting("config.json", "num_hidden_layers", 2), OPENS, base=False),
    case(
        "NaN inside",
        lambda directory: edit_tensor(directory, "model.norm.weight", lambda array, manifest: array.fill(np.nan)),
        OPENS,
        base=False,
    ),
    case("unreachable token", drop_last_merge, WITNESSES),
    case("wrong witness", new_token(lambda token, first: token.update(witness="the")), WITNESSES),
    case("no witness", new_token(lambda token, first: token.pop("witness")), WITNESSES),
    case("not needed", new_token(lambda token, first: token.pop("needed_by"), whole=False), INCOMPLETE),
    case("needed by itself", new_token(lambda t, first: t.update(needed_by=t["id"]), whole=False), INCOMPLETE),
    case(
        "needed by another",
        new_token(lambda t, first: t.update(needed_by=first["id"]), whole=False),
        INCOMPLETE,
    ),
    case("swapped ids", swap_ids("$", "%"), OLD_IDS),
    case("added token", added_token("rstrip", True), OLD_IDS),
    case("role", setting("tokenizer_config.json", "pad_token", "<|spare|>"), OLD_IDS, RECORD, SPECIAL_IDS),
    case("merge lost", drop_merge("Ġt", "he"), SOURCE_TEXT),
    case("merge of the template", drop_merge("e", "very"), SOURCE_TEXT, CHAT),
    case("character lost", normalizer("€", "e"), COVERAGE),
    case("decoder", decoder("the rows", "rows"), ROUND_TRIPS),
    case("template", lambda d: (d / "chat_template.jinja").write_text("{{ messages[0]['content'] }}"), CHAT),
    case("no template", remove("chat_template.jinja"), CHAT),
    case("old input row", flip_low_bit(INPUT, lambda manifest: 200), OLD_ROWS),
    case("old head row", flip_low_bit(HEAD, lambda manifest: 200), OLD_ROWS),
    case("other weight", flip_low_bit("model.norm.weight", lambda manifest: 0), ALL_ELSE, COMPUTES),
    case("other setting", setting("config.json", "rms_norm_eps", 1e-5), ALL_ELSE, COMPUTES),
    case("one tensor more", add_tensor, ALL_ELSE, OPENS),
    case("untrained weight", after_a_training(flip_low_bit("model.norm.weight", lambda manifest: 0)), ALL_ELSE),
    case("untrained row", after_a_training(flip_low_bit(INPUT, lambda manifest: 200)), OLD_ROWS),
    case("zero input row", new_rows(INPUT, lambda rows: rows[3].fill(0)), FINITE, trained=True),
    case("zero head row", new_rows(HEAD, lambda rows: rows[3].fill(0)), FINITE, trained=True),
    case("infinite row", new_rows(INPUT, lambda rows: rows[3].fill(np.inf)), FINITE, trained=True),
    case("collapsed rows", new_rows(HEAD, lambda rows: np.copyto(rows, rows[:1].copy())), DISTINCT, trained=True),
    case("long rows", new_rows(INPUT, lambda rows: np.multiply(rows, 99, out=rows)), NORMS, trained=True),
    case("short rows", new_rows(HEAD, lambda rows: np.multiply(rows, 1e-4, out=rows)), NORMS, trained=True),
    case("head of input rows", head_of_input_rows, HEAD_ROWS, APPLIED, PROBES),
    case("noise in an input row", flip_low_bit(INPUT, first_new), APPLIED),
    case("negative weight", negative_weight_of_the_bias, CONVEX),
    case("weights promised", in_json(FILE_NAME, lambda data: data["rows"].update(bias="drawn")), CONVEX),
    case("winning rows", winning_head_row, HEAD_ROWS, APPLIED, NORMS, PROBES, GREEDY),
    case("padding may be chosen", in_json("generation_config.json", lambda d: d["suppress_tokens"].pop()), PADDING),
    case("no suppression", remove("generation_config.json"), PADDING),
    case("padding is not the mean", flip_low_bit(INPUT, last_padding), PADDING),
    case("end of generation", setting("generation_config.json", "eos_token_id", 3), SPECIAL_IDS),
    case("stale merges", stale_merges, READERS),
]


@pytest.mark.parametrize(("damage", "expected", "options"), UNTIED)
def test_a_damage_fails_its_check(
    damage: Damage, expected: set[str], options: dict[str, bool], untied: Path, untied_base: Path, tmp_path: Path
) -> None:
    out = damaged(untied, tmp_path / "out", damage)
    base = untied_base if options.get("base", True) else None
    result = verify(out, base, ENGLISH, after_training=options.get("trained", False))
    assert failing(result) == expected, result.to_report().to_text()
    assert not result.passed
    assert not result.strict_passed


def test_every_check_has_a_damage() -> None:
    damages: Iterator[set[str]] = (parameter.values[1] for parameter in UNTIED)
    assert set().union(*damages) == {check.name for check in CHECKS}


def test_a_tied_head_that_is_stored_with_other_values_is_found(tied: Path, tied_base: Path, tmp_path: Path) -> None:
    out = damaged(tied, tmp_path / "out", untie)
    assert SHAPES in failing(verify(out, tied_base, ENGLISH))
    assert SHAPES in failing(verify(out, lines=ENGLISH))


@pytest.mark.parametrize("damage", [index_total_size, unlisted_tensor])
def test_a_damaged_index_is_found(damage: Damage, tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", tied=False, sharded=True)
    out = extend(base, tmp_path / "out")
    assert failing(verify(out, base, ENGLISH)) == set()
    damage(out)
    assert failing(verify(out, base, ENGLISH)) == {SHAPES}


def test_an_index_that_was_wrong_before_is_the_bases_matter(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", tied=False, sharded=True)
    index_total_size(base)
    out = extend(base, tmp_path / "out")
    assert failing(verify(out, base, ENGLISH)) == set()
    assert failing(verify(out, lines=ENGLISH)) == {SHAPES}


def test_the_wrong_base_is_found(untied: Path, tied_base: Path) -> None:
    assert {SHAPES, ALL_ELSE} <= failing(verify(untied, tied_base, ENGLISH))


def test_a_base_of_another_width_is_found(untied: Path, untied_base: Path, tmp_path: Path) -> None:
    base = damaged(untied_base, tmp_path / "base")
    path = base / "model.safetensors"
    save_file(
        {name: array[:, :8].copy() if array.ndim == 2 else array for name, array in load_file(path).items()}, path
    )
    result = verify(untied, base, ENGLISH)
    assert OLD_ROWS in failing(result)
    assert "model.embed_tokens.weight has rows of 16 numbers, and the base has 8" in result.to_report().to_text()


def test_one_fault_is_reported_once(untied: Path, untied_base: Path, tmp_path: Path) -> None:
    result = verify(damaged(untied, tmp_path / "out", cut), untied_base, ENGLISH)
    found = {finding.name: finding for finding in result.findings}
    assert "is cut short" in found[SHAPES].evidence
    assert reasons(result)[OLD_ROWS] == f"stopped by the failure of {SHAPES!r}"


def test_the_first_offenders_are_named_with_their_tokens(untied: Path, untied_base: Path, tmp_path: Path) -> None:
    out = damaged(untied, tmp_path / "out", new_rows(INPUT, lambda rows: rows.fill(0)))
    found = {f.name: f for f in verify(out, untied_base, ENGLISH).findings}[FINITE]
    assert found.status is Status.FAIL
    assert found.evidence.startswith("40 of 40 new rows are")
    assert len(found.details) == 6
    assert found.details[0].startswith("model.embed_tokens.weight, row 340 '")
    assert found.details[-1] == "and 35 more"


def test_a_damage_of_the_text_beyond_the_limit_is_found(untied_base: Path, tmp_path: Path) -> None:
    out = extend(untied_base, tmp_path / "out", scripts=("any",), source_change_limit=0.5)
    damaged(out, tmp_path / "damaged", drop_merge("Ġt", "he"))
    assert failing(verify(out, untied_base, ENGLISH)) == set()
    assert failing(verify(tmp_path / "damaged", untied_base, ENGLISH)) == {SOURCE_TEXT}


def test_words_of_the_template_may_change_within_the_limit(untied_base: Path, tmp_path: Path) -> None:
    out = extend(untied_base, tmp_path / "out", source_change_limit=0.5)
    drop_merge("e", "very")(out)
    found = {finding.name: finding for finding in verify(out, untied_base, ENGLISH).findings}[CHAT]
    assert (found.status, found.evidence.endswith("words changed")) == (Status.PASS, True)


def test_a_tokenizer_with_more_ids_than_rows_is_found(tied_base: Path, tmp_path: Path) -> None:
    out = extend(tied_base, tmp_path / "out", pad_to_multiple=None)
    setting("tokenizer_config.json", "bos_token", "<|new|>")(out)
    assert failing(verify(out, tied_base, ENGLISH)) == {FILE_ENCODES, SHAPES, RECORD, OLD_IDS}


def test_a_tokenizer_with_fewer_ids_than_the_base_is_found(untied: Path, untied_base: Path, tmp_path: Path) -> None:
    def shrink(data: dict[str, Any]) -> None:
        kept = {piece for piece, token in data["model"]["vocab"].items() if token < 300}
        data["model"]["vocab"] = {piece: token for piece, token in data["model"]["vocab"].items() if piece in kept}
        data["model"]["merges"] = [merge for merge in data["model"]["merges"] if {*merge, "".join(merge)} <= kept]

    out = damaged(untied, tmp_path / "out", in_json("tokenizer.json", shrink))
    result = verify(out, untied_base, ENGLISH)
    assert {RECORD, OLD_IDS, NORMS} <= failing(result)
    assert "fewer than the base's" in result.to_report().to_text()


def test_a_tokenizer_that_is_not_stored_as_tokenizer_json_is_found(untied: Path, tmp_path: Path) -> None:
    def spell_apart(directory: Path) -> None:
        model = json.loads((directory / "tokenizer.json").read_text())["model"]
        write_json(directory / "vocab.json", model["vocab"])
        (directory / "merges.txt").write_text("\n".join(map(" ".join, model["merges"])) + "\n")
        remove("tokenizer.json")(directory)

    out = damaged(
        untied, tmp_path / "out", spell_apart, setting("tokenizer_config.json", "tokenizer_class", "GPT2Tokenizer")
    )
    result = verify(out, lines=ENGLISH)
    assert FILE_ENCODES in failing(result)
    assert "has no tokenizer.json" in result.to_report().to_text()


def test_more_new_tokens_than_rows_are_found(untied_base: Path, tmp_path: Path) -> None:
    out = extend(untied_base, tmp_path / "out", method="multivariate")
    edit_json(out / FILE_NAME, lambda data: data["plan"].update(tokens=400, new=60, rows_after=400))
    result = verify(out, untied_base, ENGLISH)
    assert {RECORD, FINITE} <= failing(result)
    assert "the manifest needs at least 400" in result.to_report().to_text()

"""What vocabx writes passes every check."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.checkpoint.models import checksums
from tests.verification.damages import in_json
from tests.verification.models import ENGLISH, HEAD, INPUT, KOREAN, damaged, edit_tensor, extend, failing, save_base
from vocabx.manifest import FILE_NAME
from vocabx.verification import Status, Verification, verify
from vocabx.verification.new_rows import MOST_COLLAPSED
from vocabx.verification.table import CHECKS


def evidence(verification: Verification) -> dict[str, str]:
    return {finding.name: finding.evidence for finding in verification.findings}


@pytest.mark.torch
def test_an_untied_model_passes_every_check(untied: Path, untied_base: Path) -> None:
    result = verify(untied, untied_base, ENGLISH)
    assert result.strict_passed, result.to_report().to_text()
    assert result.counts == {Status.PASS: len(CHECKS), Status.FAIL: 0, Status.NOT_RUN: 0}


@pytest.mark.torch
def test_a_tied_model_passes_strictly_though_it_has_no_head(tied: Path, tied_base: Path) -> None:
    result = verify(str(tied), str(tied_base), ENGLISH)
    assert result.strict_passed, result.to_report().to_text()
    assert evidence(result)["head rows are made of head rows"] == "the head is tied to the input"


@pytest.mark.parametrize("method", ["eeve", "mean", "multivariate", "univariate"])
def test_every_kind_of_method_passes(method: str, untied_base: Path, tmp_path: Path) -> None:
    result = verify(extend(untied_base, tmp_path / "out", method=method), untied_base, ENGLISH)
    assert failing(result) == set(), result.to_report().to_text()


def test_equal_rows_of_the_mean_are_said_to_be_by_design(untied_base: Path, tmp_path: Path) -> None:
    result = verify(extend(untied_base, tmp_path / "out", method="mean"), untied_base, ENGLISH)
    assert "'mean' are equal by design" in evidence(result)["at most 1% of new rows repeat one of other weights"]
    assert "1 different rows of 40" in evidence(result)["at most 1% of new rows repeat one of other weights"]


def test_the_length_of_new_rows_is_given_with_its_limits(untied: Path, untied_base: Path) -> None:
    found = evidence(verify(untied, untied_base, ENGLISH))["new rows are neither vanishing nor huge"]
    words = r"median length (\S+), limits (\S+) to (\S+) \(a tenth of the mean row (\S+) or of the old rows' 1st "
    match = re.search(words + r"percentile (\S+), ten times their 99th (\S+)\)", found)
    assert match, found
    median, least, most, mean, low, high = map(float, match.groups())
    assert least <= median <= most
    assert (least, most) == pytest.approx((min(mean, low) / 10, high * 10), rel=2e-3)


def test_the_name_of_the_check_of_equal_rows_says_its_limit() -> None:
    assert f"at most {MOST_COLLAPSED:.0%} of new rows repeat one of other weights" in {check.name for check in CHECKS}


@pytest.mark.torch
def test_what_had_to_change_in_the_settings_is_named(untied: Path, untied_base: Path) -> None:
    found = evidence(verify(untied, untied_base, ENGLISH))
    assert found["all else is bit-identical"].endswith("and config.json but for vocab_size, as planned")
    assert found["AutoModel opens it and computes"].startswith("plain AutoModelForCausalLM: 384 rows")


def test_a_model_of_several_files_passes(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", tied=False, sharded=True)
    result = verify(extend(base, tmp_path / "out"), base, ENGLISH)
    assert failing(result) == set(), result.to_report().to_text()


def test_a_model_without_padding_passes(tied_base: Path, tmp_path: Path) -> None:
    result = verify(extend(tied_base, tmp_path / "out", pad_to_multiple=None), tied_base, ENGLISH)
    assert failing(result) == set(), result.to_report().to_text()
    assert evidence(result)["padding is never sampled"] == "no padding rows"


@pytest.mark.torch
def test_a_model_with_an_output_bias_passes(tmp_path: Path) -> None:
    import torch
    from transformers import PhiConfig, PhiForCausalLM

    base = save_base(tmp_path / "base", tied=False)
    rows = PhiConfig.from_pretrained(base).vocab_size
    config = PhiConfig(
        vocab_size=rows, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        bos_token_id=None, eos_token_id=0, pad_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip
    torch.manual_seed(0)
    model = PhiForCausalLM(config)
    torch.nn.init.normal_(model.lm_head.bias)
    model.save_pretrained(base)
    result = verify(extend(base, tmp_path / "out"), base, ENGLISH)
    assert result.strict_passed, result.to_report().to_text()
    assert "lm_head.bias: 40 of 40" in evidence(result)["rows equal the stored weights applied"]


def test_source_lines_may_change_up_to_the_stored_limit(untied_base: Path, tmp_path: Path) -> None:
    out = extend(untied_base, tmp_path / "out", scripts=("any",), source_change_limit=1.0)
    result = verify(out, untied_base, ENGLISH)
    assert failing(result) == set(), result.to_report().to_text()
    assert "limit 100.0%" in evidence(result)["source-language text keeps its ids"]


def test_lines_that_quote_the_new_language_are_set_aside(untied: Path, untied_base: Path) -> None:
    result = verify(untied, untied_base, [*ENGLISH, *KOREAN[:2]])
    assert evidence(result)["source-language text keeps its ids"] == (
        f"0 of {len(ENGLISH)} lines of the given text changed (limit 0.0%), 2 with Hangul set aside"
    )


def test_a_script_that_most_lines_hold_is_not_set_aside(untied: Path, untied_base: Path, tmp_path: Path) -> None:
    out = damaged(untied, tmp_path / "out", in_json(FILE_NAME, lambda d: d["tokenizer"]["scripts"].append("Latin")))
    found = evidence(verify(out, untied_base, [*ENGLISH, KOREAN[0]]))["source-language text keeps its ids"]
    assert found.startswith(f"0 of {len(ENGLISH)} lines")
    assert found.endswith("1 with Hangul set aside")


def test_the_shipped_sample_is_used_where_no_text_is_given(untied: Path, untied_base: Path) -> None:
    found = evidence(verify(untied, untied_base))["source-language text keeps its ids"]
    assert "lines of the shipped English sample" in found


def test_a_trained_model_passes_and_is_told_what_changed(untied: Path, untied_base: Path, tmp_path: Path) -> None:
    out = damaged(untied, tmp_path / "out")
    for name in (INPUT, HEAD, "model.norm.weight"):
        edit_tensor(out, name, lambda array, manifest: array.__imul__(1.01))
    assert len(failing(verify(out, untied_base, ENGLISH))) > 3
    result = verify(out, untied_base, ENGLISH, after_training=True)
    assert failing(result) == set(), result.to_report().to_text()
    assert evidence(result)["old rows are the base's"].startswith("training changed old rows")


def test_nothing_in_the_directory_is_changed(untied: Path, untied_base: Path) -> None:
    before = checksums(untied), checksums(untied_base)
    verify(untied, untied_base, ENGLISH)
    assert (checksums(untied), checksums(untied_base)) == before


def test_the_name_of_each_check_is_told_before_it_runs(tied: Path) -> None:
    told = list[str]()
    result = verify(tied, lines=ENGLISH, progress=told.append)
    assert told == [f"checking: {finding.name}" for finding in result.findings]


def test_a_head_of_another_type_than_the_input_passes(untied_base: Path, tmp_path: Path) -> None:
    base = damaged(untied_base, tmp_path / "base")
    tensors = load_file(base / "model.safetensors")
    save_file(tensors | {HEAD: tensors[HEAD].astype(np.float16)}, base / "model.safetensors", metadata={"format": "pt"})
    result = verify(extend(base, tmp_path / "out"), base, ENGLISH)
    assert failing(result) == set(), result.to_report().to_text()


def test_a_matrix_that_was_drawn_is_left_out_of_the_comparison(untied: Path, tmp_path: Path) -> None:
    drawn = in_json(FILE_NAME, lambda data: (data["rows"].update(input="drawn"), data.update(convex=False)))
    result = verify(damaged(untied, tmp_path / "out", drawn), lines=ENGLISH)
    assert failing(result) == set(), result.to_report().to_text()
    assert evidence(result)["rows equal the stored weights applied"] == (
        "the same are model.embed_tokens.weight: drawn; lm_head.weight: 40 of 40"
    )

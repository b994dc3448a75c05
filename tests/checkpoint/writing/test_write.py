from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checkpoint.models import (
    DIMENSIONS,
    HEAD,
    INPUT,
    LLAMA,
    PLAN,
    ROWS,
    Arrays,
    Exploding,
    checksums,
    expected_rows,
    llama_tensors,
    load_model,
    mean_row,
    random_alignment,
    save_model,
    save_sharded,
    save_two_shards,
)
from vocabx.checkpoint import bytes_to_write, open_checkpoint, staged_directory, write_checkpoint
from vocabx.checkpoint.safetensors_file import read_header
from vocabx.checkpoint.writing import resize as resize_module
from vocabx.core.alignment import Alignment
from vocabx.core.errors import CheckpointError, InputError
from vocabx.core.initialization import Initialization
from vocabx.core.plan import NEW, Plan

RULES = [random_alignment(seed=seed) for seed in range(3)]
INITIALIZATION = Initialization(*RULES)


def resize(source: Path, target: Path, plan: Plan = PLAN, initialization: Initialization = INITIALIZATION) -> Path:
    with staged_directory(target, protect=[source]) as out:
        write_checkpoint(open_checkpoint(source), plan, initialization, out, padding=mean_row(plan.tokens_before))
    return target


def assert_same(got: Arrays, expected: Arrays) -> None:
    assert got.keys() == expected.keys()
    for name, array in expected.items():
        assert got[name].dtype == array.dtype, name
        assert got[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_each_matrix_grows_by_its_own_rule_and_the_rest_stays(tmp_path: Path, dtype: Any) -> None:
    tensors = llama_tensors(dtype)
    source = save_model(tmp_path / "source", tensors)
    before = checksums(source)
    target = resize(source, tmp_path / "target")
    grown = {INPUT: expected_rows(tensors[INPUT], RULES[0]), HEAD: expected_rows(tensors[HEAD], RULES[1])}
    assert_same(load_model(target), tensors | grown)
    assert checksums(source) == before
    assert sorted(file.name for file in target.iterdir()) == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
    ]


def test_a_bias_grows_from_its_own_entries(tmp_path: Path) -> None:
    tensors = llama_tensors() | {"lm_head.bias": np.linspace(-1, 1, 100, dtype=np.float32)}
    source = save_model(tmp_path / "source", tensors, LLAMA | {"model_type": "phi"})
    got = load_model(resize(source, tmp_path / "target"))
    assert got["lm_head.bias"].shape == (112,)
    assert np.array_equal(got["lm_head.bias"], expected_rows(tensors["lm_head.bias"], RULES[2]))


def test_a_tied_head_that_is_stored_stays_equal_to_the_input(tmp_path: Path) -> None:
    tensors = llama_tensors()
    tensors[HEAD] = tensors[INPUT].copy()
    source = save_model(tmp_path / "source", tensors, LLAMA | {"tie_word_embeddings": True})
    got = load_model(resize(source, tmp_path / "target"))
    assert np.array_equal(got[HEAD], got[INPUT])
    assert np.array_equal(got[INPUT], expected_rows(tensors[INPUT], RULES[0]))


def test_a_tied_head_in_another_file_takes_the_inputs_rows(tmp_path: Path) -> None:
    tensors = llama_tensors()
    shards = {"a.safetensors": {INPUT: tensors[INPUT]}, "b.safetensors": {HEAD: tensors[INPUT]}}
    source = save_sharded(tmp_path / "source", shards, LLAMA | {"tie_word_embeddings": True})
    target = resize(source, tmp_path / "target")
    assert np.array_equal(load_model(target)[HEAD], expected_rows(tensors[INPUT], RULES[0]))
    index = json.loads((target / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_parameters"] == (2 * 100 + 12) * DIMENSIONS
    assert index["metadata"]["total_size"] == 2 * 112 * DIMENSIONS * 4


def test_untouched_shards_are_copied_whole_and_the_index_follows(tmp_path: Path) -> None:
    source = save_two_shards(tmp_path / "source")
    target = resize(source, tmp_path / "target")
    before, after = checksums(source), checksums(target)
    assert after["model-1.safetensors"] == before["model-1.safetensors"]
    tensors = load_model(target)
    old, new = (json.loads((d / "model.safetensors.index.json").read_text()) for d in (source, target))
    assert new["weight_map"] == old["weight_map"]
    assert new["metadata"]["total_size"] == sum(array.nbytes for array in tensors.values())
    assert new["metadata"]["total_parameters"] == sum(array.size for array in tensors.values())


def test_an_index_without_sizes_stays_without(tmp_path: Path) -> None:
    source = save_two_shards(tmp_path / "source")
    path = source / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": json.loads(path.read_text())["weight_map"]}))
    target = resize(source, tmp_path / "target")
    assert (target / path.name).read_bytes() == path.read_bytes()


def test_order_and_metadata_of_the_header_stay(tmp_path: Path) -> None:
    source = save_model(tmp_path / "source", llama_tensors())
    target = resize(source, tmp_path / "target")
    before, after = (read_header(directory / "model.safetensors") for directory in (source, target))
    assert after.metadata == before.metadata
    assert list(after.entries) == list(before.entries)
    assert (int.from_bytes((target / "model.safetensors").read_bytes()[:8], "little") + 8) % 8 == 0


def test_links_become_files(tmp_path: Path) -> None:
    blobs = save_model(tmp_path / "blobs", llama_tensors())
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for file in blobs.iterdir():
        (snapshot / file.name).symlink_to(file)
    target = resize(snapshot, tmp_path / "target")
    assert not any(file.is_symlink() for file in target.iterdir())
    assert_same(load_model(target), load_model(resize(blobs, tmp_path / "other")))


def test_only_vocab_size_changes_in_the_configuration(tmp_path: Path) -> None:
    source = save_model(tmp_path / "source", llama_tensors(), LLAMA | {"zeta": 1e-5, "alpha": [1, {"b": None}]})
    target = resize(source, tmp_path / "target")
    text = (source / "config.json").read_text()
    assert (target / "config.json").read_text() == text.replace('"vocab_size": 100', '"vocab_size": 112')


def test_generation_settings_that_do_not_change_keep_their_bytes(tmp_path: Path) -> None:
    source = save_model(tmp_path / "source", llama_tensors())
    (source / "generation_config.json").write_text('{"top_p":0.9}')
    target = resize(source, tmp_path / "target", replace(PLAN, rows_after=107))
    assert (target / "generation_config.json").read_text() == '{"top_p":0.9}'


def test_no_generation_settings_are_invented_without_padding(tmp_path: Path) -> None:
    source = save_model(tmp_path / "source", llama_tensors())
    target = resize(source, tmp_path / "target", replace(PLAN, rows_after=107))
    assert not (target / "generation_config.json").exists()


def test_a_vocabulary_can_become_smaller(tmp_path: Path) -> None:
    plan = Plan.appending(20, 10, 100, 32, {})
    rule = random_alignment(10, 20)
    tensors = llama_tensors()
    source = save_model(tmp_path / "source", tensors)
    got = load_model(resize(source, tmp_path / "target", plan, Initialization.shared(rule)))
    assert np.array_equal(got[HEAD], expected_rows(tensors[HEAD], rule, plan))


def test_nothing_new_is_a_copy(tmp_path: Path) -> None:
    source = save_model(tmp_path / "source", llama_tensors())
    plan = Plan.appending(100, 0, 100, 100, {})
    with staged_directory(tmp_path / "target") as out:
        write_checkpoint(open_checkpoint(source), plan, Initialization.shared(Exploding()), out)
    assert_same(load_model(tmp_path / "target"), load_model(source))


def test_progress_adds_up(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(save_two_shards(tmp_path / "source"))
    counts: list[int] = []
    with staged_directory(tmp_path / "target") as out:
        write_checkpoint(checkpoint, PLAN, INITIALIZATION, out, padding=mean_row(), progress=counts.append)
    tensors = load_model(tmp_path / "target").values()
    assert sum(counts) == bytes_to_write(checkpoint, PLAN) == sum(array.nbytes for array in tensors)


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    source = save_two_shards(tmp_path / "source")
    assert checksums(resize(source, tmp_path / "a")) == checksums(resize(source, tmp_path / "b"))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans that keep runs of every length, scattered rows, or both, and mix new ones in."""
    before = draw(st.integers(1, ROWS))
    sizes = st.integers(1, 60)
    piece = st.one_of(
        st.builds(lambda count: [NEW] * count, st.integers(0, 40)),
        st.builds(lambda start, size: [*range(start, min(start + size, before))], st.integers(0, before - 1), sizes),
        st.lists(st.integers(NEW, before - 1), max_size=20),
    )
    origins = [0, *(origin for part in draw(st.lists(piece, max_size=6)) for origin in part)]
    return Plan(np.array(origins), before, ROWS, len(origins) + draw(st.integers(0, 9)), {})


@pytest.mark.parametrize("long_run", [1, 8, resize_module.LONG_RUN])
@pytest.mark.parametrize("block", [1, 7, resize_module.ROWS_AT_ONCE])
@settings(max_examples=30)
@given(plan=plans(), seed=st.integers(0, 9), tied=st.booleans())
def test_any_plan_gives_what_the_arrays_give(
    tmp_path_factory: pytest.TempPathFactory, plan: Plan, seed: int, tied: bool, long_run: int, block: int
) -> None:
    directory = tmp_path_factory.mktemp("plan")
    rule = random_alignment(plan.new, plan.tokens_before, seed)
    tensors = llama_tensors(np.float16)
    if tied:
        del tensors[HEAD]
    source = save_model(directory / "source", tensors, LLAMA | {"tie_word_embeddings": tied})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resize_module, "LONG_RUN", long_run)
        patch.setattr(resize_module, "ROWS_AT_ONCE", block)
        got = load_model(resize(source, directory / "target", plan, Initialization.shared(rule)))
    grown = {name: expected_rows(tensors[name], rule, plan) for name in (INPUT, HEAD) if name in tensors}
    assert_same(got, tensors | grown)


def test_progress_adds_up_where_rows_are_scattered(tmp_path: Path) -> None:
    plan = Plan(np.array([5, NEW, 3, NEW, 7, 8, 9]), 97, ROWS, 16, {})
    checkpoint = open_checkpoint(save_two_shards(tmp_path / "source"))
    counts: list[int] = []
    with staged_directory(tmp_path / "target") as out:
        rules = Initialization.shared(random_alignment(2))
        write_checkpoint(checkpoint, plan, rules, out, padding=mean_row(), progress=counts.append)
    assert sum(counts) == bytes_to_write(checkpoint, plan)


def test_kept_rows_keep_every_bit_whatever_they_mean(tmp_path: Path) -> None:
    tensors = llama_tensors()
    tensors[INPUT].view(np.uint32)[:4, 0] = [0x7F800001, 0xFFC12345, 0x80000000, 0x00000001]
    source = save_model(tmp_path / "source", {INPUT: tensors[INPUT]}, TIED)
    plan = Plan(np.array([3, 2, 1, 0]), 97, ROWS, 4, {})
    got = load_model(resize(source, tmp_path / "target", plan, Initialization.shared(random_alignment(0))))
    assert got[INPUT].tobytes() == tensors[INPUT][[3, 2, 1, 0]].tobytes()


def test_rows_that_overflow_the_stored_type_are_refused(tmp_path: Path) -> None:
    source = save_model(tmp_path / "source", llama_tensors(np.float16))
    rules = Initialization(RULES[0], Exploding(), RULES[2])
    with pytest.raises(CheckpointError, match=rf"A new row of {HEAD} is not finite when stored as F16 .*1e\+06"):
        resize(source, tmp_path / "target", initialization=rules)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (replace(PLAN, rows_before=99), "The plan is for 99 rows, and .* has 100"),
        (replace(PLAN, origins=np.full(3, NEW)), "The plan keeps none of the 100 rows of"),
    ],
)
def test_a_plan_for_another_model_is_refused(tmp_path: Path, plan: Plan, message: str) -> None:
    source = save_model(tmp_path / "source", llama_tensors())
    with pytest.raises(InputError, match=message):
        resize(source, tmp_path / "target", plan)


def test_padding_without_a_rule_is_refused(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(save_model(tmp_path, llama_tensors()))
    with pytest.raises(InputError, match="has 5 padding rows, and no rule for them"):
        write_checkpoint(checkpoint, PLAN, INITIALIZATION, tmp_path)


@pytest.mark.parametrize(
    ("rule", "padding", "message"),
    [
        (random_alignment(9), mean_row(), f"{INPUT}: the method made 9 new rows, and the plan needs 10"),
        (random_alignment(), random_alignment(2), f"{INPUT}: padding needs a rule of one row, not 2"),
    ],
)
def test_rules_that_make_the_wrong_number_of_rows_are_refused(
    tmp_path: Path, rule: Alignment, padding: Alignment, message: str
) -> None:
    checkpoint = open_checkpoint(save_model(tmp_path / "source", {INPUT: llama_tensors()[INPUT]}, TIED))
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=message):
        write_checkpoint(checkpoint, PLAN, Initialization.shared(rule), tmp_path / "out", padding=padding)


def test_rows_of_the_wrong_length_are_refused(tmp_path: Path) -> None:
    class Narrow:
        def blocks(self, matrix: Any) -> Any:
            yield np.zeros((10, 3), np.float32)

    checkpoint = open_checkpoint(save_model(tmp_path / "source", {INPUT: llama_tensors()[INPUT]}, TIED))
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=rf"{INPUT}: expected new rows of shape \(B, 32\), got \(10, 3\)"):
        write_checkpoint(checkpoint, PLAN, Initialization.shared(Narrow()), tmp_path / "out", padding=mean_row())


TIED = LLAMA | {"tie_word_embeddings": True}


def test_the_configuration_is_written_last(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(save_two_shards(tmp_path / "source"))
    out = tmp_path / "out"
    out.mkdir()

    def look(count: int) -> None:
        assert not (out / "config.json").exists()

    write_checkpoint(checkpoint, PLAN, INITIALIZATION, out, padding=mean_row(), progress=look)
    newest = max(out.iterdir(), key=lambda file: file.stat().st_mtime_ns)
    assert newest.name == "config.json"

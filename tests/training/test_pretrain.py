"""A small model is trained on: what changes, what does not, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.checkpoint.models import checksums
from tests.extension.bases import HEAD, INPUT, NORM
from tests.training.small import NEW_ROWS, ROWS, SETTINGS, STEP, TWO_STAGES, save_extended, train
from vocabx import verify
from vocabx.checkpoint.read import open_checkpoint
from vocabx.checkpoint.safetensors_file import read_header
from vocabx.core.errors import CheckpointError, CorpusError, OutputError, TrainingError, VocabxError
from vocabx.manifest import Manifest
from vocabx.training.recipes.recipe import Recipe, Stage
from vocabx.training.run_state import state_folder

pytestmark = pytest.mark.torch
ALL = Recipe("all", "everything", "a test", (Stage("all", ("everything",), 1.0, 1e-3, "constant", 0.0, 0.1),))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pretraining")
    save_extended(place, padding=8, dtype=ml_dtypes.bfloat16)
    return place


def numbers(directory: Path) -> dict[str, Any]:
    checkpoint = open_checkpoint(directory)
    return {name: np.array(checkpoint.matrix(name)) for name in checkpoint.tensors}


def test_only_new_rows_change_and_no_byte_elsewhere(root: Path) -> None:
    done = train(root, "rows", NEW_ROWS)
    before, after, plan = numbers(root / "ko"), numbers(root / "rows"), Manifest.load(root / "ko").plan
    kept = np.setdiff1d(np.arange(plan.rows_after), plan.new_ids)
    assert set(done.changed) == {INPUT, HEAD}
    for name, matrix in before.items():
        rows = kept if name in (INPUT, HEAD) else slice(None)
        assert after[name].dtype == matrix.dtype
        assert after[name][rows].tobytes() == matrix[rows].tobytes()
    for name in (INPUT, HEAD):
        assert (after[name][plan.new_ids] != before[name][plan.new_ids]).any(axis=1).mean() > 0.5
    headers = [read_header(root / place / "model.safetensors") for place in ("ko", "rows")]
    assert headers[0].entries == headers[1].entries
    same = {"config.json", "tokenizer.json", "tokenizer_config.json", "vocabx-rows.npz"}
    sums = [checksums(root / place) for place in ("ko", "rows")]
    assert all(sums[0][name] == sums[1][name] for name in same)
    for after_training in (True, False):
        assert verify(root / "rows", root / "base", after_training=after_training).passed
    assert not state_folder(root / "rows").exists()


def test_the_losses_are_those_of_a_plain_loop(root: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from vocabx.core.corpus import Corpus
    from vocabx.training.sequences.packing import pack
    from vocabx.training.sequences.token_store import store_tokens

    done = train(root, "loop", ALL, accumulate=2, tokens=10 * STEP)
    tokenizer = AutoTokenizer.from_pretrained(root / "ko")
    store = store_tokens(Corpus.open([root / "corpus.txt"]), tokenizer, root / "store")
    sequences = pack(store, 16, 5 * 4, 0)
    model = AutoModelForCausalLM.from_pretrained(root / "ko", dtype=torch.float32)
    groups = [
        {"params": [p for name, p in model.named_parameters() if ("norm" in name) == bare], "weight_decay": decay}
        for bare, decay in ((False, 0.1), (True, 0.0))
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3)
    losses = []
    for start in range(0, 20, 4):
        rows = [sequences[start + place] for place in range(4)]
        batch = {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}
        labels = batch.pop("labels")
        logits = model(**batch, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert [point.loss for point in done.points] == pytest.approx(losses, rel=1e-4)


def test_the_curve_ends_with_what_the_output_costs(root: Path) -> None:
    from vocabx.eval.bits_per_byte import bits_per_byte

    lines = (root / "corpus.txt").read_text().splitlines()[:12]
    (root / "held.txt").write_text("\n".join(lines) + "\n")
    held = [f"ko={root / 'held.txt'}", f"en={root / 'sample.txt'}"]
    whole = save_extended(root / "whole")
    done = train(whole.parent, held_out=held, held_out_limit=12)
    first, last = (done.points[place].bits_per_byte for place in (0, -1))
    assert (done.points[0].tokens, done.points[-1].tokens) == (0, 8 * STEP)
    assert first["ko"] == pytest.approx(bits_per_byte(whole, lines).value, rel=1e-5)
    assert last["ko"] == pytest.approx(bits_per_byte(whole.parent / "out", lines).value, rel=1e-5)
    assert last["ko"] < first["ko"]
    assert [point.tokens for point in done.points[1:]] == [STEP * step for step in range(1, 9)]
    assert [point.stage for point in done.points[1:]] == [1] * 4 + [2] * 4
    assert [point.step for point in done.points[1:]] == [1, 2, 3, 4] * 2
    assert [point.run_step for point in done.points] == list(range(9))
    lines_of_file = (whole.parent / "out" / "vocabx-training.jsonl").read_text().splitlines()
    assert len(lines_of_file) == len(done.points)
    record = Manifest.load(whole.parent / "out").training[0]
    assert record["curve"]["bits_per_byte_after"] == last
    assert record["bytes"] == done.points[-1].bytes
    card = (whole.parent / "out" / "README.md").read_text()
    assert "## Training" in card
    assert f"| corpus | `corpus.txt`, read {record['epochs']:.2f} times |" in card
    assert f"| text that was read | {record['bytes'] / 1e3:,.1f} kB |" in card
    assert f"| held-out text | `ko`: 12 documents, `en`: {record['held_out']['en']} documents |" in card
    assert "old rows too" in card


def test_stages_are_written_beside_the_output_where_they_are_asked_for(root: Path) -> None:
    train(root, "kept", keep_stages=True)
    first, last = numbers(root / "kept-stage-1"), numbers(root / "kept")
    assert first[NORM].tobytes() == numbers(root / "ko")[NORM].tobytes()
    assert last[NORM].tobytes() != first[NORM].tobytes()
    assert [stage["name"] for stage in Manifest.load(root / "kept-stage-1").training[0]["stages"]] == ["rows"]
    assert verify(root / "kept-stage-1", root / "base").passed


def test_a_model_after_a_stage_of_another_run_is_replaced_only_by_force_and_never_with_the_text(root: Path) -> None:
    shutil.copytree(root / "ko", root / "other-stage-1")
    shutil.copyfile(root / "corpus.txt", root / "other-stage-1" / "corpus.txt")
    before = checksums(root / "other-stage-1")
    with pytest.raises(OutputError, match=r"other-stage-1 exists already.*--force"):
        train(root, "other", keep_stages=True)
    with pytest.raises(OutputError, match=r"other-stage-1"):
        train(root, "other", keep_stages=True, force=True, corpus=root / "other-stage-1" / "corpus.txt")
    assert checksums(root / "other-stage-1") == before
    train(root, "other", keep_stages=True, force=True)
    assert checksums(root / "other-stage-1") != before


def test_a_stage_that_could_not_be_written_is_said_before_anything_is_trained(root: Path) -> None:
    (root / "taken-stage-1").mkdir()
    (root / "taken-stage-1" / "thesis.tex").write_text("")
    with pytest.raises(OutputError, match=r"taken-stage-1 was not written by vocabx"):
        train(root, "taken", keep_stages=True, force=True)
    assert not state_folder(root / "taken").exists()


def test_a_model_without_a_manifest_is_trained_too_and_trained_on_again(root: Path) -> None:
    train(root, "plain", ALL, model=root / "base")
    train(root, "again", ALL, model=root / "plain", replay=root / "sample.txt", replay_share=0.5)
    runs = json.loads((root / "again" / "vocabx-training.json").read_text())
    assert [run["recipe"]["name"] for run in runs] == ["all", "all"]
    assert runs[1]["replay_bytes"] > 0
    assert "trained on" in (root / "again" / "README.md").read_text()
    train(root, "again", ALL, model=root / "plain", force=True)


def test_a_loss_that_is_not_finite_stops_the_training_and_the_last_state_is_kept(root: Path) -> None:
    stages = (Stage("rows", ROWS, 0.5, 1e-3), Stage("far", ("everything",), 0.5, 1e30, warmup=0.0))
    wild = Recipe("wild", "", "a test", stages)
    with pytest.raises(
        TrainingError, match=r"At step \d of stage 2 \(far\) .* training stopped; try .*\. The .* kept in"
    ):
        train(root, "wild", wild)
    assert not (root / "wild").exists()
    assert list(state_folder(root / "wild").glob("after-stage-1.safetensors"))


def test_a_last_step_that_makes_weights_infinite_stops_the_training_too(root: Path) -> None:
    far = Recipe("far", "", "a test", (Stage("far", ("everything",), 1.0, 1e39, "constant", 0.0),))
    with pytest.raises(TrainingError, match=r"At step 1 of stage 1 \(far\) .* became infinite or NaN.* No state was"):
        train(root, "far", far, tokens=STEP)
    assert not list(state_folder(root / "far").glob("after-stage-*"))


def test_a_gradient_that_is_not_finite_stops_the_training_where_none_is_cut(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import accelerate
    import torch

    def ruin(self: Any, loss: Any, **options: Any) -> None:
        loss.backward(torch.full_like(loss, float("inf")))

    monkeypatch.setattr(accelerate.Accelerator, "backward", ruin)
    with pytest.raises(TrainingError, match=r"At step 1 of stage 1 .* the norm of the gradient is"):
        train(root, "ruined", ALL, largest_gradient=0.0)


def test_a_gpu_that_is_too_small_is_a_sentence(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import accelerate
    import torch

    def fill(self: Any, loss: Any, **options: Any) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(accelerate.Accelerator, "backward", fill)
    with pytest.raises(TrainingError, match=r"too little memory for stage 1 \(all\): .* No state was saved"):
        train(root, "small", ALL)


@pytest.mark.parametrize("when", ["in a stage", "after one"])
def test_a_full_disk_is_a_sentence_and_the_last_state_is_kept(
    root: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    import safetensors.torch

    plain, full = safetensors.torch.save_file, {"in a stage": 2, "after one": 3}[when]
    calls: list[Path] = []

    def write(tensors: Any, file: Path, *more: Any) -> None:
        calls.append(file)
        if len(calls) == full:
            raise safetensors.SafetensorError("I/O error: No space left on device (os error 28)")
        plain(tensors, file, *more)

    monkeypatch.setattr(safetensors.torch, "save_file", write)
    with pytest.raises(VocabxError, match="No space left on device"):
        train(root, f"full {when}", NEW_ROWS, tokens=6 * STEP)
    kept = list(state_folder(root / f"full {when}").glob("stage-1/checkpoint-*"))
    assert {path.name for path in kept} == {"checkpoint-2", *["checkpoint-4"] * (when == "after one")}
    said: list[str] = []
    train(root, f"full {when}", NEW_ROWS, tokens=6 * STEP, say=said.append)
    assert any("going on with stage 1" in message for message in said)


def test_a_tokenizer_with_more_tokens_than_the_model_has_rows_is_refused(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "base", tmp_path / "base")
    for file in (root / "ko").glob("tokenizer*"):
        shutil.copyfile(file, tmp_path / "base" / file.name)
    with pytest.raises(TrainingError, match=r"makes the id \d+ of the text, and the model has \d+ rows"):
        train(root, "unfit", ALL, model=tmp_path / "base")


def test_sequences_that_are_longer_than_the_context_are_said(root: Path) -> None:
    said: list[str] = []
    context = json.loads((root / "ko" / "config.json").read_text())["max_position_embeddings"]
    done = train(root, "long", ALL, length=10**6, tokens=1, say=said.append)
    assert done.record["length"] == context
    assert any(f"1,000,000 tokens were asked for, and the model reads {context:,}" in message for message in said)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"recipe": "redwhale"}, VocabxError, "odd-layers, but this LlamaForCausalLM has 1 layer"),
        ({"recipe": NEW_ROWS, "model": "base"}, TrainingError, "has no vocabx.json"),
        ({"recipe": "nothing"}, VocabxError, "no recipe called 'nothing'"),
        (
            {"objective": "masked"},
            CheckpointError,
            r"^ko is a causal model \(LlamaForCausalLM\); leave out --objective masked \(objective=\)\.$",
        ),
        ({"replay_share": 0.5}, VocabxError, r"--replay-share \(replay_share=\) does nothing without --replay"),
        ({"recipe": ALL, "keep_stages": True}, VocabxError, "--keep-stages .* does nothing with a recipe of one stage"),
        ({"corpus": "empty.txt"}, CorpusError, "is empty"),
        ({"corpus": "tiny.txt"}, CorpusError, "fewer than one sequence"),
        ({"corpus": "absent.txt"}, CorpusError, "no corpus file"),
        ({"tokens": 10}, TrainingError, "fewer than the 2 stages"),
        ({"unit": "page"}, VocabxError, "no kind of document"),
        ({"languages": ["Korean"]}, VocabxError, "code of two or three letters"),
        ({"out": "base"}, OutputError, "exists already"),
        ({"out": "base", "force": True}, OutputError, "not written by vocabx"),
        ({"out": "ko", "force": True}, OutputError, "overlaps .*ko, which is read"),
        ({"out": "ko/trained"}, OutputError, "overlaps .*ko, which is read"),
        ({"held_out": ["absent.txt"]}, CorpusError, "no corpus file"),
        ({"held_out": ["=tiny.txt"]}, VocabxError, "label in '=tiny.txt' is empty"),
        ({"cache": "bad/cache"}, OutputError, "token cache .*bad/cache lies in .*bad"),
        ({"cache": "ko/cache"}, OutputError, "token cache .*ko/cache lies in .*ko"),
        ({"cache": "tiny.txt"}, OutputError, "A part of the path is a file"),
        ({"corpus": "memory.txt"}, CorpusError, "cannot be read"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence_and_nothing_is_left(
    root: Path, options: dict[str, Any], kind: type[Exception], message: str, tmp_path: Path
) -> None:
    (root / "empty.txt").write_text("\n \n")
    (root / "tiny.txt").write_text("a\n")
    if not (root / "memory.txt").is_symlink():
        (root / "memory.txt").symlink_to("/proc/self/mem")
    options = {name: root / value if name in ("model", "corpus", "cache") else value for name, value in options.items()}
    before = sorted(root.rglob("*"))
    with pytest.raises(kind, match=message):
        train(root, **{"out": "bad", **options})
    assert sorted(root.rglob("*")) == before


def test_a_token_cache_of_another_tokenizer_is_refused(root: Path) -> None:
    train(root, "cached", NEW_ROWS, cache=root / "cache")
    with pytest.raises(VocabxError, match="another tokenizer"):
        train(root, "uncached", ALL, model=root / "base", cache=root / "cache")
    assert not state_folder(root / "uncached").exists()


def test_batches_that_are_put_together_weigh_as_one(root: Path) -> None:
    one, two = (train(root, f"batch {size}", ALL, batch_size=size, accumulate=4 // size) for size in (4, 2))
    assert [point.loss for point in one.points] == pytest.approx([point.loss for point in two.points], rel=1e-5)
    assert TWO_STAGES.stages[0].trains == ROWS
    assert SETTINGS["length"] == 16

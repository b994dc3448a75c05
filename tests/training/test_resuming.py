"""A run that is cut off anywhere and begun again by the same call ends as one that was not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoint.models import checksums
from tests.training.small import NEW_ROWS, SETTINGS, TWO_STAGES, save_extended, stop_at, train
from vocabx.core.errors import TrainingError, VocabxError
from vocabx.training.pretrain import Pretraining
from vocabx.training.recipes.recipe import Adapters, Recipe, Stage
from vocabx.training.run_state import state_folder

pytestmark = pytest.mark.torch
WEIGHTS = "model.safetensors"
ADAPTERS = Recipe(
    "adapters, then the token after the next",
    "",
    "a test",
    (
        Stage("adapters", ("adapters",), 0.5, 1e-2, adapters=Adapters(rank=2, dropout=0.5)),
        Stage("ends", ("input", "head"), 0.5, 1e-2),
    ),
    predicts_next_but_one=True,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("resuming")
    save_extended(place)
    return place


def curve(done: Pretraining) -> list[Any]:
    return [replace(point, seconds=0.0) for point in done.points]


@pytest.mark.parametrize("recipe", [TWO_STAGES, ADAPTERS], ids=["rows and all", "adapters and a second head"])
def test_a_run_that_is_interrupted_again_and_again_gives_the_same_curve_and_the_same_bytes(
    recipe: Recipe, root: Path
) -> None:
    options: dict[str, Any] = {"recipe": recipe, "held_out": [f"en={root / 'sample.txt'}"], "held_out_limit": 2}
    whole = train(root, f"whole {recipe.name}", **options)
    out = f"cut {recipe.name}"
    for pattern in ("step 3 of 8", "step 4 of 8", "stage 2 of 2", "step 7 of 8", "writing"):
        with pytest.raises(KeyboardInterrupt):
            train(root, out, say=stop_at(pattern), **options)
    said: list[str] = []
    done = train(root, out, say=said.append, **options)
    assert any("going on after stage 2 of 2" in message for message in said)
    assert curve(done) == curve(whole)
    assert checksums(root / out)[WEIGHTS] == checksums(root / f"whole {recipe.name}")[WEIGHTS]
    assert not state_folder(root / out).exists()
    assert not [thread for thread in threading.enumerate() if "Writer" in type(thread).__name__]


def test_the_text_is_not_tokenized_again(root: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(root, "tokens", NEW_ROWS, say=stop_at("step 5 of 8"))
    said: list[str] = []
    train(root, "tokens", NEW_ROWS, say=said.append)
    assert any("after step 4 of 8" in message for message in said)
    assert not any("tokenizing" in message for message in said)


def test_another_recipe_is_refused_and_force_begins_anew(root: Path) -> None:
    held_out = [f"en={root / 'sample.txt'}"]
    with pytest.raises(KeyboardInterrupt):
        train(root, "changed", NEW_ROWS, held_out=held_out, held_out_limit=2, say=stop_at("step 5 of 8"))
    state = state_folder(root / "changed")
    before = checksums(state)
    other = replace(NEW_ROWS, stages=(replace(NEW_ROWS.stages[0], learning_rate=0.5),))
    with pytest.raises(TrainingError, match=r"stage 1: learning_rate was 0\.01 and is 0\.5\. .*--force"):
        train(root, "changed", other, held_out=held_out, held_out_limit=2)
    with pytest.raises(TrainingError, match=r"otherwise: --seed was 0 and is 1\. Give"):
        train(root, "changed", NEW_ROWS, seed=1, held_out=held_out, held_out_limit=2)
    (root / "other.txt").write_text((root / "sample.txt").read_text())
    with pytest.raises(TrainingError, match="corpus"):
        train(root, "changed", NEW_ROWS, corpus=root / "other.txt")
    assert checksums(state) == before
    said: list[str] = []
    done = train(root, "changed", other, force=True, say=said.append)
    assert done.points[0].step == 1
    assert not any("going on" in message for message in said)


def test_other_files_of_the_same_names_another_order_and_another_field_are_refused(root: Path) -> None:
    for folder, line in (("x", "one text."), ("y", "another text."), ("z", "a third text.")):
        (root / folder).mkdir()
        (root / folder / "text.jsonl").write_text(f'{{"text": "{line}", "body": "{line}"}}\n' * 40)
    corpus = [root / folder / "text.jsonl" for folder in "xy"]
    with pytest.raises(KeyboardInterrupt):
        train(root, "files", NEW_ROWS, corpus=corpus, say=stop_at("step 5 of 8"))
    for other in (corpus[::-1], [root / "z" / "text.jsonl", corpus[1]]):
        with pytest.raises(TrainingError, match=r"the text of --corpus has changed\."):
            train(root, "files", NEW_ROWS, corpus=other)
    with pytest.raises(TrainingError, match="--text-field was text and is body"):
        train(root, "files", NEW_ROWS, corpus=corpus, text_field="body")


def test_a_corpus_that_has_changed_in_its_middle_is_refused(root: Path) -> None:
    lines = [f"{number} {text}" for number, text in enumerate([(root / "corpus.txt").read_text()[:80]] * 40_000)]
    corpus = root / "large.txt"
    corpus.write_text("\n".join(lines))
    with pytest.raises(KeyboardInterrupt):
        train(root, "middle", NEW_ROWS, corpus=corpus, say=stop_at("step 5 of 8"))
    lines[20_000:20_010] = lines[20_009:19_999:-1]
    corpus.write_text("\n".join(lines))
    with pytest.raises(TrainingError, match=r"the text of --corpus has changed"):
        train(root, "middle", NEW_ROWS, corpus=corpus)


def test_what_force_gives_up_is_said(root: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(root, "slip", NEW_ROWS, say=stop_at("step 5 of 8"))
    said: list[str] = []
    train(root, "slip", NEW_ROWS, seed=1, force=True, say=said.append)
    assert "giving up the run that was begun otherwise: --seed was 0 and is 1" in said


@pytest.mark.parametrize("file", ["trained.safetensors", "optimizer.pt", "trainer_state.json", "rng_state.pth"])
def test_a_saved_state_that_is_damaged_is_a_sentence_and_an_older_one_will_do(root: Path, file: str) -> None:
    whole = train(root, f"unharmed {file}", NEW_ROWS)
    out = f"damaged {file}"
    with pytest.raises(KeyboardInterrupt):
        train(root, out, NEW_ROWS, say=stop_at("step 7 of 8"))
    older, newer = sorted((state_folder(root / out) / "stage-1").glob("checkpoint-*"))
    (newer / file).write_bytes((newer / file).read_bytes()[:20])
    with pytest.raises(TrainingError, match=r"checkpoint-6 is damaged: .* Remove it, and the same command goes on"):
        train(root, out, NEW_ROWS)
    assert older.is_dir()
    shutil.rmtree(newer)
    train(root, out, NEW_ROWS)
    assert checksums(root / out)[WEIGHTS] == checksums(root / f"unharmed {file}")[WEIGHTS]
    assert len(whole.points) == 8


def test_weights_after_a_stage_that_are_damaged_are_a_sentence(root: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(root, "harmed", say=stop_at("step 7 of 8"))
    (weights,) = state_folder(root / "harmed").glob("after-stage-1.safetensors")
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(TrainingError, match=r"after-stage-1.safetensors is damaged: .* to begin anew"):
        train(root, "harmed")


def test_lines_of_the_curve_and_saved_states_may_be_as_far_apart_as_one_likes_when_a_run_goes_on(root: Path) -> None:
    whole = train(root, "each", NEW_ROWS)
    with pytest.raises(KeyboardInterrupt):
        train(root, "rarely", NEW_ROWS, say=stop_at("step 3 of 8"))
    done = train(root, "rarely", NEW_ROWS, log_every=3)
    assert [point.step for point in done.points] == [1, 2, 3, 6, 8]
    assert checksums(root / "rarely")[WEIGHTS] == checksums(root / "each")[WEIGHTS]
    assert done.points[-1].bytes == whole.points[-1].bytes
    losses = [point.loss for point in whole.points if point.loss is not None]
    assert done.points[3].loss == pytest.approx(sum(losses[3:6]) / 3)


def test_a_run_is_not_given_up_for_one_that_cannot_begin(root: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(root, "forced", NEW_ROWS, say=stop_at("step 5 of 8"))
    before = checksums(state_folder(root / "forced"))
    with pytest.raises(VocabxError, match="has 1 layer"):
        train(root, "forced", "redwhale", force=True)
    assert checksums(state_folder(root / "forced")) == before


def test_a_stage_whose_model_was_not_written_is_come_back_to(root: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(root, "stages", keep_stages=True, say=stop_at("writing"))
    assert not (root / "stages-stage-1").exists()
    train(root, "stages", keep_stages=True)
    assert (root / "stages-stage-1" / WEIGHTS).is_file()


@pytest.mark.slow
def test_a_run_that_is_killed_gives_the_same_curve(root: Path) -> None:
    whole = train(root, "unkilled", TWO_STAGES, tokens=60 * 32)
    script = (
        "from pathlib import Path\nimport sys\nfrom tests.training.small import TWO_STAGES, train\n"
        "train(Path(sys.argv[1]), 'killed', TWO_STAGES, tokens=60 * 32)\n"
    )
    folder = state_folder(root / "killed")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    for lines in (7, 35, 52):
        process = subprocess.Popen([sys.executable, "-c", script, str(root)], env=environment)
        try:
            while process.poll() is None and len(_lines(folder / "curve.jsonl")) < lines:
                time.sleep(0.01)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert process.returncode == -signal.SIGKILL
    done = train(root, "killed", TWO_STAGES, tokens=60 * 32)
    assert curve(done) == curve(whole)
    assert checksums(root / "killed")[WEIGHTS] == checksums(root / "unkilled")[WEIGHTS]
    assert SETTINGS["save_every"] == 64


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.is_file() else []

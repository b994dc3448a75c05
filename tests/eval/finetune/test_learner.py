"""Training: a tiny model learns a toy task, the same way each time, and leaves nothing behind."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.eval.finetune.toys import QUICK, toy_model, toy_pairs, toy_sentences
from tests.eval.models import tiny_model, tiny_tokenizer, write_model
from vocabx.core.errors import CheckpointError, InputError, MissingExtraError
from vocabx.core.say import say_nothing
from vocabx.eval.finetune import inference
from vocabx.eval.finetune.conll import Sentences
from vocabx.eval.finetune.folds import assign_folds, premise_groups
from vocabx.eval.finetune.inference import encode_pairs, learn_inference
from vocabx.eval.finetune.learner import IGNORED, Learner, open_learner
from vocabx.eval.finetune.pairs import LABELS, Pairs
from vocabx.eval.finetune.recipe import Recipe
from vocabx.eval.finetune.tagging import encode_sentences, first_tokens, learn_tagging, tag_set

pytestmark = pytest.mark.torch
KIND = inference.KIND


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_model(tmp_path_factory.mktemp("models") / "toy")


def test_a_separable_task_is_learned_and_answered_in_another_set(model: Path) -> None:
    train, test = toy_pairs(12), toy_pairs(10, seed=1)
    answers = learn_inference(model, train, {"sw": test}, QUICK, [0], say_nothing)
    assert answers["sw"].shape == (1, 30)
    assert (answers["sw"][0] == test.labels).mean() > 0.9


def test_the_same_seed_gives_the_same_answers_and_another_seed_another_model(model: Path) -> None:
    recipe = replace(QUICK, steps=3, learning_rate=1e-3)
    train, tests = toy_pairs(8), {"en": toy_pairs(20, seed=1)}
    answers = learn_inference(model, train, tests, recipe, [5, 5, 6], say_nothing)["en"]
    np.testing.assert_array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])


def test_what_is_answered_was_not_trained_on_in_any_language(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    english = toy_pairs(9)
    swahili = Pairs([f"f {text}" for text in english.premises], english.hypotheses, english.labels)
    texts = {premise: f"f {premise}" for premise in english.premises}
    groups = premise_groups([english.premises, swahili.premises])
    folds = assign_folds(groups, 3, np.random.default_rng(0))
    seen = list[tuple[bool, set[str]]]()

    def spy(tokenizer: Any, pairs: Pairs, room: int) -> Any:
        seen.append((len(pairs) > 9, set(pairs.premises)))
        return encode_pairs(tokenizer, pairs, room)

    monkeypatch.setattr(inference, "encode_pairs", spy)
    tests = {"en": english, "sw": swahili}
    answers = learn_inference(model, english, tests, replace(QUICK, steps=1), [0], say_nothing, folds=folds)
    assert [is_training for is_training, _ in seen] == [True, False, False] * 3
    for begin in range(0, 9, 3):
        trained, *answered = (premises for _, premises in seen[begin : begin + 3])
        assert not trained & answered[0]
        assert not {texts[premise] for premise in trained} & answered[1]
    assert all((found >= 0).all() for found in answers.values())


def test_nothing_is_left_behind(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    learn_inference(model, toy_pairs(4), {"en": toy_pairs(2)}, replace(QUICK, steps=2), [0], say_nothing)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_steps_are_told(model: Path) -> None:
    said = list[str]()
    learn_inference(model, toy_pairs(4), {"en": toy_pairs(2)}, replace(QUICK, steps=2), [3], said.append)
    assert said == ["toy, seed 3\t1 of 2", "toy, seed 3\t2 of 2"]


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_embeddings_stay_as_they_are_and_others_do_not(model: Path, frozen: bool) -> None:
    import torch

    learner = open_learner(model, KIND, LABELS, 0)
    before = learner.model.get_input_embeddings().weight.detach().clone()
    examples = encode_pairs(learner.tokenizer, toy_pairs(4), 16)
    learner.fit(examples, replace(QUICK, steps=2, frozen_embeddings=frozen), 0, lambda done, total: None)
    assert torch.equal(before, learner.model.get_input_embeddings().weight) == frozen


def test_answers_do_not_depend_on_what_is_read_together(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vocabx.eval.finetune import learner as module

    learner = open_learner(model, KIND, LABELS, 1)
    examples = encode_pairs(learner.tokenizer, toy_pairs(20), 16)
    learner.model.eval()
    together = learner.answer(examples, QUICK)
    monkeypatch.setattr(module, "TOKENS_AT_ONCE", 1)
    np.testing.assert_array_equal(np.concatenate(together), np.concatenate(learner.answer(examples, QUICK)))


def test_examples_are_padded_behind_and_nothing_is_learned_from_padding(model: Path) -> None:
    learner = open_learner(model, KIND, LABELS, 0)
    rows = [{"input_ids": [2, 5, 3], "attention_mask": [1, 1, 1], "labels": [0, 1, 2]}]
    rows.append({"input_ids": [2, 3], "attention_mask": [1, 1], "labels": [0, 2]})
    batch = {name: rows.tolist() for name, rows in learner.collate(rows).items()}
    assert batch["input_ids"][1] == [2, 3, learner.tokenizer.pad_token_id]
    assert batch["attention_mask"][1] == [1, 1, 0]
    assert batch["labels"][1] == [0, 2, IGNORED]


def test_a_long_pair_is_cut_off_to_the_context(model: Path) -> None:
    learner = open_learner(model, KIND, LABELS, 0)
    room = learner.room(Recipe(max_length=10**6))
    long = Pairs(["a " * 500], ["b " * 400], np.array([0]))
    (example,) = encode_pairs(learner.tokenizer, long, room)
    assert len(example["input_ids"]) == room == learner.model.config.max_position_embeddings


def test_a_tagger_learns_at_first_tokens(model: Path) -> None:
    train, test = toy_sentences(30), toy_sentences(15, seed=1)
    found = learn_tagging(model, train, {"sw": test}, QUICK, [0], say_nothing)["sw"]
    right = [tag == real for ours, theirs in zip(found.tags[0], test.tags, strict=True)
             for tag, real in zip(ours, theirs, strict=True)]  # fmt: skip
    assert np.mean(right) > 0.9
    assert found.unseen == 0


def test_words_that_are_cut_off_are_o_and_counted(model: Path) -> None:
    long = Sentences([["ab", "cd"] * 20], [["B-PER", "I-PER"] * 20])
    found = learn_tagging(model, toy_sentences(4), {"sw": long}, replace(QUICK, steps=1), [0], say_nothing)["sw"]
    assert len(found.tags[0][0]) == 40
    assert found.unseen > 20
    assert set(found.tags[0][0][-found.unseen :]) == {"O"}


def test_labels_stand_at_the_first_token_of_each_word(model: Path) -> None:
    tokenizer = open_learner(model, KIND, LABELS, 0).tokenizer
    sentences = Sentences([["abcd", "e", "fa."]], [["B-PER", "O", "B-LOC"]])
    (example,), (places,) = encode_sentences(tokenizer, sentences, tag_set(sentences, {}), 16)
    pieces = tokenizer.convert_ids_to_tokens(example["input_ids"])
    assert [pieces[place] for place in places] == ["ab", "e", "f"]
    assert [pieces[place] for place, label in enumerate(example["labels"]) if label != IGNORED] == ["ab", "e", "f"]
    assert [example["labels"][place] for place in places] == [3, 0, 1]


@pytest.mark.parametrize(
    ("offsets", "places"),
    [
        ([(0, 0), (0, 1), (1, 2), (3, 5), (0, 0)], [1, 3]),
        ([(0, 2), (2, 5)], [0, 1]),  # the space belongs to the word behind it, as in byte-level tokenizers
        ([(0, 2), (2, 3), (3, 5)], [0, 2]),  # a token of the space alone
        ([(0, 5)], [0, -1]),  # one token of both words
        ([(0, 2)], [0, -1]),  # the rest is cut off
        ([(3, 5)], [-1, 0]),  # the first word has no token
        ([], [-1, -1]),
    ],
)
def test_the_first_token_of_a_word_is_found_by_its_characters(
    offsets: list[tuple[int, int]], places: list[int]
) -> None:
    assert first_tokens(["ab", "cd"], offsets).tolist() == places


def test_kinds_that_cannot_be_learned_are_refused() -> None:
    train = Sentences([["a"]], [["B-PER"]])
    assert tag_set(train, {}) == ["O", "B-PER", "I-PER"]
    with pytest.raises(InputError, match="'sw' has entities of the kind LOC"):
        tag_set(train, {"sw": Sentences([["a"]], [["B-LOC"]])})
    with pytest.raises(InputError, match="no entity"):
        tag_set(Sentences([["a"]], [["O"]]), {})


def test_a_decoder_with_a_padding_token_learns_too(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(pad_token="</s>")
    directory = write_model(tmp_path / "decoder", tiny_model(len(tokenizer)), tokenizer)
    recipe = replace(QUICK, steps=25, max_length=64)
    test = toy_pairs(6, seed=1)
    answers = learn_inference(directory, toy_pairs(12), {"en": test}, recipe, [0], say_nothing)["en"]
    assert (answers[0] == test.labels).mean() > 0.5


def test_a_model_without_a_padding_token_is_one_sentence(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    directory = write_model(tmp_path / "decoder", tiny_model(len(tokenizer)), tokenizer)
    with pytest.raises(InputError, match="no padding token"):
        open_learner(directory, KIND, LABELS, 0)


def test_a_model_that_lacks_weights_below_the_head_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    directory = toy_model(tmp_path / "toy")
    tensors = load_file(directory / "model.safetensors")
    del tensors["encoder.layer.0.output.dense.weight"]
    save_file(tensors, directory / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"not a whole model: bert\.encoder\.layer\.0"):
        open_learner(directory, KIND, LABELS, 0)


def test_a_directory_without_a_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no tokenizer that can be opened"):
        open_learner(tmp_path, KIND, LABELS, 0)


def test_a_kind_of_model_without_such_a_head_is_one_sentence(model: Path, tmp_path: Path) -> None:
    directory = tmp_path / "other"
    directory.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (directory / name).write_bytes((model / name).read_bytes())
    (directory / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(CheckpointError, match="cannot be opened with a head"):
        open_learner(directory, KIND, LABELS, 0)


def test_a_missing_extra_is_one_sentence(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "accelerate", None)
    with pytest.raises(MissingExtraError, match=r"vocabx\[train\]"):
        open_learner(model, KIND, LABELS, 0)


def test_a_device_that_is_not_there_is_one_sentence(model: Path) -> None:
    with pytest.raises(InputError, match="cpu or cuda, not on 'tpu'"):
        open_learner(model, KIND, LABELS, 0, device="tpu")


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"steps": 0}, {"learning_rate": 0}, {"batch_size": 0}, {"max_length": -1}, {"dtype": "int8"}],
)
def test_a_recipe_that_cannot_be_followed_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Recipe(**wrong)


def test_a_learner_reads_no_more_than_the_recipe_says(model: Path) -> None:
    learner: Learner = open_learner(model, KIND, LABELS, 0)
    assert learner.room(Recipe(max_length=9)) == 9

"""Models that these tasks cannot ask are refused, and the odd ones are asked all the same."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.eval.harness.samples import small_decoder, write_kobest, write_nli
from vocabx.core.errors import CheckpointError, InputError, MissingExtraError
from vocabx.eval.harness.kobest import kobest_task
from vocabx.eval.harness.nli import nli_task
from vocabx.eval.harness.reader import open_reader, refuse_encoder
from vocabx.eval.harness.run import answer_tasks, open_tasks
from vocabx.eval.harness.tasks import TaskSource

pytestmark = pytest.mark.torch
pytest.importorskip("lm_eval")

PAIRS = [("가" * 40, "나는 집이다.", "neutral"), ("비가 온다.", "날이 흐리다.", "entailment")]


@pytest.mark.parametrize(
    "config",
    [
        {"architectures": ["BertForMaskedLM"], "model_type": "bert"},
        {"architectures": ["BertModel"], "model_type": "bert"},
        {"architectures": ["XLMRobertaModel"], "model_type": "xlm-roberta"},
        {"model_type": "bert"},
    ],
)
def test_an_encoder_is_refused(config: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="is an encoder"):
        refuse_encoder(tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama"},
        {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"},
        {"architectures": ["BertLMHeadModel"], "model_type": "bert", "is_decoder": True},
    ],
)
def test_a_decoder_is_not_refused(config: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    refuse_encoder(tmp_path)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        open_reader(tmp_path)


def test_weights_that_are_not_there_are_one_sentence(tmp_path: Path) -> None:
    model = small_decoder(tmp_path / "model")
    (model / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="cannot be opened as a causal language model"):
        open_reader(model)


def test_vllm_is_asked_for_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pip install vllm"):
        open_reader(small_decoder(tmp_path / "model"), backend="vllm")


def test_a_device_or_a_type_that_is_not_there_is_refused(tmp_path: Path) -> None:
    model = small_decoder(tmp_path / "model")
    with pytest.raises(InputError, match="no device 'cuda:99' to run on"):
        open_reader(model, device="cuda:99")
    with pytest.raises(InputError, match="'float8'"):
        open_reader(model, dtype="float8")


def test_without_the_harness_the_command_that_installs_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", None)
    with pytest.raises(MissingExtraError, match=r"vocabx\[eval\]"):
        open_reader(tmp_path)


def test_a_tokenizer_with_neither_pad_nor_bos_nor_eos_is_asked(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    write_nli(tmp_path / "xnli.dev.ko.tsv", PAIRS)
    sources = [nli_task("ko", tmp_path, "dev")[0], kobest_task("wic", write_kobest(tmp_path / "data"), "test")[0]]
    reader = open_reader(small_decoder(tmp_path / "model"))
    answers = answer_tasks(reader, open_tasks(sources, tmp_path / "tasks"))
    assert answers is not None
    assert reader.starts_after_newline
    assert all(np.isfinite(one.log_likelihoods).all() for one in answers.values())


def test_items_longer_than_the_context_are_counted_and_lose_their_beginning(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    write_nli(tmp_path / "xnli.dev.ko.tsv", PAIRS)
    source, _ = nli_task("ko", tmp_path, "dev")
    reader = open_reader(small_decoder(tmp_path / "model", context=100, bos_token="<s>"))
    answers = answer_tasks(reader, open_tasks([source], tmp_path / "tasks"))
    assert answers is not None
    assert answers["xnli_ko"].truncated == 1
    assert np.isfinite(answers["xnli_ko"].log_likelihoods).all()


def test_answers_do_not_depend_on_how_texts_are_batched(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    model = small_decoder(tmp_path / "model", bos_token="<s>")
    tasks = open_tasks([kobest_task("hellaswag", write_kobest(tmp_path / "data"), "test")[0]], tmp_path / "tasks")
    one, many = (answer_tasks(open_reader(model, batch_size=size), tasks) for size in (1, 8))
    assert one is not None
    assert many is not None
    assert one["kobest_hellaswag"].log_likelihoods == pytest.approx(many["kobest_hellaswag"].log_likelihoods, abs=1e-4)


def test_progress_ends_with_all_texts_and_nothing_else_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tasks").mkdir()
    tasks = open_tasks([kobest_task("copa", write_kobest(tmp_path / "data"), "test")[0]], tmp_path / "tasks")
    reader, told = open_reader(small_decoder(tmp_path / "model", bos_token="<s>")), list[tuple[int, int]]()
    capfd.readouterr()
    answer_tasks(reader, tasks, limit=1, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("lm_eval").level <= logging.WARNING


def test_too_few_worked_examples_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    data = write_kobest(write_kobest(tmp_path / "data"), "train")
    tasks = open_tasks([kobest_task("copa", data, "test", examples=True)[0]], tmp_path / "tasks")
    with pytest.raises(InputError, match="has 2 worked examples, fewer than 3"):
        answer_tasks(open_reader(small_decoder(tmp_path / "model")), tasks, few_shot=3)


def test_data_that_cannot_be_loaded_are_one_sentence(tmp_path: Path) -> None:
    source = TaskSource("kobest_wic", "kobest", "test", parquet={"test": str(tmp_path / "none.parquet")})
    with pytest.raises(InputError, match=r"The data of kobest_wic cannot be loaded: .* --data\.") as caught:
        open_tasks([source], tmp_path)
    assert "\n" not in str(caught.value)


def test_a_task_without_items_and_one_that_the_harness_lacks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no item"):
        open_tasks([TaskSource("kobest_wic", "kobest", "test", records={"test": []})], tmp_path)
    with pytest.raises(InputError, match="has no task kobest_none"):
        open_tasks([TaskSource("kobest_none", "kobest", "test")], tmp_path)

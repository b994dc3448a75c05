from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import vocabx
from tests.checkpoint.models import checksums, load_model
from tests.extension.bases import CHAT_TEMPLATE, HEAD, INPUT, NORM, save_base, save_tokenizer
from tests.tokenizer_tools.toys import TOYS, byte_level, english, korean, llama3_like, metaspace, unigram, wordpiece
from vocabx.core.alignment import Alignment
from vocabx.core.errors import CheckpointError, InputError, OutputError, TokenizerError, UnknownNameError
from vocabx.manifest import Manifest
from vocabx.replacement import Replacement, ReplaceRequest, plan_replacement
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer

BOS_TEMPLATE = "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{{ eos_token }}{% endfor %}"


def save_target(directory: Path, toy: Any = metaspace) -> Path:
    save_tokenizer(directory, toy())
    return directory


def replace(directory: Path, base: Path | None = None, toy: Any = metaspace, **options: Any) -> Replacement:
    """Replace the toy base's tokenizer within a directory."""
    base = base or save_base(directory / "base")
    target = save_target(directory / "target", toy)
    return vocabx.replace(base, target, directory / "out", **options)


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("toy", TOYS.values(), ids=TOYS)
def test_copied_rows_stay_bit_for_bit_and_new_rows_are_made_of_rows_of_the_same_matrix(
    toy: Any, dtype: Any, tmp_path: Path
) -> None:
    base = save_base(tmp_path / "base", dtype=dtype, padding=3)
    plan = replace(tmp_path, base, toy, method="eeve").plan
    before, after = load_model(base), load_model(tmp_path / "out")
    manifest = Manifest.load(tmp_path / "out")
    assert manifest.plan == plan
    for role, name in (("input", INPUT), ("head", HEAD)):
        assert after[name].shape[0] == plan.tokens == plan.rows_after
        assert after[name][plan.kept_ids].tobytes() == before[name][plan.origins[plan.kept_ids]].tobytes()
        if plan.new:
            rule = Alignment.load(tmp_path / "out" / manifest.rows[role])
            made = rule.apply(before[name][: plan.tokens_before]).astype(dtype)
            assert after[name][plan.new_ids].tobytes() == made.tobytes()
    assert after[NORM].tobytes() == before[NORM].tobytes()
    result = vocabx.verify(tmp_path / "out", base)
    assert result.passed, str(result)


@pytest.mark.torch
def test_the_result_opens_with_plain_auto_classes_and_generates(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    replace(tmp_path, pad_to_multiple=64)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    inputs = tokenizer("the cat", return_tensors="pt")
    assert inputs["input_ids"].tolist()[0] == metaspace().encode(["the cat"])[0]
    made = model.generate(**inputs, do_sample=True, max_new_tokens=20)
    assert int(made.max()) < len(tokenizer) < model.config.vocab_size
    assert (model.config.eos_token_id, model.config.pad_token_id) == (tokenizer.eos_token_id, tokenizer.pad_token_id)


def test_settings_name_the_new_ids(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base")
    (base / "generation_config.json").write_text('{"eos_token_id": [0, 1], "suppress_tokens": [1]}')
    replacement = replace(tmp_path, base)
    roles = replacement.plan.roles
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (config["bos_token_id"], config["eos_token_id"], config["pad_token_id"]) == (
        roles["bos"],
        roles["eos"],
        roles["pad"],
    )
    assert config["vocab_size"] == replacement.plan.rows_after
    generation = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert generation == {"eos_token_id": [roles["eos"], roles["pad"]], "suppress_tokens": [roles["pad"]]}


def test_the_bases_settings_stay_and_those_of_its_pipeline_go(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base")
    kept: dict[str, Any] = {"model_max_length": 77, "padding_side": "left", "additional_special_tokens": ["<pad>"]}
    save_tokenizer(base, do_lower_case=True, added_tokens_decoder={"0": {"content": "<|end|>"}}, **kept)
    replace(tmp_path, base)
    settings = json.loads((tmp_path / "out" / "tokenizer_config.json").read_text())
    assert settings.items() >= kept.items()
    assert "do_lower_case" not in settings
    assert settings["added_tokens_decoder"] == {}
    assert settings["eos_token"] == "</s>"


@pytest.mark.parametrize("template", [CHAT_TEMPLATE, BOS_TEMPLATE], ids=["spelt", "by role"])
def test_a_chat_template_is_carried_over_with_the_tokens_that_it_writes(template: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    base = save_base(tmp_path / "base")
    save_tokenizer(base, chat_template=template)
    replacement = replace(tmp_path, base)
    assert replacement.template_dropped == ""
    assert "<|end|>" in replacement.tokenizer.carried
    old, new = (AutoTokenizer.from_pretrained(tmp_path / name) for name in ("base", "out"))
    chat = [{"role": "user", "content": "the cat"}]
    text = new.apply_chat_template(chat, tokenize=False)
    assert text == old.apply_chat_template(chat, tokenize=False)
    assert new(text, add_special_tokens=False)["input_ids"].count(replacement.plan.roles["eos"]) == text.count(
        "<|end|>"
    )


def test_a_chat_template_whose_tokens_would_fall_apart_is_left_out(tmp_path: Path) -> None:
    base, target = save_base(tmp_path / "base"), tmp_path / "target"
    save_tokenizer(base, chat_template=CHAT_TEMPLATE)
    definition = json.loads(metaspace().backend.to_str())
    # A word that holds the base's token is cut out of the text before it.
    longer = {**definition["added_tokens"][0], "id": len(metaspace().tokens), "content": "<|end|>user"}
    definition["added_tokens"].append(longer)
    backend = type(metaspace().backend).from_str(json.dumps(definition))
    save_tokenizer(target, FastSegmenter.from_backend(backend, metaspace().roles))
    replacement = vocabx.replace(base, target, tmp_path / "out")
    assert replacement.template_dropped == "its special tokens are not single tokens of the new tokenizer"
    assert "chat_template" not in json.loads((tmp_path / "out" / "tokenizer_config.json").read_text())
    assert replacement.report(Stages()).facts["chat template"] == f"left out: {replacement.template_dropped}"
    assert vocabx.verify(tmp_path / "out", base).passed


def test_a_template_that_refuses_a_plain_conversation_is_kept(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base")
    save_tokenizer(base, chat_template="{{ raise_exception('no') }}")
    assert replace(tmp_path, base).template_dropped == ""


def test_the_manifest_says_what_was_done(tmp_path: Path) -> None:
    replacement = replace(tmp_path, toy=wordpiece, seed=3, pad_to_multiple=64)
    manifest = Manifest.load(tmp_path / "out")
    assert manifest.with_rows({}) == replacement.manifest
    assert (manifest.command, manifest.base, manifest.seed) == ("replace", "base", 3)
    assert manifest.tokenizer["target"] == "target"
    assert manifest.tokenizer["special_tokens"] == {"by_text": [], "by_role": ["<pad>"], "carried": ["<|end|>"]}
    assert [token.id for token in manifest.new_tokens] == replacement.plan.new_ids.tolist()
    assert str(tmp_path) not in (tmp_path / "out" / "vocabx.json").read_text()
    assert len(replacement.plan.padding) == 64 - len(wordpiece().tokens) % 64 - 1


def test_the_report_adds_up(tmp_path: Path) -> None:
    stages = Stages()
    replacement = replace(tmp_path, stages=stages)
    facts = replacement.report(stages, "done").facts
    assert facts["tokens after"] == facts["copied, same bytes"] + facts["copied, special"] + facts["new tokens"]  # type: ignore[operator]
    assert facts["of these carried over"] == "<pad>"
    assert [stage.name for stage in stages.finished] == [
        "opening the base",
        "reading the base's rows",
        "tokenizer",
        "weights of the new rows",
        "diagnostics",
        "checkpoint",
        "reopening",
    ]


def test_a_plan_writes_nothing_and_is_what_is_done(tmp_path: Path) -> None:
    base, target = save_base(tmp_path / "base"), save_target(tmp_path / "target")
    before = checksums(tmp_path)
    planned, _ = plan_replacement(base, ReplaceRequest(target), Stages())
    assert checksums(tmp_path) == before
    assert planned.manifest == vocabx.replace(base, target, tmp_path / "out").manifest


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    base, target = save_base(tmp_path / "base"), save_target(tmp_path / "target")
    for name in ("one", "two"):
        vocabx.replace(base, target, tmp_path / name, method="univariate", seed=4)
    assert checksums(tmp_path / "one") == checksums(tmp_path / "two")


def test_a_replaced_model_can_be_replaced_back(tmp_path: Path) -> None:
    base, target = save_base(tmp_path / "base"), save_target(tmp_path / "target", unigram)
    vocabx.replace(base, target, tmp_path / "there")
    back = vocabx.replace(tmp_path / "there", base, tmp_path / "back")
    lines = [*english()[:5], *korean()[:5]]
    assert read_tokenizer(tmp_path / "back").encode(lines) == byte_level().encode(lines)
    assert vocabx.verify(tmp_path / "back", tmp_path / "there").passed
    shared = back.plan.kept_ids[back.plan.kept_ids < len(byte_level().tokens)]
    there = Manifest.load(tmp_path / "there").plan
    survivors = [i for i in shared.tolist() if there.origins[back.plan.origins[i]] == i]
    assert len(survivors) > 50
    assert load_model(tmp_path / "back")[INPUT][survivors].tobytes() == load_model(base)[INPUT][survivors].tobytes()


@pytest.mark.torch
def test_an_encoder_keeps_its_frame_and_gives_the_same_states_for_kept_tokens(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

    base, size = tmp_path / "base", len(wordpiece().tokens)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24
    )
    BertModel(config).save_pretrained(base)
    save_tokenizer(base, wordpiece())
    plan = replace(tmp_path, base, unigram).plan
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    old, new = (AutoModel.from_pretrained(directory).eval() for directory in (base, tmp_path / "out"))
    kept = torch.from_numpy(plan.kept_ids[:20])[None]
    with torch.no_grad():
        states = [model(ids).last_hidden_state for model, ids in ((new, kept), (old, torch.tensor(plan.origins)[kept]))]
    assert torch.equal(*states)
    assert tokenizer.pad_token_id == plan.roles["pad"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "constitents"}, UnknownNameError, "Did you mean 'constituents'"),
        ({"seed": -1}, InputError, "The seed must not be negative"),
        ({"pad_to_multiple": 0}, InputError, "padded to a multiple of at least 1"),
    ],
)
def test_a_bad_setting_is_a_sentence(options: Any, error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        replace(tmp_path, **options)


def test_a_target_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    base, target = save_base(tmp_path / "base"), tmp_path / "target"
    target.mkdir()
    with pytest.raises(TokenizerError, match=f"{target} holds no tokenizer"):
        vocabx.replace(base, target, tmp_path / "out")
    with pytest.raises(CheckpointError, match="neither a model directory nor a hub id"):
        vocabx.replace(base, tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_output_must_not_be_the_target(tmp_path: Path) -> None:
    base, target = save_base(tmp_path / "base"), save_target(tmp_path / "target")
    for out in (target, target / "inside", base):
        with pytest.raises(OutputError, match="which is read"):
            vocabx.replace(base, target, out, force=True)


def test_a_model_type_that_rebuilds_its_tokenizer_is_refused(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", model_type="qwen2", padding=20)
    with pytest.raises(TokenizerError, match="the model type 'qwen2' makes it rebuild the tokenizer"):
        replace(tmp_path, base)
    assert not (tmp_path / "out").exists()


def test_a_model_that_counts_from_its_padding_must_find_it_in_its_place(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base")
    config = json.loads((base / "config.json").read_text()) | {"model_type": "roberta"}
    tensors = load_model(base)
    from safetensors.numpy import save_file

    save_file({"roberta.embeddings.word_embeddings.weight": tensors[INPUT]}, base / "model.safetensors")
    (base / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))
    with pytest.raises(CheckpointError, match="A roberta model counts positions from the id of its padding token, 1,"):
        replace(tmp_path, base, llama3_like)

"""Every architecture of the installed transformers: the tables against the models, and each one resized and run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoint.families.architectures import (
    all_types,
    classes,
    default_config,
    is_refused,
    listed_types,
    shapes_on_meta,
    size_settings,
    small_config,
    words,
)
from tests.checkpoint.models import PLAN, mean_row, random_alignment
from vocabx.checkpoint import open_checkpoint, staged_directory, write_checkpoint
from vocabx.checkpoint.config import resized_config, vocabulary_size
from vocabx.checkpoint.families.layouts import find_layout
from vocabx.checkpoint.families.refusals import REFUSED
from vocabx.checkpoint.locate import locate_vocabulary
from vocabx.core.errors import CheckpointError
from vocabx.core.initialization import Initialization
from vocabx.core.plan import Plan

pytestmark = pytest.mark.torch

REPRESENTATIVE = words(
    "albert bart bert biogpt bloom codegen electra falcon gemma3 gemma4_text gpt_neox gptj llama mamba marian mbart "
    "modernbert mt5 neomme opt phi qwen2 qwen2_vl rembert t5 t5gemma xlm xlm-roberta xlnet"
)
MORE_GROWTH = 64
RULES = {"input": random_alignment(seed=1), "head": random_alignment(seed=2), "bias": random_alignment(seed=3)}
PARTS = words(
    "beit blip_2_qformer deepseek_ocr2_encoder deepseek_ocr2_vision flava_image_codebook flava_image_model "
    "flava_text_model gemma3n_audio gemma3n_vision higgs_audio_v2_tokenizer inkling_audio instructblip_qformer "
    "instructblipvideo_qformer nemotron3_5_transcribe_word_timestamp ovis2_vision pp_doclayout_v2 t5gemma2_encoder "
    "voxtral_encoder voxtral_realtime_encoder xcodec zoedepth"
)
"""Parts of other models, whose vocabulary is not of text or is the whole's."""
NOT_MADE = {"nougat": "its own default names a part that does not exist"}
NOT_SMALL = words(
    "bridgetower cohere_compass cohere_compass_text dbrx deepseek_ocr2 diffusion_gemma dots3_note ernie4_5_vl_moe "
    "fun_asr_nano glm5_next glm5_next_text gradium_phonon_tts granite4_vision granite_docling inkling2 mistral_large4 "
    "mistral_large4_text muse_spark nemo_speechlm pocket_tts qwen3_omni_moe shieldgemma2 tipsv2"
)
"""Types whose sizes must fit one another in ways that no small model was found for; the other test has them."""
MOST_PARAMETERS = 100_000_000


def marked(types: list[str]) -> list[Any]:
    return [pytest.param(name, marks=() if name in REPRESENTATIVE else pytest.mark.slow) for name in types]


@pytest.mark.slow
def test_every_type_with_a_vocabulary_is_listed_or_refused_or_a_part() -> None:
    """A type that a newer transformers brings fails here until it is looked at."""
    known = {*listed_types(), *REFUSED, *PARTS, *NOT_MADE}
    unknown = [name for name in all_types() if name not in known and [*size_settings(default_config(name).to_dict())]]
    assert unknown == []


@pytest.mark.parametrize("model_type", sorted(REFUSED))
def test_a_refused_type_is_refused_with_its_reason(model_type: str) -> None:
    with pytest.raises(CheckpointError, match=f"type {model_type} .*base") as refusal:
        locate_vocabulary({"model_type": model_type, "vocab_size": 100}, {"embed_tokens.weight": (100, 32)})
    assert REFUSED[model_type] in str(refusal.value)


def test_no_type_is_both_listed_and_refused() -> None:
    assert not [name for name in listed_types() if is_refused(name)]


@pytest.mark.parametrize("model_type", marked(listed_types()))
def test_the_located_tensors_are_those_that_grow_with_the_vocabulary(model_type: str) -> None:
    """Every class of the type is made twice without weights, with two sizes, and the shapes are compared."""
    config = default_config(model_type)
    settings = config.to_dict()
    rows = vocabulary_size(settings)
    assert rows is not None
    plan = Plan.appending(rows, MORE_GROWTH, rows, rows + MORE_GROWTH, {})
    larger = type(config).from_dict(resized_config(settings, plan))
    compared = 0
    for model_class in classes(config).values():
        try:
            before = shapes_on_meta(model_class, config)
        except ImportError as error:
            pytest.skip(str(error).strip().splitlines()[0])
        except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
            # This class cannot be made from the defaults, or takes the settings of a part alone.
            continue
        compared += 1
        after = shapes_on_meta(model_class, larger)
        grown = {name for name, shape in before.items() if shape != after[name]}
        found = locate_vocabulary(settings, before)
        assert set(found.names) == grown, model_class.__name__
        layout = find_layout(settings)
        tied = getattr(config, "tie_word_embeddings", None)
        assert layout is not None
        if found.head is not None and tied is not None:
            assert layout.tied == bool(tied), model_class.__name__
    if not compared:
        pytest.skip(f"no class of {model_type} alone can be made from its defaults")


def make_small(model_type: str) -> Any:
    import torch

    if model_type in NOT_SMALL:
        pytest.skip(f"no small {model_type} can be made")
    config = small_config(model_type)
    found = classes(config)
    if not found:
        pytest.skip(f"{model_type} is a part, which has no class of its own")
    torch.manual_seed(0)
    model_class = next(iter(found.values()))
    try:
        size = sum(map(math.prod, shapes_on_meta(model_class, config).values()))
    except ImportError as error:
        pytest.skip(str(error).strip().splitlines()[0])
    if size > MOST_PARAMETERS:
        pytest.skip(f"{model_type} has parts that stay large: {size:,} parameters")
    return model_class(config).float().eval()


def load(model_class: Any, directory: Path) -> Any:
    """Load a model whole, with memory of its own: where a file was mapped decides which kernel multiplies."""
    import torch

    model, report = model_class.from_pretrained(directory, dtype=torch.float32, output_loading_info=True)
    assert not {name: keys for name, keys in report.items() if keys}
    for tensor in [*model.parameters(), *model.buffers()]:
        tensor.data = tensor.data.clone()
    return model.eval()


def run(model: Any) -> Any:
    import torch

    prompt = {"input_ids": torch.tensor([[5, 9, 42, 7, 3, 11]])}
    if model.config.is_encoder_decoder:
        prompt["decoder_input_ids"] = torch.tensor([[2, 8, 30, 12]])
    with torch.no_grad():
        return model(**prompt, output_hidden_states=True, return_dict=True)


def last_hidden_state(output: Any) -> Any:
    states = output.get("decoder_hidden_states") or output.get("hidden_states")
    return states[-1] if states else output["last_hidden_state"]


@pytest.mark.parametrize("model_type", marked(listed_types()))
def test_an_extended_model_computes_what_the_base_does(model_type: str, tmp_path: Path) -> None:
    """Old tokens have the same hidden states to the bit, and the same scores; one that cannot run is only opened."""
    import torch

    base = make_small(model_type)
    base.save_pretrained(tmp_path / "base")
    with staged_directory(tmp_path / "out", protect=[tmp_path / "base"]) as out:
        write_checkpoint(open_checkpoint(tmp_path / "base"), PLAN, Initialization(**RULES), out, padding=mean_row())
    base, extended = load(type(base), tmp_path / "base"), load(type(base), tmp_path / "out")
    written = open_checkpoint(tmp_path / "out")
    assert written.rows == PLAN.rows_after == vocabulary_size(json.loads((tmp_path / "out/config.json").read_text()))
    try:
        before = run(base)
    except (TypeError, ValueError, AttributeError, RuntimeError, IndexError) as error:
        pytest.skip(f"opened, and not run, as it takes more than text or fails when it is this small: {error}")
    after = run(extended)
    assert torch.equal(last_hidden_state(before), last_hidden_state(after))
    scores = before.get("logits")
    if scores is None or scores.shape[-1] != PLAN.rows_before:
        return
    old, new = scores[..., : PLAN.kept], after["logits"][..., : PLAN.kept]
    assert torch.allclose(old, new, rtol=0, atol=1e-4)
    top = old.topk(2).values
    is_clear = top[..., 0] - top[..., 1] > 2e-4
    assert torch.equal(old.argmax(-1)[is_clear], new.argmax(-1)[is_clear])

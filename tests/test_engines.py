"""What is written opens in transformers in the ways that it is served, and trains in PEFT as `docs/engines.md` says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.verification.models import ENGLISH, HEAD, INPUT, KOREAN, extend, save_base
from vocabx.adapters import trainable_token_indices
from vocabx.manifest import Manifest

pytestmark = pytest.mark.torch

LAYER = "model.layers.0.self_attn.q_proj.weight"


@pytest.fixture(scope="module", params=["tied", "untied"])
def korean(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Padded to more rows than there are tokens."""
    place = tmp_path_factory.mktemp(request.param)
    base = save_base(place / "base", tied=request.param == "tied")
    return extend(base, place / "korean", pad_to_multiple=64)


def open_model(directory: Path, **options: Any) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(str(directory), local_files_only=True, **options)


def open_tokenizer(directory: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(directory), local_files_only=True)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("options", [{}, {"low_cpu_mem_usage": True}, {"device_map": "cpu"}], ids=str)
def test_it_opens_in_each_type_and_gives_finite_scores_for_every_row(
    dtype: str, options: dict[str, Any], korean: Path
) -> None:
    import torch

    if "device_map" in options:
        pytest.importorskip("accelerate")
    model, tokenizer = open_model(korean, dtype=dtype, **options), open_tokenizer(korean)
    with torch.inference_mode():
        scores = model(**tokenizer(KOREAN[0], return_tensors="pt")).logits
    assert scores.dtype == getattr(torch, dtype)
    assert scores.shape[-1] == model.config.vocab_size == model.get_input_embeddings().num_embeddings
    assert scores.isfinite().all()


def test_the_pipeline_writes_text_and_never_a_padding_row(korean: Path) -> None:
    from transformers import pipeline

    generate = pipeline("text-generation", model=str(korean), dtype="float32")
    length = len(generate.tokenizer)
    found = generate(
        [KOREAN[0], ENGLISH[0]], do_sample=True, temperature=50.0, top_k=0, max_new_tokens=200, return_tensors=True
    )
    written = {token for answer in found for token in answer[0]["generated_token_ids"]}
    assert len(written) > 100
    assert max(written) < length < generate.model.config.vocab_size
    assert generate(KOREAN[0], max_new_tokens=4, do_sample=False)[0]["generated_text"].startswith(KOREAN[0])


def test_what_is_opened_and_saved_again_has_the_same_vocabulary_matrices(korean: Path, tmp_path: Path) -> None:
    open_model(korean, dtype="auto").save_pretrained(tmp_path / "again")
    open_tokenizer(korean).save_pretrained(tmp_path / "again")
    ours, theirs = (load_file(place / "model.safetensors") for place in (korean, tmp_path / "again"))
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name].tobytes() == theirs[name].tobytes()
    assert open_model(tmp_path / "again").generation_config.suppress_tokens == list(Manifest.load(korean).plan.padding)
    first, again = (
        open_tokenizer(place)(list(KOREAN + ENGLISH))["input_ids"] for place in (korean, tmp_path / "again")
    )
    assert first == again


def test_resizing_to_the_number_of_tokens_cuts_the_padding_off(korean: Path) -> None:
    model, tokenizer, plan = open_model(korean), open_tokenizer(korean), Manifest.load(korean).plan
    before = model.get_input_embeddings().weight.detach().clone()
    model.resize_token_embeddings(len(tokenizer))
    assert model.config.vocab_size == plan.tokens < plan.rows_after
    # The trap: what was suppressed is outside the scores now.
    assert max(model.generation_config.suppress_tokens) >= model.config.vocab_size
    assert model.get_input_embeddings().weight.equal(before[: plan.tokens])


@pytest.mark.filterwarnings("ignore")
def test_lora_trains_the_new_rows_alone_and_is_merged_into_a_plain_model(korean: Path, tmp_path: Path) -> None:
    import torch

    peft = pytest.importorskip("peft")
    plan, tokenizer = Manifest.load(korean).plan, open_tokenizer(korean)
    model = open_model(korean, dtype="float32")
    rows = trainable_token_indices(korean)
    settings = peft.LoraConfig(r=2, target_modules=["q_proj"], trainable_token_indices=rows)
    adapted = peft.get_peft_model(model, settings)
    trained = [name for name, weight in adapted.named_parameters() if weight.requires_grad]
    assert all("lora_" in name or "trainable_tokens_delta" in name for name in trained)
    assert sum("trainable_tokens_delta" in name for name in trained) == len(rows)
    optimizer = torch.optim.AdamW((weight for weight in adapted.parameters() if weight.requires_grad), lr=0.05)
    for line in KOREAN:
        ids = tokenizer(line, return_tensors="pt")["input_ids"]
        optimizer.zero_grad()
        adapted(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
    adapted.save_pretrained(tmp_path / "adapter")
    stored = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert all(len(array) == plan.new for name, array in stored.items() if "token" in name)

    again = peft.PeftModel.from_pretrained(open_model(korean, dtype="float32"), str(tmp_path / "adapter"))
    again.merge_and_unload().save_pretrained(tmp_path / "merged")
    before, after = (load_file(place / "model.safetensors") for place in (korean, tmp_path / "merged"))
    assert before.keys() == after.keys()
    kept = np.setdiff1d(np.arange(plan.rows_after), plan.new_ids)
    assert len(rows) == (2 if HEAD in before else 1)
    for name in (INPUT, HEAD)[: len(rows)]:
        assert np.array_equal(before[name][kept], after[name][kept])
        assert (before[name][plan.new_ids] != after[name][plan.new_ids]).any(axis=1).all()
    assert not np.array_equal(before[LAYER], after[LAYER])

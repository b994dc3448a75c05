"""Every family, as transformers saves it and as it loads what we wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.checkpoint.families.architectures import words
from tests.checkpoint.models import PLAN, checksums, expected_rows, mean_row, random_alignment
from vocabx.checkpoint import open_checkpoint, staged_directory, write_checkpoint
from vocabx.checkpoint.families.layouts import LAYOUTS
from vocabx.core.alignment import Alignment
from vocabx.core.initialization import Initialization

pytestmark = pytest.mark.torch

RULES = {"input": random_alignment(seed=1), "head": random_alignment(seed=2), "bias": random_alignment(seed=3)}
FAMILIES = words(
    "llama mistral qwen2 qwen3 phi3 gemma gemma2 gemma3_text phi gpt2 gpt_neox opt bloom bert roberta xlm-roberta "
    "distilbert"
)
ENCODERS = ("bert", "roberta", "xlm-roberta", "distilbert")
SIZES = {
    "vocab_size": 100,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
OTHER_SIZES = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    "opt": {"word_embed_proj_dim": 32, "ffn_dim": 64},
    "bloom": {"n_layer": 2, "n_head": 4},
    "distilbert": {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4},
}
# These configurations have other names for some sizes.
DROPPED = {
    "gpt2": ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings"),
    "bloom": ("num_hidden_layers", "num_attention_heads"),
    "distilbert": ("hidden_size", "num_hidden_layers", "num_attention_heads"),
}


def auto_class(family: str, head: bool = True) -> Any:
    from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

    if not head:
        return AutoModel
    return AutoModelForMaskedLM if family in ENCODERS else AutoModelForCausalLM


def make(family: str, dtype: str = "float32", head: bool = True, **config: Any) -> Any:
    import torch
    from transformers import AutoConfig

    torch.manual_seed(0)
    sizes = {name: size for name, size in SIZES.items() if name not in DROPPED.get(family, ())}
    made = AutoConfig.for_model(family, **sizes | OTHER_SIZES.get(family, {}) | config)
    model = auto_class(family, head).from_config(made).to(getattr(torch, dtype))
    bias = getattr(model.get_output_embeddings(), "bias", None)
    if bias is not None:
        torch.nn.init.normal_(bias)
    return model


def bits(tensor: Any) -> np.ndarray[Any, Any]:
    """The tensor as an array; bfloat16 as float32, which holds it exactly."""
    import torch

    array = tensor.detach()
    result: np.ndarray[Any, Any] = (array.float() if array.dtype == torch.bfloat16 else array).numpy()
    return result


def resize(source: Path, target: Path) -> None:
    with staged_directory(target, protect=[source]) as out:
        write_checkpoint(open_checkpoint(source), PLAN, Initialization(**RULES), out, padding=mean_row())


def round_trip(model: Any, directory: Path, **saving: Any) -> Any:
    """Save, resize, and load with the model's own class."""
    model.save_pretrained(directory / "base", **saving)
    before = checksums(directory / "base")
    resize(directory / "base", directory / "out")
    assert checksums(directory / "base") == before
    return type(model).from_pretrained(directory / "out", dtype=model.dtype)


def assert_grown(before: Any, after: Any, rule: Alignment) -> None:
    """Old rows are the same to the bit; new ones are the rule's, stored in the matrix's own type."""
    import torch

    old, new = bits(before), bits(after)
    assert after.dtype == before.dtype
    assert new[: PLAN.kept].tobytes() == old[: PLAN.kept].tobytes()
    expected = expected_rows(old, rule)
    stored = torch.from_numpy(np.ascontiguousarray(expected, np.float32)).to(before.dtype)
    assert torch.equal(after, stored)


def assert_resized(base: Any, out: Any, tied: bool) -> None:
    """Compare all tensors of two loaded models."""
    assert out.config.vocab_size == PLAN.rows_after
    assert_grown(base.get_input_embeddings().weight, out.get_input_embeddings().weight, RULES["input"])
    head = out.get_output_embeddings()
    changed = {out.get_input_embeddings().weight.data_ptr()}
    if head is not None:
        assert (head.weight.data_ptr() == out.get_input_embeddings().weight.data_ptr()) == tied
        assert_grown(base.get_output_embeddings().weight, head.weight, RULES["input" if tied else "head"])
        changed.add(head.weight.data_ptr())
        if head.bias is not None:
            assert_grown(base.get_output_embeddings().bias, head.bias, RULES["bias"])
    others = dict(base.named_parameters())
    for name, parameter in out.named_parameters():
        if parameter.shape == others[name].shape:
            assert bits(parameter).tobytes() == bits(others[name]).tobytes(), name
        elif parameter.dim() == 1:
            assert_grown(others[name], parameter, RULES["bias"])
        else:
            assert parameter.data_ptr() in changed, name


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_resized_tied_and_untied(tmp_path: Path, family: str, tied: bool) -> None:
    base = make(family, tie_word_embeddings=tied)
    assert_resized(base, round_trip(base, tmp_path), tied)
    checkpoint = open_checkpoint(tmp_path / "out")
    assert checkpoint.tied == tied
    assert (checkpoint.head is None) == tied


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_tied_by_default_as_transformers_ties_it(tmp_path: Path, family: str) -> None:
    base = make(family)
    base.save_pretrained(tmp_path / "base")
    path = tmp_path / "base" / "config.json"
    config = json.loads(path.read_text())
    tied = config.pop("tie_word_embeddings")
    assert tied == next(layout.tied for layout in LAYOUTS if family in layout.model_types)
    path.write_text(json.dumps(config))
    resize(tmp_path / "base", tmp_path / "out")
    assert_resized(base, type(base).from_pretrained(tmp_path / "out"), tied)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_bare_base_is_resized(tmp_path: Path, family: str) -> None:
    base = make(family, head=False)
    assert_resized(base, round_trip(base, tmp_path), tied=True)


@pytest.mark.parametrize("family", ["llama", "phi", "gpt2", "bert"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_stored_type_stays(tmp_path: Path, family: str, dtype: str) -> None:
    base = make(family, dtype, tie_word_embeddings=False)
    assert_resized(base, round_trip(base, tmp_path), tied=False)


@pytest.mark.parametrize("family", ["llama", "phi", "gpt_neox", "roberta"])
@pytest.mark.parametrize("tied", [True, False])
def test_shards_stay_shards(tmp_path: Path, family: str, tied: bool) -> None:
    base = make(family, tie_word_embeddings=tied)
    out = round_trip(base, tmp_path, max_shard_size="15KB")
    assert_resized(base, out, tied)
    names = [sorted(file.name for file in (tmp_path / at).glob("*.safetensors*")) for at in ("base", "out")]
    assert names[0] == names[1]
    assert len(names[0]) > 3


def test_the_index_is_what_transformers_writes(tmp_path: Path) -> None:
    out = round_trip(make("llama"), tmp_path, max_shard_size="15KB")
    out.save_pretrained(tmp_path / "saved", max_shard_size="15KB")
    ours, theirs = (
        json.loads((tmp_path / at / "model.safetensors.index.json").read_text())["metadata"] for at in ("out", "saved")
    )
    assert ours == theirs


@pytest.mark.parametrize("family", ["llama", "gemma", "gpt2", "phi"])
def test_old_tokens_keep_their_scores(tmp_path: Path, family: str) -> None:
    import torch

    base = make(family).eval()
    out = round_trip(base, tmp_path).eval()
    prompt = torch.tensor([[1, 5, 9, 42]])
    assert torch.allclose(base(prompt).logits[..., : PLAN.kept], out(prompt).logits[..., : PLAN.kept], atol=1e-6)


def test_padding_is_never_generated_and_special_ids_are_kept(tmp_path: Path) -> None:
    import torch

    base = make("llama")
    base.save_pretrained(tmp_path / "base")
    (tmp_path / "base" / "generation_config.json").unlink(missing_ok=True)
    resize(tmp_path / "base", tmp_path / "out")
    out = type(base).from_pretrained(tmp_path / "out")
    settings = out.generation_config
    assert settings.suppress_tokens == list(PLAN.padding)
    assert (settings.bos_token_id, settings.eos_token_id, settings.pad_token_id) == (1, 2, 0)
    with torch.no_grad():
        out.get_output_embeddings().weight[PLAN.tokens :] = 100.0
        out.get_output_embeddings().weight[: PLAN.tokens] *= 0.01
    prompt = torch.tensor([[1, 5, 9]])
    made = out.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=8, do_sample=False)
    assert int(made.max()) < PLAN.tokens


def test_an_unknown_type_is_resized_by_shape(tmp_path: Path) -> None:
    base = make("starcoder2", tie_word_embeddings=False)
    assert_resized(base, round_trip(base, tmp_path), tied=False)


def made_rows(before: Any, rule: Alignment) -> Any:
    """The rows that a rule makes of a tensor's old ones."""
    import torch

    return torch.from_numpy(rule.apply(bits(before)[: PLAN.tokens_before].reshape(PLAN.tokens_before, -1)))


def test_a_padded_model_like_qwens_gives_its_spare_rows_to_new_tokens(tmp_path: Path) -> None:
    """It has more rows than its tokenizer has ids: 100 for 97, as Qwen 2.5 has 151,936 for 151,665."""
    base = make("qwen2", tie_word_embeddings=True)
    out = round_trip(base, tmp_path)
    assert PLAN.rows_before - PLAN.tokens_before == PLAN.reused_padding == 3
    new = out.get_input_embeddings().weight[PLAN.kept : PLAN.tokens]
    assert np.array_equal(bits(new), bits(made_rows(base.get_input_embeddings().weight, RULES["input"])))
    assert out.generation_config.suppress_tokens == list(PLAN.padding)


def test_a_padded_model_like_gemmas_scales_new_rows_as_it_scales_old_ones(tmp_path: Path) -> None:
    """Gemma multiplies embeddings by the root of their length when it runs; rows are stored and mixed without that."""
    import torch

    base = make("gemma2")
    out = round_trip(base, tmp_path).eval()
    stored = out.get_input_embeddings().weight
    assert np.array_equal(
        bits(stored[PLAN.kept : PLAN.tokens]), bits(made_rows(base.get_input_embeddings().weight, RULES["input"]))
    )
    ids = torch.arange(PLAN.tokens)[None]
    first = out.model(ids, output_hidden_states=True).hidden_states[0][0]
    assert torch.allclose(first, stored[: PLAN.tokens] * stored.shape[1] ** 0.5)


@pytest.mark.parametrize(
    ("family", "sizes"),
    [
        ("phi", {}),
        ("bert", {}),
        ("gptj", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "rotary_dim": 8}),
        ("codegen", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "rotary_dim": 8}),
    ],
)
def test_a_bias_of_the_head_is_made_from_biases_and_counts_in_the_scores(
    tmp_path: Path, family: str, sizes: dict[str, int]
) -> None:
    import torch
    from transformers import AutoConfig

    if sizes:
        base = auto_class(family).from_config(AutoConfig.for_model(family, vocab_size=100, **sizes))
        torch.nn.init.normal_(base.get_output_embeddings().bias)
    else:
        base = make(family)
    base, out = base.eval(), round_trip(base, tmp_path).eval()
    bias = out.get_output_embeddings().bias.detach().clone()
    assert torch.allclose(
        bias[PLAN.kept : PLAN.tokens], made_rows(base.get_output_embeddings().bias, RULES["bias"])[:, 0], atol=1e-6
    )
    prompt = torch.tensor([[1, 5, 9]])
    with torch.no_grad():
        scores = out(prompt).logits
        out.get_output_embeddings().bias.zero_()
        assert torch.allclose(scores - out(prompt).logits, bias.expand_as(scores), atol=1e-5)


def test_the_stored_bias_of_a_translator_grows_as_one_row(tmp_path: Path) -> None:
    import torch
    from transformers import BartConfig, BartForConditionalGeneration

    sizes = {
        f"{part}_{name}": size for part in ("encoder", "decoder") for name, size in (("layers", 1), ("ffn_dim", 64))
    }
    base = BartForConditionalGeneration(BartConfig(vocab_size=100, d_model=32, max_position_embeddings=64, **sizes))
    torch.nn.init.normal_(base.final_logits_bias)
    out = round_trip(base, tmp_path)
    assert out.final_logits_bias.shape == (1, PLAN.rows_after)
    assert torch.equal(out.final_logits_bias[0, : PLAN.kept], base.final_logits_bias[0, : PLAN.kept])
    made = made_rows(base.final_logits_bias[0], RULES["bias"])[:, 0]
    assert torch.equal(out.final_logits_bias[0, PLAN.kept : PLAN.tokens], made)


@pytest.mark.parametrize("family", ["llama", "gpt2", "roberta"])
def test_a_head_of_its_own_is_made_from_head_rows_and_from_no_input_row(tmp_path: Path, family: str) -> None:
    base = make(family, tie_word_embeddings=False)
    out = round_trip(base, tmp_path)
    head = bits(out.get_output_embeddings().weight)[PLAN.kept : PLAN.tokens]
    assert np.array_equal(head, bits(made_rows(base.get_output_embeddings().weight, RULES["head"])))
    assert not np.allclose(head, bits(made_rows(base.get_input_embeddings().weight, RULES["head"])))


def test_the_stored_copies_of_an_embedding_stay_equal_to_it(tmp_path: Path) -> None:
    """Older versions of transformers saved T5's embedding under four names."""
    from safetensors.numpy import load_file, save_file
    from transformers import T5Config, T5ForConditionalGeneration

    base = T5ForConditionalGeneration(T5Config(vocab_size=100, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4))
    base.save_pretrained(tmp_path / "base")
    file = tmp_path / "base" / "model.safetensors"
    tensors = load_file(file)
    names = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")
    save_file(tensors | {name: tensors["shared.weight"].copy() for name in names}, file, metadata={"format": "pt"})
    resize(tmp_path / "base", tmp_path / "out")
    written = load_file(tmp_path / "out" / "model.safetensors")
    assert all(written[name].tobytes() == written["shared.weight"].tobytes() for name in names)
    out = T5ForConditionalGeneration.from_pretrained(tmp_path / "out")
    assert_grown(base.shared.weight, out.shared.weight, RULES["input"])
    assert out.lm_head.weight.data_ptr() == out.shared.weight.data_ptr()

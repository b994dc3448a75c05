from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vocabx
from tests.extension.bases import CHAT_TEMPLATE, SIZE, learning, save_tokenizer, transformers_model
from tests.tokenizer_tools.toys import byte_level, english, korean, llama3_like
from vocabx.core.errors import CheckpointError, CorpusError, InputError, MissingExtraError, TokenizerError
from vocabx.initializers.table import INITIALIZERS
from vocabx.tokenizer_tools import write

pytestmark = pytest.mark.torch

KEPT = len(byte_level().tokens)
BASES: dict[str, tuple[str, str, int, dict[str, Any]]] = {
    "tied": ("llama", "bfloat16", 0, {"tie_word_embeddings": True}),
    "untied, padded": ("llama", "float16", 10, {"tie_word_embeddings": False}),
    "output bias, much padding": ("phi", "bfloat16", 90, {}),
    "GPT-2": ("gpt2", "float32", 0, {}),
}
CASES = [
    *(("output bias, much padding", method) for method in INITIALIZERS if not INITIALIZERS[method].needs),
    *((base, method) for base in ("tied", "untied, padded", "GPT-2") for method in ("eeve", "univariate")),
]


def save_base(directory: Path, name: str = "tied") -> Path:
    family, dtype, padding, config = BASES[name]
    transformers_model(family, KEPT + padding, dtype, **config).save_pretrained(directory)
    save_tokenizer(directory, chat_template=CHAT_TEMPLATE)
    return directory


def load(directory: Path) -> tuple[Any, Any]:
    """Open a model in its own type, and its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(directory, dtype="auto")
    return model, AutoTokenizer.from_pretrained(directory)


def bits(model: Any) -> dict[str, tuple[Any, bytes]]:
    """Type, shape and bytes of every tensor."""
    import torch

    tensors = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    return {
        name: ((tensor.dtype, tuple(tensor.shape)), tensor.view(torch.uint8).numpy().tobytes())
        for name, tensor in tensors.items()
    }


@pytest.mark.parametrize(("base", "method"), CASES)
def test_a_loaded_model_gets_the_rows_that_the_directory_gets(base: str, method: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {**learning(tmp_path), "method": method, "seed": 6, "pad_to_multiple": 8}
    directory = save_base(tmp_path / "base", base)
    written = vocabx.extend(directory, out=tmp_path / "out", **settings)
    model, tokenizer = load(directory)
    before = tokenizer.get_vocab()
    extended, extension = vocabx.extend_model(model, tokenizer, **settings)
    expected, expected_tokenizer = load(tmp_path / "out")
    assert bits(model) == bits(expected)
    assert model.dtype == expected.dtype
    assert model.config.vocab_size == expected.config.vocab_size == written.plan.rows_after
    assert (model.lm_head.weight is model.get_input_embeddings().weight) == (base in ("tied", "GPT-2"))
    assert model.generation_config.suppress_tokens == expected.generation_config.suppress_tokens
    assert (extension.plan, extension.manifest) == (written.plan, written.manifest)
    lines = [*korean()[:10], *english()[:10]]
    assert extended(lines)["input_ids"] == expected_tokenizer(lines)["input_ids"]
    assert extended.get_vocab() == expected_tokenizer.get_vocab()
    assert tokenizer.get_vocab() == before


def test_a_loaded_model_gets_the_rows_of_reserved_slots(tmp_path: Path) -> None:
    directory = tmp_path / "base"
    transformers_model("llama", len(llama3_like().tokens), tie_word_embeddings=False).save_pretrained(directory)
    save_tokenizer(directory, llama3_like())
    settings: dict[str, Any] = {**learning(tmp_path), "reuse_reserved": True, "pad_to_multiple": 64}
    written = vocabx.extend(directory, out=tmp_path / "out", **settings)
    assert written.plan.new_ids[0] < written.plan.tokens_before
    model, tokenizer = load(directory)
    extended, _ = vocabx.extend_model(model, tokenizer, **settings)
    expected, expected_tokenizer = load(tmp_path / "out")
    assert bits(model) == bits(expected)
    assert extended.get_vocab() == expected_tokenizer.get_vocab()


def test_what_is_saved_afterwards_is_what_extend_writes(tmp_path: Path) -> None:
    settings = learning(tmp_path)
    directory = save_base(tmp_path / "base", "untied, padded")
    vocabx.extend(directory, out=tmp_path / "out", **settings)
    model, tokenizer = load(directory)
    extended, _ = vocabx.extend_model(model, tokenizer, **settings)
    model.save_pretrained(tmp_path / "saved")
    extended.save_pretrained(tmp_path / "saved")
    saved, expected = load(tmp_path / "saved"), load(tmp_path / "out")
    assert bits(saved[0]) == bits(expected[0])
    assert saved[1](list(korean()))["input_ids"] == expected[1](list(korean()))["input_ids"]


def test_the_returned_tokenizer_keeps_the_settings_of_the_given_one(tmp_path: Path) -> None:
    model, tokenizer = load(save_base(tmp_path / "base"))
    extended, _ = vocabx.extend_model(model, tokenizer, **learning(tmp_path))
    message = [{"role": "user", "content": "한국어"}]
    assert extended.apply_chat_template(message, tokenize=False) == "<|end|>user: 한국어"
    for name in ("bos_token_id", "eos_token_id", "pad_token_id", "model_max_length", "padding_side"):
        assert getattr(extended, name) == getattr(tokenizer, name)
    assert len(extended) == KEPT + SIZE


def test_an_extended_model_trains_and_generates(tmp_path: Path) -> None:
    import torch

    model, tokenizer = load(save_base(tmp_path / "base", "untied, padded"))
    extended, _ = vocabx.extend_model(model, tokenizer, **learning(tmp_path), pad_to_multiple=64)
    model.float().train()
    ids = torch.tensor([extended(korean()[1])["input_ids"][:32]])
    assert (ids >= KEPT).any()
    before = model.get_input_embeddings().weight.detach().clone()
    model(input_ids=ids, labels=ids).loss.backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    changed = (model.get_input_embeddings().weight != before).any(dim=1).nonzero().flatten().tolist()
    assert set(changed) >= set(ids[0, :-1].tolist())
    model.eval()
    made = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=8)
    assert int(made.max()) < KEPT + SIZE


def test_an_id_that_a_new_token_would_take_is_refused(tmp_path: Path) -> None:
    model, tokenizer = load(save_base(tmp_path / "base"))
    before = bits(model)
    model.generation_config.eos_token_id = [0, KEPT + 3]
    with pytest.raises(CheckpointError, match=f"generation_config.json gives eos_token_id as id {KEPT + 3}, which is"):
        vocabx.extend_model(model, tokenizer, **learning(tmp_path))
    assert bits(model) == before


def test_a_changed_model_is_not_changed_again_with_the_tokenizer_of_before(tmp_path: Path) -> None:
    model, tokenizer = load(save_base(tmp_path / "base", "untied, padded"))
    text = learning(tmp_path)
    extended, _ = vocabx.extend_model(model, tokenizer, **text)
    before = bits(model)
    match = rf"vocabulary of {KEPT + SIZE} tokens that vocabx gave it, and the tokenizer of {KEPT} is another one"
    with pytest.raises(InputError, match=match):
        vocabx.extend_model(model, tokenizer, **text)
    with pytest.raises(InputError, match=match):
        vocabx.trim_model(model, tokenizer, text["corpus"])
    with pytest.raises(InputError, match=match):
        vocabx.replace_model(model, tokenizer, extended)
    assert bits(model) == before
    again, _ = vocabx.extend_model(model, extended, **learning(tmp_path, 10))
    assert len(again) == KEPT + SIZE + 10


def test_tokens_that_were_added_since_and_rows_that_were_cut_are_no_fault(tmp_path: Path) -> None:
    model, tokenizer = load(save_base(tmp_path / "base"))
    text = learning(tmp_path)
    extended, _ = vocabx.extend_model(model, tokenizer, **text)
    extended.add_tokens(["<|mine|>"], special_tokens=True)
    model.resize_token_embeddings(len(extended), mean_resizing=False)
    again, _ = vocabx.extend_model(model, extended, **learning(tmp_path, 10))
    assert len(again) == KEPT + SIZE + 11
    model.resize_token_embeddings(KEPT)
    once_more, _ = vocabx.extend_model(model, tokenizer, **text)
    assert len(once_more) == KEPT + SIZE


@pytest.mark.parametrize("fault", ["corpus", "tokenizer"])
def test_an_error_leaves_the_model_as_it_was(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokenizer = load(save_base(tmp_path / "base"))
    before, settings = bits(model), learning(tmp_path)
    if fault == "corpus":
        settings["corpus"] = tmp_path / "missing.txt"
        with pytest.raises(CorpusError, match="There is no corpus file"):
            vocabx.extend_model(model, tokenizer, **settings)
    else:
        monkeypatch.setattr(write, "CLASS", "GPT2Tokenizer")  # reopened, it has one token more
        with pytest.raises(TokenizerError, match="does not open the tokenizer"):
            vocabx.extend_model(model, tokenizer, **settings)
    assert bits(model) == before
    assert model.config.vocab_size == KEPT


def test_a_tokenizer_without_a_fast_backend_is_refused(tmp_path: Path) -> None:
    model, _ = load(save_base(tmp_path / "base"))
    slow = type("Slow", (), {"convert_ids_to_tokens": None})()
    for given, told in ((slow, "The tokenizer has no fast backend"), (model, "expected a tokenizer of transformers")):
        with pytest.raises(TokenizerError, match=told):
            vocabx.extend_model(model, given, **learning(tmp_path))


def test_a_model_without_weights_is_refused(tmp_path: Path) -> None:
    model, tokenizer = load(save_base(tmp_path / "base"))
    model.to("meta")
    with pytest.raises(CheckpointError, match="no weights yet"):
        vocabx.extend_model(model, tokenizer, **learning(tmp_path))


def test_the_absence_of_torch_is_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokenizer = load(save_base(tmp_path / "base"))
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"Changing a loaded model needs .* pip install 'vocabx\[torch\]'"):
        vocabx.extend_model(model, tokenizer, **learning(tmp_path))


def test_embeddings_in_a_type_without_rows_are_refused(tmp_path: Path) -> None:
    import torch

    model, tokenizer = load(save_base(tmp_path / "base"))
    weight = model.get_input_embeddings().weight
    model.get_input_embeddings().weight = torch.nn.Parameter(weight.to(torch.int8), requires_grad=False)
    with pytest.raises(CheckpointError, match=r"The embeddings are stored as torch\.int8"):
        vocabx.extend_model(model, tokenizer, **learning(tmp_path))


def test_a_row_that_overflows_the_models_type_is_refused(tmp_path: Path) -> None:
    import torch

    directory = save_base(tmp_path / "base", "untied, padded")
    model, tokenizer = load(directory)
    with torch.no_grad():
        model.get_input_embeddings().weight.fill_(6e4)
    before = bits(model)
    with pytest.raises(CheckpointError, match=r"is not finite when stored as float16"):
        vocabx.extend_model(model, tokenizer, method="random", **learning(tmp_path))
    assert bits(model) == before


def test_the_matrices_of_the_model_are_what_is_measured(tmp_path: Path) -> None:
    """Values that were changed in memory count, not those of the files."""
    import torch

    model, tokenizer = load(save_base(tmp_path / "base", "GPT-2"))
    with torch.no_grad():
        model.get_input_embeddings().weight.fill_(0.25)
    vocabx.extend_model(model, tokenizer, method="mean", **learning(tmp_path))
    rows = model.get_input_embeddings().weight.detach().numpy()
    np.testing.assert_allclose(rows, 0.25, rtol=1e-6)

from __future__ import annotations

from typing import Any

import pytest

from vocabx.checkpoint.families.layouts import LAYOUTS, find_layout
from vocabx.checkpoint.locate import VocabularyTensors, locate_vocabulary
from vocabx.core.errors import CheckpointError

MATRIX = (100, 32)


def config(model_type: str, **values: Any) -> dict[str, Any]:
    return {"model_type": model_type, "vocab_size": 100, **values}


def test_no_model_type_is_in_two_layouts() -> None:
    types = [name for layout in LAYOUTS for name in layout.model_types]
    assert len(types) == len(set(types))


@pytest.mark.parametrize("prefix", ["", "model.", "language_model.model."])
def test_names_are_matched_from_their_end(prefix: str) -> None:
    found = locate_vocabulary(config("llama"), {f"{prefix}embed_tokens.weight": MATRIX})
    assert found == VocabularyTensors(f"{prefix}embed_tokens.weight", None, ())


def test_a_wrapper_is_known_by_its_text_part_even_without_a_size() -> None:
    wrapped = {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text"}}
    shapes = {"language_model.model.embed_tokens.weight": MATRIX, "vision_tower.embeddings.weight": (8, 8)}
    layout = find_layout(wrapped)
    assert layout is not None
    assert layout.tied
    assert locate_vocabulary(wrapped, shapes).input == "language_model.model.embed_tokens.weight"


def test_a_matrix_stored_under_the_heads_name_only_is_the_input() -> None:
    assert locate_vocabulary(config("gpt2"), {"lm_head.weight": MATRIX}).names == ("lm_head.weight",)


def test_a_known_model_without_embedding_is_refused() -> None:
    with pytest.raises(
        CheckpointError, match=r"this llama model holds no input embedding: no tensor is called embed_t"
    ):
        locate_vocabulary(config("llama"), {"model.norm.weight": (32,)})


def test_two_tensors_with_the_embeddings_name_are_refused() -> None:
    shapes = {"model.embed_tokens.weight": MATRIX, "mtp.embed_tokens.weight": MATRIX}
    with pytest.raises(CheckpointError, match=r"could be embed_tokens.weight: model.embed_tokens.weight, mtp.embed"):
        locate_vocabulary(config("llama"), shapes)


def test_copies_further_tables_and_a_bias_of_one_row_are_named() -> None:
    shapes = {
        "model.encoder.embed_tokens.weight": MATRIX,
        "model.shared.weight": MATRIX,
        "final_logits_bias": (1, 100),
        "lm_head.weight": MATRIX,
    }
    found = locate_vocabulary(config("bart"), shapes)
    assert (found.input, found.head) == ("model.shared.weight", "lm_head.weight")
    assert (found.biases, found.tables) == (("final_logits_bias",), ("model.encoder.embed_tokens.weight",))


def test_an_embedding_stored_under_a_copys_name_only_is_the_input() -> None:
    assert locate_vocabulary(config("bart"), {"decoder.embed_tokens.weight": MATRIX}).input.startswith("decoder.")


def test_layers_that_predict_further_tokens_may_store_both_matrices_again() -> None:
    further = ("model.layers.61.embed_tokens.weight", "model.layers.61.shared_head.head.weight")
    shapes = dict.fromkeys(("model.embed_tokens.weight", "lm_head.weight", *further), MATRIX)
    found = locate_vocabulary(config("deepseek_v3"), shapes)
    assert (found.input, found.head) == ("model.embed_tokens.weight", "lm_head.weight")
    assert found.tables == further


def test_a_vocabulary_of_sounds_is_not_that_of_the_text() -> None:
    settings = {"model_type": "qwen2_5_omni", "thinker_config": {"text_config": {"vocab_size": 100}}}
    shapes = {"talker.model.embed_tokens.weight": (80, 32), "thinker.model.embed_tokens.weight": MATRIX}
    assert locate_vocabulary(settings, shapes).names == ("thinker.model.embed_tokens.weight",)


def test_two_vocabularies_of_a_translator_are_refused() -> None:
    with pytest.raises(CheckpointError, match="two vocabularies"):
        locate_vocabulary(config("marian", share_encoder_decoder_embeddings=False), {"model.shared.weight": MATRIX})


def test_tables_in_every_layer_are_refused() -> None:
    shapes = {"model.embed_tokens.weight": MATRIX, "model.embed_tokens_per_layer.weight": MATRIX}
    with pytest.raises(CheckpointError, match="reserved tokens a new meaning"):
        locate_vocabulary(config("novel"), shapes)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ({"tokens": MATRIX, "norm": (32,)}, VocabularyTensors("tokens", None, ())),
        ({"x.wte.weight": MATRIX, "y.head": MATRIX}, VocabularyTensors("x.wte.weight", "y.head", ())),
        ({"embed_in": MATRIX, "embed_out": MATRIX}, VocabularyTensors("embed_in", "embed_out", ())),
        (
            {"shared.weight": MATRIX, "output.weight": MATRIX, "output.bias": (100,)},
            VocabularyTensors("shared.weight", "output.weight", ("output.bias",)),
        ),
    ],
)
def test_an_unknown_model_is_recognised_by_shape(shapes: dict[str, Any], expected: VocabularyTensors) -> None:
    assert locate_vocabulary(config("novel"), shapes) == expected


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"norm": (32,)}, "which is which: none"),
        ({"one": MATRIX, "two": MATRIX}, "which is which: one, two"),
        ({"embed": MATRIX, "positions.embed": MATRIX}, "which is which: embed, positions.embed"),
        ({"embed": MATRIX, "head": MATRIX, "z": MATRIX}, "which is which: embed, head, z"),
        ({"lm_head.weight": MATRIX}, "which is which: lm_head.weight"),
        ({"embed": (100, 100)}, "as many rows as columns"),
    ],
)
def test_an_ambiguous_unknown_model_is_refused_with_its_candidates(shapes: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=f"model type 'novel' cannot be found.*{message}.*Known types: llama"):
        locate_vocabulary(config("novel"), shapes)


def test_an_unknown_model_without_a_size_is_refused() -> None:
    with pytest.raises(CheckpointError, match="no vocab_size to recognise tensors by"):
        locate_vocabulary({"model_type": "novel"}, {"embed": MATRIX})


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"embed_tokens.weight": (99, 32)}, r"embed_tokens.weight has shape \(99, 32\).*100 rows by config.json"),
        ({"embed_tokens.weight": MATRIX, "lm_head.weight": (90, 32)}, "lm_head.weight has shape"),
        ({"embed_tokens.weight": MATRIX, "lm_head.bias": (100, 1)}, "lm_head.bias has shape"),
    ],
)
def test_shapes_that_do_not_fit_the_vocabulary_are_refused(shapes: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        locate_vocabulary(config("phi"), shapes)

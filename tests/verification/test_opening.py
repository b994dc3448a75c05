"""What transformers complains of is told apart from what it takes without a word."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.verification.models import ENGLISH
from vocabx.core.errors import InputError, TokenizerError
from vocabx.manifest import Manifest
from vocabx.verification import Status, opening
from vocabx.verification.model import OpenedModel
from vocabx.verification.subject import Subject


@dataclass
class Model:
    """A model of 384 rows that gives a score for each of `columns` rows."""

    columns: int = 384
    vocabulary: int = 384
    config: Any = field(init=False)

    def __post_init__(self) -> None:
        self.config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(vocab_size=self.vocabulary))

    def get_input_embeddings(self) -> Any:
        import torch

        return SimpleNamespace(weight=torch.zeros(384, 2))

    get_output_embeddings = get_input_embeddings

    def __call__(self, input_ids: Any) -> Any:
        import torch

        return {"logits": torch.zeros(1, input_ids.shape[1], self.columns)}


def subject_with(directory: Path, model: Model, **complaints: frozenset[str]) -> Subject:
    subject = Subject(directory, Manifest.load(directory), text=ENGLISH)
    nothing = dict.fromkeys(("missing", "unexpected", "mismatched"), frozenset[str]())
    subject.__dict__["model"] = OpenedModel(model, "AutoModelForCausalLM", False, **{**nothing, **complaints})
    return subject


@pytest.mark.torch
def test_a_model_of_which_nothing_is_to_be_said_passes(untied: Path) -> None:
    assert opening.check_model(subject_with(untied, Model())).status is Status.PASS


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["missing", "unexpected", "mismatched"])
def test_every_complaint_counts(kind: str, untied: Path) -> None:
    outcome = opening.check_model(subject_with(untied, Model(), **{kind: frozenset({"model.odd"})}))
    assert outcome.details == (f"{kind}: model.odd",)


@pytest.mark.torch
def test_rows_and_the_configured_size_must_agree(untied: Path) -> None:
    outcome = opening.check_model(subject_with(untied, Model(vocabulary=380)))
    assert outcome.details == ("384 embedding rows, and vocab_size 380",)


@pytest.mark.torch
def test_every_row_must_have_a_score(untied: Path) -> None:
    outcome = opening.check_model(subject_with(untied, Model(columns=340)))
    assert outcome.evidence == "AutoModelForCausalLM gives 340 scores for 384 rows"


def test_a_tokenizer_json_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(TokenizerError, match="cannot be read"):
        opening._read_file(tmp_path / "tokenizer.json")


def test_a_subject_without_a_base_has_no_base_tokenizer(untied: Path) -> None:
    with pytest.raises(InputError, match="No base was given"):
        _ = Subject(untied, Manifest.load(untied)).base_segmenter

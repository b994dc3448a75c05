"""Learner: a pretrained model with a fresh head, which is trained on examples and then answers."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError

from vocabx.core.arrays import Ints
from vocabx.core.errors import CheckpointError, InputError
from vocabx.eval.cost import Progress
from vocabx.eval.decoder import require_torch
from vocabx.eval.encoder import TOKENS_AT_ONCE, Encoder
from vocabx.eval.finetune.recipe import Recipe
from vocabx.eval.finetune.training import progress_callback, quiet, require_trainer, training_arguments
from vocabx.eval.windows import batches_by_length

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Example", "Learner", "Opener", "open_learner", "open_stock", "open_tokenizer"]

Example = Mapping[str, Any]
"""`input_ids` and what else the tokenizer gives; `labels`, a number or one for each token, where there is something to
learn."""

Opener = Callable[[str, Any], Any]
"""Gives the class that opens a model, by the name of transformers' `AutoModelFor...` and the configuration."""

IGNORED = -100
"""The label of a token that nothing is learned from."""


@dataclass(frozen=True)
class Learner:
    """A loaded model of the kind that `AutoModelForSequenceClassification` or `...TokenClassification` opens."""

    model: Any
    tokenizer: Any
    device: str | None = None

    def room(self, recipe: Recipe) -> int:
        """Return how many tokens of an example the model reads: those of the recipe, or its context if that is less."""
        return min(recipe.max_length, Encoder(self.model, self.tokenizer).context or recipe.max_length)

    def fit(self, examples: Sequence[Example], recipe: Recipe, seed: int, progress: Progress) -> None:
        """Train on examples; the same seed gives the same model, on a CPU to the bit."""
        import transformers

        self.model.get_input_embeddings().requires_grad_(not recipe.frozen_embeddings)
        with tempfile.TemporaryDirectory() as nowhere, quiet():
            trainer = transformers.Trainer(
                model=self.model,
                args=training_arguments(recipe, seed, nowhere, self.device),
                train_dataset=list(examples),
                data_collator=self.collate,
                callbacks=[progress_callback(progress)],
            )
            trainer.remove_callback(transformers.PrinterCallback)  # it writes to stdout
            trainer.train()
        del trainer
        gc.collect()  # the trainer is part of a circle, and holds two numbers for each weight
        self.model.eval()

    def answer(self, examples: Sequence[Example], recipe: Recipe) -> list[Ints]:
        """Return the best label of each example, shape (1,), or of each of its tokens, shape (tokens,)."""
        torch = require_torch()
        device = self.model.device
        answers: list[Ints] = [np.zeros(0, np.int64)] * len(examples)
        lengths = np.array([len(example["input_ids"]) for example in examples], np.int64)
        rounding = torch.autocast(device.type, getattr(torch, recipe.dtype), enabled=recipe.dtype != "float32")
        for batch in batches_by_length(lengths, TOKENS_AT_ONCE):
            inputs = {name: rows.to(device) for name, rows in self.collate([examples[row] for row in batch]).items()}
            inputs.pop("labels", None)
            with torch.inference_mode(), rounding:
                best = self.model(**inputs).logits.argmax(-1).cpu().numpy()
            is_text = inputs["attention_mask"].cpu().numpy().astype(bool)
            for row, labels, kept in zip(batch, best, is_text, strict=True):
                answers[row] = labels[kept] if best.ndim > 1 else labels[None]
        return answers

    def collate(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """Pad examples to the longest, behind their tokens."""
        torch = require_torch()
        width = max(len(example["input_ids"]) for example in examples)
        padding = {"input_ids": self.tokenizer.pad_token_id, "labels": IGNORED}
        batch = {}
        for name in examples[0]:
            rows = [example[name] for example in examples]
            if not isinstance(rows[0], int):
                rows = [[*row, *[padding.get(name, 0)] * (width - len(row))] for row in rows]
            batch[name] = torch.tensor(rows)
        return batch


def open_stock(kind: str, config: Any) -> Any:
    """Return the class of transformers itself."""
    import transformers

    return getattr(transformers, kind)


def open_tokenizer(directory: Path) -> Any:
    """Open the tokenizer of a model directory; one without a padding token is refused."""
    import transformers

    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{directory} has no tokenizer that can be opened: {error}") from error
    if tokenizer.pad_token_id is None:
        raise InputError(f"The tokenizer of {directory} has no padding token, so examples cannot be read together.")
    return tokenizer


def open_learner(
    directory: Path,
    kind: str,
    labels: Sequence[str],
    seed: int,
    *,
    opener: Opener = open_stock,
    device: str | None = None,
) -> Learner:
    """Open a model directory (safetensors, with its tokenizer) with a head for some labels, drawn by the seed.

    Raises
    ------
    CheckpointError
        When it cannot be opened, or a weight below the head is not in the file.
    InputError
        When its tokenizer has no padding token.
    """
    require_trainer(device)
    import transformers

    names = {"id2label": dict(enumerate(labels)), "label2id": {label: number for number, label in enumerate(labels)}}
    transformers.set_seed(seed)
    tokenizer = open_tokenizer(directory)
    try:
        config = transformers.AutoConfig.from_pretrained(directory, num_labels=len(labels), **names)
        config.get_text_config().pad_token_id = config.pad_token_id = tokenizer.pad_token_id
        with quiet():
            model, found = opener(kind, config).from_pretrained(
                directory,
                config=config,
                dtype=require_torch().float32,
                use_safetensors=True,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{directory} cannot be opened with a head for labels: {error}") from error
    # The library fills what a file lacks with random numbers, which is right for the head alone.
    body = f"{model.base_model_prefix}."
    absent = sorted(name for name in found["missing_keys"] if name.startswith(body) and "pooler." not in name)
    if absent:
        raise CheckpointError(f"{directory} is not a whole model: {absent[0]} is not in its weights.")
    return Learner(model, tokenizer, device)

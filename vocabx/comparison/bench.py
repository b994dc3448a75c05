"""Bench: one model in memory whose new rows are put in again for each method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from vocabx.checkpoint import Checkpoint
from vocabx.checkpoint.writing.resize import Resize, check_plan, plan_resizes
from vocabx.core.arrays import ROWS_PER_BLOCK, Matrix
from vocabx.core.initialization import Initialization
from vocabx.core.plan import Plan
from vocabx.eval.decoder import Decoder, load_decoder
from vocabx.output import Decision
from vocabx.tokenizer_tools.write import TokenizerStyle, check_reopened, write_tokenizer

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Bench", "open_tokenizer"]


@dataclass(frozen=True)
class Bench:
    """A decoder that is loaded and resized once, and then given the rows of one method after the other.

    It holds, to the bit, what opening the directory that `write_checkpoint` writes would hold: rows are made by the
    same code, rounded to the stored type, and only then to the type that is computed in.

    Attributes
    ----------
    decoder : Decoder
        The resized model and its new tokenizer.
    checkpoint : Checkpoint
        Where the base's rows are.
    decision : Decision
        The plan, the tokenizer and the rule of the padding rows.
    """

    decoder: Decoder = field(repr=False)
    checkpoint: Checkpoint = field(repr=False)
    decision: Decision = field(repr=False)

    @classmethod
    def open(cls, checkpoint: Checkpoint, decision: Decision, dtype: str, style: TokenizerStyle | None = None) -> Bench:
        """Load the base in the type to compute in, and resize it; its new rows are not there before `put`."""
        check_plan(checkpoint, decision.plan, decision.padding)
        base = load_decoder(checkpoint.directory, dtype=dtype)
        base.model.resize_token_embeddings(decision.plan.rows_after, mean_resizing=False)
        base.model.requires_grad_(False)
        tokenizer = open_tokenizer(checkpoint.directory, decision, style)
        return cls(Decoder(base.model, tokenizer), checkpoint, decision)

    @property
    def plan(self) -> Plan:
        """What happens to each id."""
        return self.decision.plan

    @property
    def weights(self) -> list[Tensor]:
        """The matrices that are the model's own and have one row per token: the input, and a head that is not tied."""
        embedding, head = self.decoder.model.get_input_embeddings(), self.decoder.model.get_output_embeddings()
        return [embedding.weight] if head.weight is embedding.weight else [embedding.weight, head.weight]

    def put(self, initialization: Initialization) -> None:
        """Put the rows of a method into the input, a head of its own and an output bias; old rows and padding too."""
        resizes = plan_resizes(self.checkpoint, self.plan, initialization, self.decision.padding, {})
        for name, parameter in self._parameters().items():
            _fill(parameter, resizes[name])

    def _parameters(self) -> Mapping[str, Tensor]:
        model, checkpoint = self.decoder.model, self.checkpoint
        head = model.get_output_embeddings()
        found = {checkpoint.input: model.get_input_embeddings().weight}
        if checkpoint.head is not None and len(self.weights) > 1:
            found[checkpoint.head] = head.weight
        if checkpoint.biases and getattr(head, "bias", None) is not None:
            found[checkpoint.biases[0]] = head.bias
        return found

    @contextmanager
    def unchanged_afterwards(self) -> Iterator[None]:
        """Restore the rows that are there now when the block ends."""
        import torch

        kept = [weight.detach().clone() for weight in self.weights]
        try:
            yield
        finally:
            with torch.no_grad():
                for weight, rows in zip(self.weights, kept, strict=True):
                    weight.copy_(rows)


def _fill(parameter: Tensor, resize: Resize) -> None:
    import torch

    source = resize.source.map()
    source = source.reshape(len(source), -1)
    rows = parameter.view(len(parameter), -1)  # a bias has one number a row
    with torch.no_grad():
        for run in resize.long_runs:
            for start in range(0, run.size, ROWS_PER_BLOCK):
                stop = min(start + ROWS_PER_BLOCK, run.size)
                block = source[run.origin + start : run.origin + stop]
                rows[run.first + start : run.first + stop] = _to_torch(block)
        for first, block in resize.other_rows():
            rows[first : first + len(block)] = _to_torch(block)


def _to_torch(rows: Matrix) -> Tensor:
    import torch

    copied: Any = np.array(rows)
    if rows.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(copied.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(copied)


def open_tokenizer(base: Path, decision: Decision, style: TokenizerStyle | None = None) -> Any:
    """Open the decided tokenizer with transformers, as its users will."""
    from transformers import AutoTokenizer

    with TemporaryDirectory() as place:
        write_tokenizer(decision.segmenter, base, Path(place), style)
        check_reopened(Path(place), decision.segmenter, decision.probes())
        return AutoTokenizer.from_pretrained(place)

"""A loaded model and its tokenizer as a base to plan with, and the decided tokenizer as transformers opens it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vocabx.base import Base
from vocabx.checkpoint.read import CONFIG
from vocabx.checkpoint.writing.storage import Storage
from vocabx.core.errors import InputError, TokenizerError
from vocabx.in_memory.refusals import check_model
from vocabx.in_memory.tensors import VocabularyTensors, find_tensors, to_numpy
from vocabx.in_memory.vocabulary_mark import check_vocabulary
from vocabx.output import Decision, base_name
from vocabx.output_head import OutputHead
from vocabx.row_request import RowRequest
from vocabx.tokenizer_tools.read import FastSegmenter, roles_of
from vocabx.tokenizer_tools.write import TokenizerStyle, check_reopened, write_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["opened", "reopened", "segmenter_of"]


@contextmanager
def opened(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, request: RowRequest | None = None
) -> Iterator[tuple[Base, VocabularyTensors]]:
    """Look at a model and its tokenizer, whose files lie in a directory until the block ends."""
    source = segmenter_of(tokenizer)
    if request is not None and request.factorization is not None:
        raise InputError("A loaded model cannot be factorised; factorise a directory, and load what was written.")
    if request is not None and request.storage != Storage():
        raise InputError("A loaded model has no files to link and has its type already; leave out shards and dtype.")
    check_model(model)
    tensors = find_tensors(model)
    check_vocabulary(model, source.tokens, len(tensors.input))
    generation = getattr(model, "generation_config", None)
    with TemporaryDirectory() as directory:
        tokenizer.save_pretrained(directory)
        model.config.save_pretrained(directory)
        base = Base(
            name=base_name(model.name_or_path or type(model).__name__),
            segmenter=source,
            embeddings=tensors.embeddings(source.tokens),
            head=OutputHead(
                None if tensors.head is None else to_numpy(tensors.head),
                model.get_output_embeddings() is not None,
                bool(tensors.biases),
            ),
            config=model.config.to_dict(),
            generation=None if generation is None else generation.to_diff_dict(),
            tokenizer=Path(directory),
        )
        yield base, tensors


def segmenter_of(tokenizer: PreTrainedTokenizerBase) -> FastSegmenter:
    """Take a copy of a tokenizer's pipeline; raise `TokenizerError` where it has none."""
    if not hasattr(tokenizer, "convert_ids_to_tokens"):
        raise TokenizerError(f"tokenizer: expected a tokenizer of transformers, got {type(tokenizer).__name__}.")
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise TokenizerError("The tokenizer has no fast backend; load it with AutoTokenizer and a tokenizer.json.")
    return FastSegmenter.from_backend(backend, roles_of(tokenizer))


def reopened(
    tokenizer: PreTrainedTokenizerBase, base: Base, decision: Decision, style: TokenizerStyle | None = None
) -> PreTrainedTokenizerBase:
    """Make a tokenizer with the decided pipeline and the settings of the given one."""
    from transformers import AutoTokenizer

    with TemporaryDirectory() as out:
        write_tokenizer(decision.segmenter, base.tokenizer, Path(out), style)
        # AutoTokenizer may rebuild a tokenizer by the model's type: better to say so now than to save what opens wrong.
        shutil.copyfile(base.tokenizer / CONFIG, Path(out) / CONFIG)
        check_reopened(Path(out), decision.segmenter, decision.probes())
        made = AutoTokenizer.from_pretrained(out)
    made.name_or_path = tokenizer.name_or_path  # the directory that it was opened from is gone
    return made

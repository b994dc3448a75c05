"""Reader: a causal model as the harness opens it, which counts what it has answered and what was too long for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from vocabx.core.errors import CheckpointError, InputError, UnknownNameError
from vocabx.eval.cost import Progress
from vocabx.eval.decoder import choose_device, choose_type
from vocabx.eval.harness.quiet import quiet
from vocabx.eval.harness.tasks import require_harness

__all__ = ["BACKENDS", "Reader", "check_backend", "open_reader", "refuse_encoder"]

BACKENDS = {"hf": 1, "vllm": -1}
"""What runs a model, and how many tokens more than the model's context it takes: of the last one nothing is predicted,
and vLLM wants room to write one."""

Text = tuple[str, str]
"""A context and its continuation."""
Encoded = tuple[Text, list[int], list[int]]


@dataclass
class Reader:
    """A model of the harness.

    Attributes
    ----------
    model : LM
        The harness's own object.
    too_long : set of text
        Contexts and continuations that were longer than the model's context and lost their beginning.
    beyond : int
        How many tokens more than the model's context the backend takes.
    starts_after_newline : bool
        Whether the tokenizer has neither a BOS nor an EOS token, so that a text without a context follows a newline.
    """

    model: Any
    beyond: int = BACKENDS["hf"]
    starts_after_newline: bool = False
    too_long: set[Text] = field(default_factory=set)

    def watch(self, total: int, progress: Progress | None) -> None:
        """Report progress from here on; `total` texts will be read."""
        self.model.set_cache_hook(_Counter(total, progress))

    def __post_init__(self) -> None:
        # The harness has a hook for neither; its loop calls what is found on the object.
        self._answer = self.model.loglikelihood
        self._score = self.model._loglikelihood_tokens
        self.model.loglikelihood = lambda requests: self._answer(requests, disable_tqdm=True)
        self.model._loglikelihood_tokens = self._checked

    def _checked(self, requests: Sequence[Encoded], **options: Any) -> Any:
        return self._score([self._fit(*request) for request in requests], **options)

    def _fit(self, text: Text, context: list[int], continuation: list[int]) -> Encoded:
        if not continuation:
            raise InputError(f"The tokenizer makes no token of {text[1]!r} after {text[0][-20:]!r}.")
        limit = self.model.max_length + self.beyond
        if len(context) + len(continuation) > limit:
            self.too_long.add(text)
        # The harness cuts contexts, and stops at a continuation that leaves no room for a token before it.
        return text, context, continuation[1 - limit :]


class _Counter:
    """What the harness takes for a cache: told of every answer."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def add_partial(self, kind: str, text: Any, answer: Any) -> None:
        """Count one."""
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)


def check_backend(name: str) -> None:
    """Stop at a backend that is unknown or not installed.

    Raises
    ------
    UnknownNameError
        When there is none of that name.
    InputError
        When it is vLLM, and that is not installed.
    """
    if name not in BACKENDS:
        raise UnknownNameError("backend", name, BACKENDS)
    if name == "vllm" and find_spec("vllm") is None:
        raise InputError("vLLM is not installed. Install it with: pip install vllm")


def refuse_encoder(directory: Path) -> None:
    """Stop at a model that does not read from left to right.

    Raises
    ------
    InputError
        When the settings name an encoder.
    CheckpointError
        When there are no settings.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        kinds, family = list(config.get("architectures") or []), config.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{directory} has no config.json that can be read.") from error
    if config.get("is_decoder") or any("CausalLM" in kind or "LMHead" in kind for kind in kinds):
        return
    if family in MODEL_FOR_MASKED_LM_MAPPING_NAMES or any("MaskedLM" in kind for kind in kinds):
        raise InputError(
            f"{directory} is an encoder ({', '.join(kinds) or family}); these tasks are for models that read from left "
            "to right."
        )


def open_reader(
    directory: Path, *, backend: str = "hf", dtype: str = "float32", device: str | None = None, batch_size: int = 4
) -> Reader:
    """Open a model directory by the harness; safetensors only, no remote code, on a GPU where there is one.

    Under ``accelerate launch`` the harness gives each process a GPU and a share of the items.

    Raises
    ------
    InputError
        When it is an encoder, or vLLM, a device or a type is asked for and missing.
    CheckpointError
        When it cannot be opened.
    MissingExtraError
        When the harness is not installed.
    """
    require_harness()
    refuse_encoder(directory)
    check_backend(backend)
    choose_type(dtype)
    try:
        with quiet():
            return _open(directory, backend, dtype, device, batch_size)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{directory} cannot be opened as a causal language model: {error}") from error


def _open(directory: Path, backend: str, dtype: str, device: str | None, batch_size: int) -> Reader:
    from lm_eval.api.registry import get_model
    from transformers import AutoTokenizer

    options: dict[str, Any] = {"pretrained": str(directory), "dtype": dtype, "batch_size": batch_size}
    tokenizer = AutoTokenizer.from_pretrained(directory)
    nothing_to_start_with = tokenizer.bos_token_id is None and tokenizer.eos_token_id is None
    if nothing_to_start_with:
        options["prefix_token_id"] = (tokenizer.encode("\n", add_special_tokens=False) or [0])[-1]
    if backend == "hf":
        place = choose_device(device)  # where it is not there, the harness would take another one
        # Log-probabilities of a narrow type would be a few dozen values, and choices would tie.
        options |= {"device": place, "use_safetensors": True, "softmax_dtype": "float32"}
    return Reader(get_model(backend)(**options), BACKENDS[backend], nothing_to_start_with)

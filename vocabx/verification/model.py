"""The model itself, opened by plain transformers; the only module here that runs torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vocabx.checkpoint.config import read_json
from vocabx.checkpoint.families.classes import auto_class
from vocabx.core.errors import CheckpointError, first_line
from vocabx.factorization.recoded import MODEL_CODE, RANK_SETTING, is_own_code, model_settings

__all__ = ["OpenedModel", "open_model"]


@dataclass(frozen=True)
class OpenedModel:
    """A model in memory, the class that opened it, whether by the code beside it, and what the class complained of."""

    model: Any
    kind: str
    is_factorized: bool
    missing: frozenset[str]
    unexpected: frozenset[str]
    mismatched: frozenset[str]

    @property
    def way(self) -> str:
        """How its users open it, in words."""
        if not self.is_factorized:
            return f"plain {self.kind}"
        return f"{self.kind}.from_pretrained(DIR, trust_remote_code=True), by the code that vocabx wrote beside it"

    @property
    def is_headed(self) -> bool:
        """Whether it scores tokens; a discriminator, say, has a head and does not."""
        return self.kind != "AutoModel" and self.model.get_output_embeddings() is not None

    @property
    def rows(self) -> int:
        """Rows of its input embedding."""
        return int(self.model.get_input_embeddings().weight.shape[0])

    @property
    def vocabulary_size(self) -> int:
        """What its configuration says."""
        return int(self.model.config.get_text_config().vocab_size)

    def scores(self, ids: Sequence[int]) -> Any:
        """Run it on one text; return a tensor of float32 and shape (tokens, rows), or (tokens, D) without a head."""
        output = self._run(ids)
        if self.is_headed:
            return output["logits" if "logits" in output else "prediction_logits"][0].float()
        return output.last_hidden_state[0].float() if "last_hidden_state" in output else self.last_state(ids)

    def last_state(self, ids: Sequence[int]) -> Any:
        """Run it on one text; return what its last layer gives, a tensor of float32 and shape (tokens, D)."""
        output = self._run(ids, output_hidden_states=True)
        states = output["decoder_hidden_states" if "decoder_hidden_states" in output else "hidden_states"]
        return states[-1][0].float()

    def _run(self, ids: Sequence[int], **options: Any) -> Any:
        import torch

        tensor = torch.tensor([list(ids)])
        if getattr(self.model.config, "is_encoder_decoder", False):
            options["decoder_input_ids"] = tensor
        with torch.inference_mode():
            return self.model(input_ids=tensor, **options)


def open_model(directory: Path, dtype: str = "auto") -> OpenedModel:
    """Open it on the CPU, by default in its stored type, with nothing from the network and no code that is not ours."""
    config = read_json(directory / "config.json")
    kind = auto_class(config)
    is_factorized = RANK_SETTING in config
    try:
        with _no_progress_bar():
            opener, options = _factorized_opener(directory, kind, config) if is_factorized else _plain_opener(kind)
            model, loading = opener.from_pretrained(
                str(directory), local_files_only=True, dtype=dtype, output_loading_info=True, **options
            )
    except CheckpointError:
        raise
    except Exception as error:  # a damaged directory raises whatever the first confused function does
        reason = first_line(error)
        raise CheckpointError(f"{kind} cannot open {directory}: {reason}") from error
    names = {key: frozenset(map(str, loading[f"{key}_keys"])) for key in ("missing", "unexpected", "mismatched")}
    return OpenedModel(model.eval(), kind, is_factorized, **names)


def _plain_opener(kind: str) -> tuple[Any, dict[str, Any]]:
    """Return the class that opens it, and its options."""
    import transformers

    return getattr(transformers, kind), {"trust_remote_code": False}


def _factorized_opener(directory: Path, kind: str, settings: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the same for a factorised model: our own copy of the code beside it, which its users have to trust."""
    import transformers

    if not is_own_code(directory):
        raise CheckpointError(f"{directory / MODEL_CODE} is not there, or not what vocabx writes, and is not run.")
    named = model_settings(settings[RANK_SETTING])["auto_map"]
    if (settings.get("auto_map") or {}).get(kind) != named.get(kind):
        raise CheckpointError(f"{directory / 'config.json'} does not say in auto_map that {MODEL_CODE} opens {kind}.")
    from vocabx.factorization import modeling_factorized

    config = transformers.AutoConfig.from_pretrained(str(directory), local_files_only=True, trust_remote_code=False)
    return getattr(modeling_factorized, f"Factorized{kind}"), {"config": config}


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()

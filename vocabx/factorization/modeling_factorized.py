"""Models whose embedding is a small matrix of coordinates times a shared matrix of primitives.

This file lies beside the weights of a factorised model and is opened with ``trust_remote_code=True``. It adds no
architecture: it takes any class of transformers, makes its input embedding and its output head of two factors each,
and leaves the rest alone. ``config.num_primitives`` is the size of the factors; without it, nothing is changed.

The module that was the embedding still is: its ``weight`` has a row of coordinates per token, and its ``primitives``
take coordinates to the model's width. So what resizes, ties, saves or freezes embeddings works as before.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import transformers
from torch import nn

PREFIX = "Factorized"


class FactorizedLookup(nn.Embedding):
    """An embedding whose rows, coordinates of shape (rows, K), are taken to the model's width by the primitives."""

    primitives: nn.Linear

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
        """Return the rows of some ids."""
        rows: torch.Tensor = self.primitives(super().forward(input))
        return rows


class FactorizedScores(nn.Linear):
    """A head that takes a state to coordinates, by the primitives transposed, and compares these with every row's."""

    primitives: nn.Linear

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
        """Return the scores of all rows."""
        return nn.functional.linear(input @ self.primitives.weight, self.weight, self.bias)


class Factorized:
    """Goes before a class of transformers and factorises its embeddings as soon as it is built."""

    config: Any
    _tied_weights_keys: dict[str, str] | None

    def post_init(self) -> None:
        """Factorise, and only then let transformers initialise, tie and count the parameters."""
        rank = getattr(self.config, "num_primitives", None)
        if rank is not None:
            self._factorize(rank)
        super().post_init()  # type: ignore[misc]

    def _factorize(self, rank: int) -> None:
        model: Any = self
        lookup, scores = model.get_input_embeddings(), model.get_output_embeddings()
        _turn(lookup, FactorizedLookup, rank)
        if isinstance(scores, nn.Linear):
            _turn(scores, FactorizedScores, rank)
            names = {module: name for name, module in model.named_modules()}
            head, tied = names[scores], dict(self._tied_weights_keys or {})
            if f"{head}.weight" in tied:
                tied[f"{head}.primitives.weight"] = f"{names[lookup]}.primitives.weight"
                self._tied_weights_keys = tied

    @classmethod
    def is_custom_code(cls) -> bool:
        """Have transformers read older checkpoints as it does for the class that this one adds to."""
        return False

    def _get_resized_lm_head(self, old_lm_head: Any, *args: Any, **options: Any) -> Any:
        """Resize the coordinates; transformers would put a plain head in the place of this one."""
        resized = super()._get_resized_lm_head(old_lm_head, *args, **options)  # type: ignore[misc]
        if resized is old_lm_head or not isinstance(old_lm_head, FactorizedScores):
            return resized
        old_lm_head.weight, old_lm_head.bias = resized.weight, resized.bias
        old_lm_head.out_features = resized.out_features
        return old_lm_head


class Automatic:
    """Stands where transformers expects the class of a model, and chooses it by the model's configuration."""

    auto: Any

    @classmethod
    def register_for_auto_class(cls, auto_class: Any = None) -> None:
        """Do nothing: the chosen class is registered when it is chosen."""

    @classmethod
    def from_pretrained(cls, name: Any, *args: Any, config: Any, **options: Any) -> Any:
        """Open a model."""
        return cls.choose(config).from_pretrained(name, *args, config=config, **options)

    @classmethod
    def _from_config(cls, config: Any, **options: Any) -> Any:
        return cls.choose(config)._from_config(config, **options)

    @classmethod
    def choose(cls, config: Any) -> Any:
        """Return the factorised form of the class that transformers has for a configuration."""
        # The names, not the classes: what other code registered for this kind of configuration is not wanted.
        names = cls.auto._model_mapping._model_mapping.get(config.model_type, ())
        names = [names] if isinstance(names, str) else list(names)
        if not names:
            raise ValueError(f"{cls.auto.__name__} has no class for models of type {config.model_type!r}.")
        saved = config.architectures or ()
        base = getattr(transformers, next((name for name in names if name in saved), names[0]))
        if getattr(config, "num_primitives", None) is None:
            return base
        chosen = _factorized(base)
        chosen.register_for_auto_class(cls.auto.__name__)
        return chosen


def __getattr__(name: str) -> Any:
    """Give for the name of a model class of transformers the factorised one, and a chooser for ``FactorizedAutoX``."""
    base = getattr(transformers, name.removeprefix(PREFIX), None)
    is_model = isinstance(base, type) and issubclass(base, transformers.PreTrainedModel)
    if not isinstance(base, type) or is_model == name.startswith(PREFIX):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _factorized(base) if is_model else _automatic(base)


@cache
def _factorized(base: type) -> Any:
    # Of the same name, by which transformers knows a model's loss and how older checkpoints name its weights.
    return type(base.__name__, (Factorized, base), {"__module__": __name__})


@cache
def _automatic(auto: type) -> Any:
    return type(PREFIX + auto.__name__, (Automatic,), {"__module__": __name__, "auto": auto})


@cache
def _mixed(base: type, factorized: type) -> type:
    # What the base's class does besides, such as scaling the rows, it does by way of `super()`, to the product.
    return factorized if issubclass(factorized, base) else type(PREFIX + base.__name__, (base, factorized), {})


def _turn(module: Any, factorized: type, rank: int) -> None:
    """Make a module one of two factors, in place; it keeps its padding id, its bias and what else it has."""
    if isinstance(module, factorized):
        return
    rows, width = module.weight.shape
    like = {"device": module.weight.device, "dtype": module.weight.dtype}
    base: Any = type(module)
    module.__class__ = _mixed(base, factorized)
    module.weight = nn.Parameter(torch.empty(rows, rank, **like))
    module.primitives = nn.Linear(rank, width, bias=False, **like)
    module._is_hf_initialized = False  # the new weights are not, unless they are loaded

"""A small model with new tokens, and a short training of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.extension.bases import learning, save_base
from vocabx import extend
from vocabx.training.pretrain import Pretraining, pretrain
from vocabx.training.recipes.recipe import Recipe, Stage
from vocabx.training.settings import TrainingSettings

ROWS = ("new-input-rows", "new-head-rows")
TWO_STAGES = Recipe(
    "rows and all",
    "new rows, then everything",
    "a test",
    (Stage("rows", ROWS, 0.5, 1e-2, warmup=0.0), Stage("all", ("everything",), 0.5, 1e-2, warmup=0.0)),
)
NEW_ROWS = Recipe("rows", "new rows", "a test", (Stage("rows", ROWS, 1.0, 1e-2, warmup=0.0, weight_decay=0.1),))
STEP = 2 * 16
SETTINGS: dict[str, Any] = {"batch_size": 2, "length": 16, "log_every": 1, "tokens": 8 * STEP, "save_every": 2 * STEP}


def save_extended(root: Path, **options: Any) -> Path:
    """Write a base, texts, and the base with forty Korean tokens; return the last."""
    base = save_base(root / "base", **options)
    extend(base, out=root / "ko", **learning(root))
    return root / "ko"


def train(root: Path, out: str = "out", recipe: Any = TWO_STAGES, **options: Any) -> Pretraining:
    """Train what `save_extended` wrote for eight steps."""
    named = {name: options.pop(name) for name in list(options) if name in TrainingSettings.__dataclass_fields__}
    settings = TrainingSettings(**{**SETTINGS, **named})
    corpus, model = options.pop("corpus", root / "corpus.txt"), options.pop("model", root / "ko")
    return pretrain(model, corpus, root / out, recipe=recipe, settings=settings, **options)


def stop_at(pattern: str, error: type[BaseException] = KeyboardInterrupt) -> Callable[[str], None]:
    """Return a listener that stops the work when it hears something."""

    def hear(message: str) -> None:
        if pattern in message:
            raise error

    return hear

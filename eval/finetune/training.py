"""Training: how `transformers.Trainer` is set up, so that it keeps nothing and prints nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vocabx.core.errors import InputError, MissingExtraError
from vocabx.core.say import Say, step
from vocabx.eval.cost import Progress
from vocabx.eval.decoder import require_torch
from vocabx.eval.finetune.recipe import Recipe

__all__ = ["progress_callback", "quiet", "require_trainer", "say_steps", "training_arguments"]


def require_trainer(device: str | None = None) -> None:
    """Import what `transformers.Trainer` needs, or say how to get it, and check the device.

    Raises
    ------
    InputError
        When the device is not cpu, or cuda where there is a GPU.
    MissingExtraError
        When something is not installed.
    """
    torch = require_torch()
    try:
        import accelerate  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Fine-tuning", "train") from error
    if device not in (None, "cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise InputError(
            f"Fine-tuning runs on cpu or cuda, not on {device!r} here; CUDA_VISIBLE_DEVICES chooses a GPU."
        )


def say_steps(say: Say, where: str) -> Progress:
    """Return what `Learner.fit` tells its steps, so that they are said."""
    return lambda done, total: say(step(where, f"{done} of {total}"))


def training_arguments(recipe: Recipe, seed: int, folder: str, device: str | None) -> Any:
    """Return what follows a recipe; `folder` is asked for though nothing is written."""
    import transformers

    on_cpu = device == "cpu" or not require_torch().cuda.is_available()
    return transformers.TrainingArguments(
        output_dir=folder,
        num_train_epochs=recipe.epochs,
        max_steps=recipe.steps or -1,
        learning_rate=recipe.learning_rate,
        per_device_train_batch_size=recipe.batch_size,
        weight_decay=recipe.weight_decay,
        warmup_steps=recipe.warmup,
        lr_scheduler_type="linear",
        train_sampling_strategy="group_by_length",
        seed=seed,
        data_seed=seed,
        use_cpu=on_cpu,
        bf16=recipe.dtype == "bfloat16",
        fp16=recipe.dtype == "float16",
        dataloader_pin_memory=not on_cpu,
        save_strategy="no",
        logging_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
    )


def progress_callback(progress: Progress) -> Any:
    """Return a callback that passes on how many steps are done."""
    import transformers

    class Teller(transformers.TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            progress(state.global_step, state.max_steps)

    return Teller()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from reporting that the head is new, which it is meant to be, and from drawing bars."""
    from transformers.utils import logging

    level, is_shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if is_shown:
            logging.enable_progress_bar()

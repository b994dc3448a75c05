"""The Trainer of one stage: transformers', with an order, a loss, saved states and limits that are ours."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from vocabx.core.errors import TrainingError, first_line
from vocabx.training.processes import wait
from vocabx.training.recipes.recipe import Stage
from vocabx.training.run_state import note_whole
from vocabx.training.settings import MASKED, TrainingSettings
from vocabx.training.trained_tensors import TRAINED, load_trained, trained_tensors

__all__ = ["StageData", "make_trainer", "masked_cross_entropy", "release"]


@dataclass(frozen=True)
class StageData:
    """The sequences of one stage as a dataset: those of the run from `first` on.

    Attributes
    ----------
    sequences : PackedSequences or MaskedSequences
    first, count : int
    """

    sequences: Any
    first: int
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Mapping[str, Any]:
        if not 0 <= index < self.count:
            raise IndexError(index)
        found: Mapping[str, Any] = self.sequences[self.first + index]
        return found


def make_trainer(
    model: Any,
    stage: Stage,
    number: int,
    steps: int,
    save_every: int,
    data: StageData,
    collator: Any,
    objective: str,
    settings: TrainingSettings,
    folder: Path,
    callbacks: list[Any],
) -> Any:
    """Return a Trainer for one stage of a run.

    Text is read in the order of the dataset. A step whose loss or gradient is not finite raises `TrainingError` before
    anything is changed by it. A saved state holds what is trained, the optimizer, the schedule and the generators.
    """
    import transformers

    # With a cache transformers does not look where documents begin; its Trainer turns off only that of models of text.
    model.config.get_text_config().use_cache = False
    arguments = _arguments(stage, steps, save_every, settings, folder)
    trainer = type("StageTrainer", (StageTraining, transformers.Trainer), {})(
        model=model,
        args=arguments,
        train_dataset=data,
        data_collator=collator,
        compute_loss_func=masked_cross_entropy if objective == MASKED else None,
        callbacks=callbacks,
    )
    trainer.where = f"stage {number} ({stage.name})"
    trainer.remove_callback(transformers.PrinterCallback)  # results alone go to stdout
    return trainer


def masked_cross_entropy(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Return the cross-entropy of the labels that are not -100, divided by their number in all batches of a step.

    The masked models of transformers divide by that in each batch, so that batches with few masks would weigh more.
    """
    from torch.nn.functional import cross_entropy

    logits = outputs["logits"] if isinstance(outputs, Mapping) else outputs[0]
    total = cross_entropy(logits.float().flatten(0, -2), labels.flatten(), ignore_index=-100, reduction="sum")
    count = num_items_in_batch if num_items_in_batch is not None else (labels != -100).sum()
    return total / max(count, 1)  # of text without a single known token nothing is hidden


def release(trainer: Any) -> Any:
    """Take what was put around the model, and let go of the optimizer; return the model as it was given."""
    model = trainer.accelerator.unwrap_model(trainer.model_wrapped, keep_fp32_wrapper=False)
    trainer.optimizer = trainer.lr_scheduler = None
    trainer.accelerator.free_memory()
    return model


def _arguments(stage: Stage, steps: int, save_every: int, settings: TrainingSettings, folder: Path) -> Any:
    import torch
    import transformers

    on_cpu = settings.cpu or not torch.cuda.is_available()
    checkpointing = {}
    if settings.checkpoint_gradients:
        fields = transformers.TrainingArguments.__dataclass_fields__
        name = "activation_checkpointing" if "activation_checkpointing" in fields else "gradient_checkpointing"
        # The other way needs inputs with gradients, which frozen embeddings do not give.
        checkpointing = {name: True, f"{name}_kwargs": {"use_reentrant": False}}
    made = transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulate,
        learning_rate=stage.learning_rate,
        lr_scheduler_type=stage.schedule,
        warmup_steps=round(stage.warmup * steps),
        weight_decay=stage.weight_decay,
        # Not 0, with which transformers would not ask for the norm, and one that is not finite would go unseen.
        max_grad_norm=settings.largest_gradient or math.inf,
        seed=settings.seed,
        data_seed=settings.seed,
        use_cpu=on_cpu,
        bf16=settings.dtype == "bfloat16",
        dataloader_pin_memory=not on_cpu,
        logging_steps=settings.log_every,
        logging_first_step=True,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=save_every,
        save_total_limit=2,
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        log_level="error",
        remove_unused_columns=False,
        **checkpointing,
    )
    if made.n_gpu > 1:
        # One process would split its batches among all GPUs, and read as many times the text as it was told to.
        made._n_gpu = 1
    return made


class StageTraining:
    """What a stage does otherwise than transformers' Trainer, which comes behind it: it is not there without torch."""

    where = ""
    train_dataset: Any
    args: Any
    model: Any
    state: Any
    is_fsdp_enabled: bool
    is_deepspeed_enabled: bool

    def _get_train_sampler(self, *_: Any) -> Any:
        from torch.utils.data import SequentialSampler

        return SequentialSampler(self.train_dataset)

    def training_step(self, *given: Any, **named: Any) -> Any:
        """Add to the gradients; raise `TrainingError` where the loss is not finite."""
        loss = super().training_step(*given, **named)  # type: ignore[misc]
        if not loss.isfinite().all():
            raise self._broken(self.state.global_step + 1, f"the loss is {float(loss.mean()):g}")
        return loss

    def _clip_grad_norm(self, model: Any) -> Any:
        norm = super()._clip_grad_norm(model)  # type: ignore[misc]
        if norm is not None and not math.isfinite(float(norm)):
            raise self._broken(self.state.global_step + 1, f"the norm of the gradient is {float(norm):g}")
        return norm

    def _broken(self, step: int, what: str) -> TrainingError:
        return TrainingError(
            f"At step {step} of {self.where} {what}, and training stopped; try a smaller learning rate, in a recipe of "
            "your own."
        )

    def check_finite(self) -> None:
        """Raise `TrainingError` where what is trained is not finite after the last step."""
        if self._is_shared_out:
            return  # each process has parts of its own, and one that stops would leave the others waiting
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad and not parameter.isfinite().all():
                raise self._broken(self.state.global_step, f"{name} became infinite or NaN")

    @property
    def _is_shared_out(self) -> bool:
        return bool(self.is_fsdp_enabled or self.is_deepspeed_enabled)

    def _save_checkpoint(self, *given: Any, **named: Any) -> None:
        from safetensors import SafetensorError

        try:
            super()._save_checkpoint(*given, **named)  # type: ignore[misc]
            wait()  # each process writes a part
            if self.args.should_save:
                note_whole(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}")
        # A full disk is an error of another kind for each of the libraries that write here.
        except (OSError, RuntimeError, SafetensorError) as error:
            reason = first_line(error).rstrip(".")
            raise TrainingError(
                f"The state after step {self.state.global_step} of {self.where} cannot be saved: {reason}. See whether "
                "the disk has room."
            ) from error

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if self._is_shared_out:
            super()._save(output_dir, state_dict)  # type: ignore[misc]
            return
        if not self.args.should_save:
            return
        from safetensors.torch import save_file

        self.check_finite()
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(trained_tensors(self), folder / TRAINED)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        from safetensors.torch import load_file
        from transformers.trainer import TRAINER_STATE_NAME

        with _whole(resume_from_checkpoint):
            json.loads((Path(resume_from_checkpoint) / TRAINER_STATE_NAME).read_text("utf-8"))
            if self._is_shared_out:
                super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            else:
                load_trained(self.model, load_file(Path(resume_from_checkpoint) / TRAINED))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        with _whole(checkpoint):
            super()._load_optimizer_and_scheduler(checkpoint)  # type: ignore[misc]

    def _load_rng_state(self, checkpoint: str | None) -> None:
        with _whole(checkpoint):
            super()._load_rng_state(checkpoint)  # type: ignore[misc]


@contextmanager
def _whole(folder: str | None) -> Iterator[None]:
    """Raise `TrainingError` where a saved state cannot be read: it was copied in part, say."""
    from safetensors import SafetensorError

    try:
        yield
    # Each of the files has another library with errors of its own.
    except (OSError, EOFError, KeyError, RuntimeError, SafetensorError, UnpicklingError, ValueError) as error:
        reason = first_line(error).rstrip(".")
        raise TrainingError(
            f"The saved state {folder} is damaged: {reason}. Remove it, and the same command goes on from what was "
            "saved before."
        ) from error

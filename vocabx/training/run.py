"""Run: the stages of a recipe, one after the other, each gone on with from where an earlier run was cut off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vocabx.core.arrays import Ints
from vocabx.core.errors import TrainingError
from vocabx.core.say import Say
from vocabx.training.model.loading import Loaded
from vocabx.training.model.weights import load_weights, save_weights
from vocabx.training.processes import is_first, wait
from vocabx.training.recipes.recipe import Stage
from vocabx.training.request import TrainingRequest
from vocabx.training.run_state import RunState
from vocabx.training.stage.next_but_one import attach, detach
from vocabx.training.stage.preparation import Prepared, prepare_stage
from vocabx.training.steps import Steps
from vocabx.training.trained_tensors import load_trained, trained_tensors
from vocabx.training.trainer import StageData, make_trainer, release
from vocabx.training.watching import Watch, board, watching_callback

__all__ = ["Run", "TrainedStage"]


@dataclass(frozen=True, slots=True)
class TrainedStage:
    """A stage as it was carried out.

    Attributes
    ----------
    stage : Stage
    steps : int
    trained : int
        Numbers that were trained.
    """

    stage: Stage
    steps: int
    trained: int


@dataclass
class Run:
    """What trains a model through all stages.

    Attributes
    ----------
    loaded : Loaded
        Its model is the one that is trained, in place, unless it is shared out among devices.
    reload : callable
        Loads it again as it is stored.
    stages : tuple of Stage
    steps : Steps
    request : TrainingRequest
    new_ids : ndarray of int64
    sequences, collator
        The text of the whole run, and what makes batches of it.
    state : RunState
    watch : Watch
    say : callable
    after_stage : callable
        Told of the stages that are done at the end of each but the last, while the model is whole.
    """

    loaded: Loaded
    reload: Callable[[], Loaded]
    stages: tuple[Stage, ...]
    steps: Steps
    request: TrainingRequest
    new_ids: Ints
    sequences: Any
    collator: Any
    state: RunState
    watch: Watch
    say: Say
    after_stage: Callable[[Run, list[TrainedStage]], None]

    def carry_out(self) -> list[TrainedStage]:
        """Train all stages that are not finished yet; the model is whole again afterwards."""
        if self.request.recipe.predicts_next_but_one:
            attach(self.loaded.model)
        finished, weights = self.state.finished()
        if weights is not None:
            self.say(f"going on after stage {finished} of {len(self.stages)}")
            load_weights(self.loaded.model, weights)
        done = list[TrainedStage]()
        for number, stage in enumerate(self.stages, 1):
            if number <= finished:
                done.append(TrainedStage(stage, self.steps.stages[number - 1], self.state.trained()[number - 1]))
                continue
            done.append(self._stage(number, stage, done))
        detach(self.loaded.model)
        return done

    def _stage(self, number: int, stage: Stage, before: Sequence[TrainedStage]) -> TrainedStage:
        steps = self.steps.stages[number - 1]
        step, saved = self.state.saved_state(number)
        if saved is not None:
            self.say(f"going on with stage {number} of {len(self.stages)} after step {step} of {steps}")
        if is_first():
            self.state.curve.cut(number, step)
        wait()
        prepared = prepare_stage(self.loaded.model, stage, self.new_ids, self.request.settings.seed)
        self.say(f"stage {number} of {len(self.stages)}, {stage.name}: {sum(prepared.trainable.values()):,} parameters")
        self.watch.enter(number, stage.name)
        with self._board(number, step) as boards:
            trainer = make_trainer(
                prepared.model,
                stage,
                number,
                steps,
                self.steps.save_every,
                self._data(number),
                self.collator,
                self.request.objective,
                self.request.settings,
                self.state.stage(number),
                [watching_callback(self.watch), *boards],
            )
            self._train(trainer, saved, number)
        done = TrainedStage(stage, steps, sum(prepared.trainable.values()))
        self._make_whole(trainer, prepared, number, stage)
        if number < len(self.stages):
            # Before the stage counts as finished: a run that is cut off here comes back to it.
            self.after_stage(self, [*before, done])
        if is_first():
            self.state.finish(number, done.trained)
        wait()
        return done

    def _train(self, trainer: Any, saved: Path | None, number: int) -> None:
        import torch

        try:
            trainer.train(resume_from_checkpoint=str(saved) if saved else None)
            trainer.check_finite()
        except TrainingError as error:
            raise TrainingError(f"{error} {self._kept(number)}") from error
        except torch.cuda.OutOfMemoryError as error:
            raise TrainingError(
                f"The GPU has too little memory for stage {number} ({self.stages[number - 1].name}): go on with "
                "--checkpoint-gradients (checkpoint_gradients=), or begin anew with a smaller --batch-size "
                f"(batch_size=). {self._kept(number)}"
            ) from error

    def _kept(self, number: int) -> str:
        """Say what is left of a run whose stage of this number was stopped."""
        step, saved = self.state.saved_state(number)
        finished, weights = self.state.finished()
        if saved is not None:
            return f"The state after step {step} is kept in {saved}."
        if weights is not None:
            return f"The weights after stage {finished} are kept in {weights}."
        return "No state was saved before it."

    def _make_whole(self, trainer: Any, prepared: Prepared, number: int, stage: Stage) -> None:
        """Make the model whole and keep its weights."""
        if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            self._gather(trainer, number, stage)
        else:
            release(trainer)
            prepared.finish()
            if is_first():
                save_weights(self.loaded, self.loaded.model, self.state.weights_after(number))

    def _gather(self, trainer: Any, number: int, stage: Stage) -> None:
        """Put the parts of a model that is shared out together, in a model that is loaded anew."""
        tensors = trained_tensors(trainer)
        trainer.accelerator.free_memory()
        _, weights = self.state.finished()
        self.loaded = self.reload()
        if self.request.recipe.predicts_next_but_one:
            attach(self.loaded.model)
        if weights is not None:
            load_weights(self.loaded.model, weights)
        if is_first():
            prepared = prepare_stage(self.loaded.model, stage, self.new_ids, self.request.settings.seed)
            load_trained(self.loaded.model, tensors)
            prepared.finish()
            save_weights(self.loaded, self.loaded.model, self.state.weights_after(number))
        wait()
        load_weights(self.loaded.model, self.state.weights_after(number))

    def _data(self, number: int) -> StageData:
        first = self.steps.before(number - 1) * self.steps.sequences
        return StageData(self.sequences, first, self.steps.stages[number - 1] * self.steps.sequences)

    def _board(self, number: int, step: int) -> AbstractContextManager[list[Any]]:
        return board(self.state.logs / f"stage-{number}", step) if is_first() else nullcontext([])

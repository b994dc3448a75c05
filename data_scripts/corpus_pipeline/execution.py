"""Where phases run: on this machine, on Ray or on Slurm, by datatrove's executors."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus_pipeline.phases import Phase
from corpus_pipeline.profile import Profile
from corpus_pipeline.step import in_one_line
from vocabx.core.errors import InputError, MissingExtraError, UnknownNameError, VocabxError
from vocabx.core.say import Say

__all__ = [
    "EXECUTORS",
    "Place",
    "check_place",
    "describe_slurm",
    "phase_is_complete",
    "processors",
    "run_phases",
    "silence",
]

EXECUTORS = ("local", "slurm", "ray")
LARGEST_ARRAY = 1001
"""Of Slurm's jobs, unless its administrator allows more."""
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Place:
    """Where a pipeline runs.

    Attributes
    ----------
    executor : {"local", "slurm", "ray"}
        Whose tasks they are.
    workers : int
        Tasks at a time.
    logs : Path
        A folder; each phase has one of its own there, in which datatrove notes the tasks that are complete.
    """

    executor: str
    workers: int
    logs: Path

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            raise UnknownNameError("executor", self.executor, EXECUTORS)
        if self.workers < 1:
            raise InputError(f"--workers is {self.workers}; it must be at least 1.")


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_place(profile: Profile, place: Place, most_tasks: int) -> None:
    """Raise a `VocabxError` where nothing can be run: there is no Ray, no Slurm, or too much for that."""
    if place.executor == "ray":
        try:
            import ray  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("Running on Ray", "data") from error
    if place.executor == "slurm":
        _partition(profile)
        # datatrove would submit several arrays, and let the next phase begin though a task of the first one failed.
        if most_tasks > LARGEST_ARRAY:
            raise InputError(f"Slurm takes {LARGEST_ARRAY:,} tasks at most; --tasks is {most_tasks:,}.")
        if shutil.which("sbatch") is None:
            raise InputError("There is no sbatch here: run this where Slurm's commands are, or with --dry-run.")


def silence() -> None:
    """Keep datatrove's log in its files."""
    # Importing this sets the log up.
    from datatrove.utils.logging import logger

    logger.remove()


def _quiet(executor: type[Any]) -> type[Any]:
    class Quiet(executor):  # type: ignore[misc]  # any executor of datatrove
        """Keeps what a task says in its log file, which holds all of it."""

        def _run_for_rank(self, rank: int, local_rank: int = 0, node_rank: int = -1) -> Any:
            try:
                with contextlib.redirect_stderr(io.StringIO()):
                    return super()._run_for_rank(rank, local_rank, node_rank)
            # A pool waits for ever for an error that cannot be pickled and back; these two can.
            except VocabxError as error:
                raise InputError(str(error)) from error
            except Exception as error:
                raise RuntimeError(f"{type(error).__name__}: {error}") from error

    return Quiet


def run_phases(phases: Sequence[Phase], profile: Profile, place: Place, say: Say) -> bool:
    """Run phases, one after the other, and go on where an earlier run was cut off; return whether all is done.

    On Slurm the phases are submitted, each to begin when the one before has ended well, and nothing is waited for.

    Raises
    ------
    VocabxError
        When a task fails; complete tasks stay complete.
    """
    if place.executor == "slurm":
        _submit(phases, profile, place)
        return False
    with _cluster(profile, place):
        for phase in phases:
            if not phase_is_complete(phase, place.logs):
                say(f"{phase.name}: {phase.tasks} task{'s' * (phase.tasks != 1)}")
                _run(phase, profile, place)
    return True


def phase_is_complete(phase: Phase, logs: Path) -> bool:
    """Return whether all tasks of a phase have ended well."""
    return all((logs / phase.name / "completions" / f"{rank:05d}").is_file() for rank in range(phase.tasks))


def _run(phase: Phase, profile: Profile, place: Place) -> None:
    logs = str(place.logs / phase.name)
    cause: Exception | None = None
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            if place.executor == "ray":
                _ray_executor(phase, profile, place, logs).run()
            else:
                _local_executor(phase, place, logs).run()
    except Exception as error:  # whatever a task raises; its log has all of it
        cause = error
    finally:
        silence()
    if phase_is_complete(phase, place.logs):
        return
    if isinstance(cause, VocabxError):
        raise cause
    raise _failure(phase, place.logs, cause)


def _failure(phase: Phase, logs: Path, cause: Exception | None) -> VocabxError:
    for log in sorted((logs / phase.name / "logs").glob("*.log")):
        found = re.findall(r"^vocabx\.core\.errors\.\w+: (.*)$", log.read_text("utf-8", "replace"), re.MULTILINE)
        if found:
            return InputError(found[-1])
    said = f" ({in_one_line(cause)})" if cause else ""
    return InputError(
        f"The phase {phase.name} failed{said}; its logs are in {logs / phase.name}. The same command goes on."
    )


def _local_executor(phase: Phase, place: Place, logs: str) -> Any:
    from datatrove.executor import LocalPipelineExecutor

    # As many workers as tasks at most: with one, everything stays in this process.
    workers = min(place.workers, phase.tasks)
    return _quiet(LocalPipelineExecutor)(list(phase.steps), phase.tasks, workers, logs)


def _ray_executor(phase: Phase, profile: Profile, place: Place, logs: str) -> Any:
    from datatrove.executor import RayPipelineExecutor

    return _quiet(RayPipelineExecutor)(
        list(phase.steps),
        phase.tasks,
        min(place.workers, phase.tasks),
        logging_dir=logs,
        cpus_per_task=profile.ray.cpus_per_task,
        mem_per_cpu_gb=profile.ray.mem_per_cpu_gb,
        gpus_per_task=profile.ray.gpus_per_task,
    )


@contextlib.contextmanager
def _cluster(profile: Profile, place: Place) -> Iterator[None]:
    if place.executor != "ray":
        yield
        return
    import ray

    address = profile.ray.address
    own: dict[str, Any] = {}
    if not address and "RAY_ADDRESS" not in os.environ:
        own = {"num_cpus": place.workers * profile.ray.cpus_per_task, "include_dashboard": False}
    environment = {"env_vars": {"PYTHONPATH": _python_path()}}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, runtime_env=environment, **own)
    except Exception as error:  # of whatever kind: a wrong address alone has several
        raise InputError(f"Ray cannot be reached or started: {in_one_line(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _python_path() -> str:
    return os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))


def _partition(profile: Profile) -> str:
    if not profile.slurm.partition:
        raise InputError("Slurm needs a partition: --set slurm.partition=NAME.")
    return profile.slurm.partition


def _slurm_executors(phases: Sequence[Phase], profile: Profile, place: Place) -> list[Any]:
    from datatrove.executor import SlurmPipelineExecutor

    class Unmerged(SlurmPipelineExecutor):  # type: ignore[misc]  # any executor of datatrove
        """Adds nothing up in further jobs: `account` does."""

        def launch_merge_stats(self) -> None:
            pass

    asked, executors, partition = profile.slurm, list[Any](), _partition(profile)
    path = f"export PYTHONPATH={shlex.quote(_python_path())}"
    for phase in phases:
        executor = Unmerged(
            list(phase.steps),
            phase.tasks,
            asked.time,
            partition,
            cpus_per_task=asked.cpus_per_task,
            mem_per_cpu_gb=asked.mem_per_cpu_gb,
            gpus_per_task=asked.gpus_per_task,
            workers=min(place.workers, phase.tasks),
            job_name=f"corpus-{phase.name}",
            qos=asked.qos,
            env_command=f"{path}; {asked.setup}" if asked.setup else path,
            sbatch_args=dict(asked.sbatch),
            logging_dir=str(place.logs / phase.name),
            depends=executors[-1] if executors else None,
        )
        executors.append(executor)
    return executors


def _submit(phases: Sequence[Phase], profile: Profile, place: Place) -> None:
    executors = _slurm_executors(phases, profile, place)
    try:
        executors[-1].run()
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        taken = [str(each.job_id) for each in executors if each.job_id not in (None, -1)]
        before = f" It has taken others: take them back (scancel {' '.join(taken)}) before a new try." if taken else ""
        raise InputError(f"Slurm's sbatch did not take all jobs: {error}.{before}") from error


def describe_slurm(phases: Sequence[Phase], profile: Profile, place: Place) -> list[str]:
    """Return what would be given to sbatch for each phase."""
    scripts = []
    for executor in _slurm_executors(phases, profile, place):
        pickled = executor.logging_dir.resolve_paths("executor.pik")
        arguments = executor.get_sbatch_args(min(executor.tasks, executor.max_array_size))
        scripts.append(executor.get_launch_file_contents(arguments, f"srun -l -n 1 launch_pickled_pipeline {pickled}"))
    return scripts

"""Tasks: files that include the harness's own and say nothing but where the data are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vocabx.core.errors import InputError, MissingExtraError
from vocabx.eval.harness.splits import TRAINING

__all__ = ["Record", "TaskSource", "require_harness", "write_tasks"]

Record = Mapping[str, Any]


def require_harness() -> Path:
    """Return the folder of the harness's tasks, or say how to get it.

    Raises
    ------
    MissingExtraError
        When it is not installed.
    """
    try:
        import lm_eval.tasks
    except ImportError as error:
        raise MissingExtraError("Running tasks of the lm-evaluation-harness", "eval") from error
    return Path(lm_eval.tasks.__file__).parent


@dataclass(frozen=True)
class TaskSource:
    """A task of the harness, and where its data are.

    Attributes
    ----------
    name : str
        As the result names it.
    folder : str
        Of the harness's tasks.
    split : str
        The part that is asked; the key of it in `records` or `parquet`.
    records : mapping of str to sequence of records
        Parts by name, in the columns that the task expects. The training part is what examples are drawn from.
    parquet : mapping of str to str
        The same as places of Parquet files. With neither the harness loads what its own file names.
    based_on : str, optional
        The task whose file is included; by default the one of this name.
    changes : mapping
        What else differs from that file.
    """

    name: str
    folder: str
    split: str
    records: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    parquet: Mapping[str, str] = field(default_factory=dict)
    based_on: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path, harness: Path) -> None:
        """Write the file of the task, and of each part of its data."""
        included = harness / self.folder / f"{self.based_on or self.name}.yaml"
        if not included.is_file():
            raise InputError(f"The installed lm-evaluation-harness has no task {self.based_on or self.name}.")
        content = {"include": str(included), **self.changes, "task": self.name, **self._data(folder)}
        # JSON is YAML.
        (folder / f"{self.name}.yaml").write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")

    def _data(self, folder: Path) -> dict[str, Any]:
        files: dict[str, str] = dict(self.parquet)
        for part, records in self.records.items():
            path = folder / f"{self.name}.{part}.jsonl"
            with path.open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
            files[part] = str(path)
        if not files:
            return {}
        # Without a cache of its own each run would leave a copy of its data in the user's.
        cache = {"cache_dir": str(folder / "cache")} if self.records else {}
        return {
            "dataset_path": "json" if self.records else "parquet",
            "dataset_name": None,
            "dataset_kwargs": {"data_files": files, **cache},
            "training_split": TRAINING if TRAINING in files else None,
            "validation_split": None,
            "test_split": self.split,
        }


def write_tasks(sources: Sequence[TaskSource], folder: Path) -> None:
    """Write the files of some tasks into an empty folder, for the harness to find there.

    Raises
    ------
    InputError
        When a part of the data holds nothing, or the harness has no such task.
    MissingExtraError
        When the harness is not installed.
    """
    harness = require_harness()
    for source in sources:
        for part, records in source.records.items():
            if not records:
                raise InputError(f"The {part} part of {source.name} holds no item.")
        source.write(folder, harness)

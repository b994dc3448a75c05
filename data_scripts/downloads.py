"""What `get_corpora.py` and `get_evaluation_data.py` share: records of earlier runs, datasets of the hub."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, TypeVar

import huggingface_hub
from huggingface_hub.errors import HfHubHTTPError

from vocabx.core.errors import InputError

__all__ = ["HubFiles", "ask_hub", "fetch_from_hub", "read_records", "write_records", "write_whole"]

Kind = TypeVar("Kind")


def write_whole(path: Path, text: str) -> None:
    """Write a file that appears when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.incomplete")
    staged.write_bytes(text.encode())
    os.replace(staged, path)


# --- records ------------------------------------------------------------------------------------------------------


def read_records(file: Path, kind: Callable[..., Kind]) -> dict[str, Kind]:
    """Read what earlier runs noted, a dataclass by name.

    Raises
    ------
    InputError
        When the file is there and holds something else.
    """
    try:
        return {name: kind(**parts) for name, parts in json.loads(file.read_text("utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{file} cannot be read; take it away to begin anew: {error}") from error


def write_records(file: Path, records: Mapping[str, Any]) -> None:
    """Write what is known, whole or not at all."""
    write_whole(file, json.dumps({name: vars(one) for name, one in records.items()}, indent=1) + "\n")


# --- the hub ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HubFiles:
    """What a dataset of the hub has in a commit: its files, each with its SHA-256 where the hub gives one."""

    repository: str
    commit: str | None
    promised: Mapping[str, str | None]

    def find(self, pattern: str) -> list[str]:
        """Return the files of a pattern in their order.

        Raises
        ------
        InputError
            When there is none.
        """
        found = sorted(path for path in self.promised if fnmatch(path, pattern))
        if not found:
            raise InputError(f"{self.repository} has no file {pattern} in its commit {self.commit}.")
        return found


def ask_hub(repository: str, commit: str | None, revision: str) -> HubFiles:
    """Ask the hub what a dataset has in the commit that was noted, or else in a revision.

    Raises
    ------
    InputError
        When the hub cannot be reached or lacks the dataset.
    """
    try:
        info = huggingface_hub.HfApi().dataset_info(repository, revision=commit or revision, files_metadata=True)
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise InputError(f"The hub cannot be asked for {repository}: {_first_line(error)}") from error
    promised = {one.rfilename: one.lfs.sha256 if one.lfs else None for one in info.siblings or ()}
    return HubFiles(repository, commit or info.sha, promised)


def fetch_from_hub(repository: str, path: str, commit: str | None, folder: Path | None = None) -> Path:
    """Fetch one file of a dataset into a folder, or else into the hub's cache; return where it is.

    Raises
    ------
    InputError
        When it cannot be fetched.
    """
    try:
        place = huggingface_hub.hf_hub_download(
            repository, path, repo_type="dataset", revision=commit, local_dir=folder
        )
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise InputError(f"{repository} cannot be fetched: {_first_line(error)}") from error
    return Path(place)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)

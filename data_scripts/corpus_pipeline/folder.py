"""Folders: the output appears whole when all is done; until then the work lies in one beside it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from corpus_pipeline.account import Account, read_account
from corpus_pipeline.execution import phase_is_complete
from corpus_pipeline.phases import INDEX, SHARDS, Phase
from corpus_pipeline.step import Step
from vocabx.core.errors import CorpusError, InputError, OutputError

__all__ = ["FINISH", "REPORT", "Finish", "Folder"]

FINISH = "finish"
"""The name of the last phase."""
REPORT = "report.json"
SETTINGS = "settings.json"
WORK = ("rules", "distinct", "exact", "near", SHARDS)


@dataclass(frozen=True)
class Folder:
    """The output, and the folder beside it in which it is made."""

    out: Path

    def __post_init__(self) -> None:
        if not self.out.name:
            raise OutputError(f"{self.out} exists already. Name another folder.")

    @property
    def unfinished(self) -> Path:
        """Where the work is until it is done."""
        return self.out.with_name(f"{self.out.name}.unfinished")

    @property
    def logs(self) -> Path:
        """Where datatrove notes what is done."""
        return self.unfinished / "logs"

    def check(self, settings: Mapping[str, Any]) -> None:
        """Know whether work with these settings can begin here, or go on.

        Raises
        ------
        OutputError
            When the output is there already.
        InputError
            When the work was begun with other settings.
        """
        if self.out.exists():
            raise OutputError(f"{self.out} exists already. Name another folder, or take it away.")
        if phase_is_complete(Phase(FINISH, "", (), 1), self.logs):
            self.clean()  # the rest of work that came to its end, and whose output is somewhere else now
        file, plain = self.unfinished / SETTINGS, json.loads(json.dumps(settings))
        if file.is_file():
            earlier = json.loads(file.read_text("utf-8"))
            changed = [
                name for name in {**earlier, **plain} if name != "begun" and earlier.get(name) != plain.get(name)
            ]
            if changed:
                raise InputError(
                    f"{self.unfinished} was begun with other settings ({', '.join(sorted(changed))}); give the same "
                    "again to go on, or take it away to begin anew."
                )

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Note the settings, unless the work goes on; raise `OutputError` where that cannot be written."""
        file = self.unfinished / SETTINGS
        if file.is_file():
            return
        content = json.dumps({**settings, "begun": time.time()}, ensure_ascii=False, indent=1)
        try:
            self.unfinished.mkdir(parents=True, exist_ok=True)
            staged = self.unfinished / f".{SETTINGS}"
            staged.write_text(content, "utf-8")
            os.replace(staged, file)
        except OSError as error:
            raise OutputError(f"{self.unfinished} cannot be written: {error}") from error

    def clean(self) -> None:
        """Take the rest of the work away."""
        shutil.rmtree(self.unfinished, ignore_errors=True)


class Finish(Step):
    """The last step: writes the report beside the shards, and gives them their name."""

    def __init__(self, folder: Folder, phases: Sequence[Phase], facts: Mapping[str, Any]) -> None:
        super().__init__(FINISH)
        self.folder, self.facts = folder, dict(facts)
        self.phases = [Phase(one.name, one.stage, (), one.tasks) for one in phases]

    def __call__(self, data: Iterable[Any] | None = None, rank: int = 0, world_size: int = 1) -> None:
        """Finish.

        Raises
        ------
        CorpusError
            When no document is left.
        """
        folder = self.folder
        if folder.out.exists() and not (folder.unfinished / SHARDS).exists():
            return  # it was cut off after its work
        account = read_account(self.phases, folder.logs)
        if not account.last.documents:
            raise self._nothing_left(account)
        begun = json.loads((folder.unfinished / SETTINGS).read_text("utf-8"))["begun"]
        content = {**self.facts, "wall_seconds": time.time() - begun, "stages": [asdict(one) for one in account.stages]}
        shards = folder.unfinished / SHARDS
        (shards / REPORT).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
        os.rename(shards, folder.out)
        for name in WORK:
            shutil.rmtree(folder.unfinished / name, ignore_errors=True)
        (folder.unfinished / INDEX).unlink(missing_ok=True)

    def _nothing_left(self, account: Account) -> CorpusError:
        emptied = next(one.stage for one in account.stages if not one.documents)
        if emptied != "read":
            return CorpusError(f"No document is left after the stage {emptied}; its limits may not suit this text.")
        if all(size is not None for _, size in self.facts["inputs"]):
            return CorpusError("No document was read: the input is empty.")
        # datatrove passes over records without the field.
        field = self.facts["profile"]["read"]["text_field"]
        return CorpusError(
            f"No document was read: the input is empty, or its records have no text in the field {field!r}. Name "
            "another with --set read.text_field=NAME."
        )

"""How hub ids are looked up, and what the place of a downloaded model says about where it came from."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

__all__ = ["HUB_ID", "HubOptions", "HubOrigin", "hub_origin", "split_hub_id"]

HUB_ID = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*/[\w.-]+)(@(?P<revision>[\w.-]+(/[\w.-]+)*))?")
"""A hub id, perhaps with a revision. No id holds an @, so there is one way to read it."""

FOLDER_OF_MODELS, SNAPSHOTS = "models--", "snapshots"


@dataclass(frozen=True, slots=True)
class HubOptions:
    """How hub ids are looked up.

    Attributes
    ----------
    revision : str, optional
        Branch, tag or commit of the model that is changed; ``organisation/name@revision`` says the same of any model.
    token : str, optional
        Access token, for private and gated models; by default that of `HF_TOKEN` or of `hf auth login`.
    cache_dir : path, optional
        Where downloads are kept; by default the hub's own cache.
    offline : bool
        Look into the cache only, as `HF_HUB_OFFLINE=1` does.
    """

    revision: str | None = None
    token: str | None = field(default=None, repr=False)
    cache_dir: str | Path | None = None
    offline: bool = False

    @property
    def for_others(self) -> HubOptions:
        """The same for tokenizers and donors, which are not of the model's revision."""
        return replace(self, revision=None)

    @property
    def is_offline(self) -> bool:
        """Whether the hub is not to be asked, by option or by environment."""
        return self.offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


@dataclass(frozen=True, slots=True)
class HubOrigin:
    """The repository that a directory was downloaded from, and the commit."""

    repository: str
    commit: str


def split_hub_id(text: str) -> tuple[str, str | None] | None:
    """Split ``organisation/name@revision``; None where that is not what it is.

    >>> split_hub_id("someone/model"), split_hub_id("someone/model@refs/pr/1"), split_hub_id("a/b/c")
    (('someone/model', None), ('someone/model', 'refs/pr/1'), None)
    """
    match = HUB_ID.fullmatch(text)
    return None if match is None else (match["name"], match["revision"])


def hub_origin(directory: Path) -> HubOrigin | None:
    """Read repository and commit from the place of a snapshot in the hub's cache; None of any other directory.

    >>> hub_origin(Path("/cache/models--someone--model/snapshots/0123abc"))
    HubOrigin(repository='someone/model', commit='0123abc')
    """
    parts = Path(os.path.abspath(directory)).parts[-3:]
    if len(parts) < 3 or parts[1] != SNAPSHOTS or not parts[0].startswith(FOLDER_OF_MODELS):
        return None
    return HubOrigin(parts[0].removeprefix(FOLDER_OF_MODELS).replace("--", "/"), parts[2])

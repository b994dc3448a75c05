"""Manifest: `vocabx.json` beside the weights, which says what was done and proves each new token."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vocabx.core.alignment import Alignment
from vocabx.core.errors import InputError
from vocabx.core.initialization import Initialization
from vocabx.core.plan import Plan

__all__ = ["FILE_NAME", "Manifest", "NewToken", "load_alignments", "save_alignments"]

FILE_NAME = "vocabx.json"
FORMAT = 1
MATRICES = ("input", "head", "bias")
RECORDED_PACKAGES = ("vocabx", "numpy", "scipy", "tokenizers", "transformers")


@dataclass(frozen=True, slots=True)
class NewToken:
    """One new token and why it exists.

    A token of whole characters has a `witness`, a text that produces it. Any other names the new token that it is a
    part of, by id, in `needed_by`. `parts` are the ids of the two tokens that its merge joins.
    """

    id: int
    piece: str
    text: str
    parts: tuple[int, int]
    witness: str | None = None
    needed_by: int | None = None
    origin: str | None = None
    evidence: int | None = None


@dataclass(frozen=True)
class Manifest:
    """Everything that `vocabx.json` holds."""

    command: str
    base: str
    method: str
    convex: bool
    seed: int
    plan: Plan
    tokenizer: Mapping[str, Any]
    rows: Mapping[str, str]
    new_tokens: Sequence[NewToken]
    corpus: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def with_rows(self, rows: Mapping[str, str]) -> Manifest:
        """Return a copy that names where the weights of each matrix's rows are kept."""
        return replace(self, rows=rows)

    def save(self, directory: Path) -> None:
        """Write it, one new token to a line."""
        content = {
            "format": FORMAT,
            "command": self.command,
            "base": self.base,
            "method": self.method,
            "convex": self.convex,
            "seed": self.seed,
            "plan": self.plan.to_json(),
            "tokenizer": self.tokenizer,
            "corpus": self.corpus,
            "rows": self.rows,
            "versions": self.versions,
        }
        head = json.dumps(content, ensure_ascii=False, indent=2)[:-2]
        tokens = (json.dumps(_compact(token), ensure_ascii=False) for token in self.new_tokens)
        text = head + ',\n  "new_tokens": [\n    ' + ",\n    ".join(tokens) + "\n  ]\n}\n"
        (directory / FILE_NAME).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Manifest:
        """Read it from a model directory; raise `InputError` when vocabx did not write that directory."""
        path = directory / FILE_NAME
        if not directory.is_dir():
            raise InputError(f"There is no directory {directory}.")
        if not path.is_file():
            raise InputError(f"{directory} has no {FILE_NAME}: vocabx did not write it.")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.pop("format") != FORMAT:
                raise InputError(f"{path} was written by another version of vocabx.")
            content["plan"].pop("padding")
            content["plan"] = Plan(**content["plan"])
            content["new_tokens"] = tuple(
                NewToken(**{**token, "parts": tuple(token["parts"])}) for token in content["new_tokens"]
            )
            return cls(**content)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is damaged: {error}.") from error


def _compact(token: NewToken) -> dict[str, Any]:
    return {name: value for name, value in asdict(token).items() if value is not None}


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that the bytes depend on."""
    found = {}
    for name in RECORDED_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # vocabx itself, when it runs from its source tree
            continue
    return found


def save_alignments(initialization: Initialization, directory: Path) -> dict[str, str]:
    """Write each distinct alignment once; return matrix name → file name, or the description of a draw."""
    files: dict[int, str] = {}
    rows = {}
    for matrix in MATRICES:
        rule = getattr(initialization, matrix)
        if not isinstance(rule, Alignment):
            rows[matrix] = repr(rule)
            continue
        if id(rule) not in files:
            files[id(rule)] = "vocabx-rows.npz" if not files else f"vocabx-rows-{matrix}.npz"
            rule.save(directory / files[id(rule)])
        rows[matrix] = files[id(rule)]
    return rows


def load_alignments(manifest: Manifest, directory: Path) -> dict[str, Alignment]:
    """Read the alignment of each matrix that has one."""
    names = {matrix: name for matrix, name in manifest.rows.items() if name.endswith(".npz")}
    loaded = {name: Alignment.load(directory / name) for name in set(names.values())}
    return {matrix: loaded[name] for matrix, name in names.items()}

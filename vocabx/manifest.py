"""Manifest: `vocabx.json` beside the weights, which says what was done and proves each new token."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vocabx.checkpoint.sources.hub_options import HubOrigin
from vocabx.core.alignment import Alignment
from vocabx.core.errors import InputError
from vocabx.core.initialization import Initialization
from vocabx.core.plan import Plan
from vocabx.ready_rows import ReadyRule

__all__ = [
    "COPIED",
    "EXTEND",
    "FILE_NAME",
    "REPLACE",
    "TOKENIZER_EXTEND",
    "TRIM",
    "Manifest",
    "NewToken",
    "load_alignments",
    "save_alignments",
]

FILE_NAME = "vocabx.json"
FORMAT = 2
EXTEND, TOKENIZER_EXTEND, REPLACE, TRIM = "extend", "tokenizer extend", "replace", "trim"
"""What `Manifest.command` may be."""
COPIED = "copied"
"""What the manifest says of each matrix where no row was made."""
MATRICES = ("input", "head", "bias")
RECORDED_PACKAGES = ("vocabx", "numpy", "scipy", "tokenizers", "transformers")


@dataclass(frozen=True, slots=True)
class NewToken:
    """One new token and why it exists.

    A token of whole characters has a `witness`, a text that produces it. Any other names the new token that it is a
    part of, by id, in `needed_by`. `parts` are the ids of the tokens that a merge joins to it; there are none where it
    is a single character, or a piece of another tokenizer.
    """

    id: int
    piece: str
    text: str
    parts: tuple[int, ...] = ()
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
    method_options: Mapping[str, Any] = field(default_factory=dict)
    materials: Mapping[str, Any] = field(default_factory=dict)
    given_rows: Mapping[str, int] = field(default_factory=dict)
    """How many rows of each matrix came from the file of rows in `materials`; `convex` says nothing of these."""
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    factorization: Mapping[str, Any] = field(default_factory=dict)
    """Rank, form and what is kept, where the embeddings were factorised: then no row is the base's to the bit."""
    dtype: str | None = None
    """What all floating-point tensors were cast to, where they were: then kept rows are the base's, cast."""
    base_source: Mapping[str, str] = field(default_factory=dict)
    """Repository and commit of the base, where it is from the hub."""
    training: Sequence[Mapping[str, Any]] = ()
    """What `vocabx pretrain` did since, one record for each run."""

    @property
    def keeps_old_rows(self) -> bool:
        """Whether the model was trained, and by recipes that leave the rows of old tokens as they were."""
        return bool(self.training) and all(run.get("keeps_old_rows") is True for run in self.training)

    @property
    def is_all_given(self) -> bool:
        """Whether every new row came from a file, and the method made none."""
        return bool(self.given_rows) and all(count == self.plan.new for count in self.given_rows.values())

    def with_rows(self, rows: Mapping[str, str]) -> Manifest:
        """Return a copy that names where the weights of each matrix's rows are kept."""
        return replace(self, rows=rows)

    def from_hub(self, origin: HubOrigin | None) -> Manifest:
        """Return a copy that names the repository and the commit of the base, where they are known."""
        return self if origin is None else replace(self, base_source=asdict(origin))

    def save(self, directory: Path) -> None:
        """Write it, one run of kept ids and one new token to a line."""
        plan = self.plan.to_json()
        runs = plan.pop("runs")
        content = {
            "format": FORMAT,
            "command": self.command,
            "base": self.base,
            **({"base_source": self.base_source} if self.base_source else {}),
            "method": self.method,
            "method_options": self.method_options,
            "materials": self.materials,
            **({"given_rows": self.given_rows} if self.given_rows else {}),
            "convex": self.convex,
            "seed": self.seed,
            "plan": plan,
            "tokenizer": self.tokenizer,
            "corpus": self.corpus,
            "rows": self.rows,
            "versions": self.versions,
            "diagnostics": self.diagnostics,
            **({"factorization": self.factorization} if self.factorization else {}),
            **({"dtype": self.dtype} if self.dtype else {}),
            **({"training": list(self.training)} if self.training else {}),
        }
        head = json.dumps(content, ensure_ascii=False, indent=2).removesuffix("\n}")
        text = ",\n".join([head, _lines("runs", runs), _lines("new_tokens", map(_compact, self.new_tokens))]) + "\n}\n"
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
            is_known = content.pop("format") == FORMAT
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is damaged: {error}.") from error
        if not is_known:
            raise InputError(f"{path} was written by another version of vocabx.")
        try:
            content["plan"] = Plan.from_json({**content["plan"], "runs": content.pop("runs")})
            content["new_tokens"] = tuple(
                NewToken(**{**token, "parts": tuple(token.get("parts", ()))}) for token in content["new_tokens"]
            )
            return cls(**content)
        except (AttributeError, InputError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is damaged: {str(error).rstrip('.')}.") from error


def _lines(name: str, items: Iterable[object]) -> str:
    """Spell a list with one item to a line."""
    lines = ",\n".join("    " + json.dumps(item, ensure_ascii=False) for item in items)
    return f'  "{name}": [\n{lines}\n  ]' if lines else f'  "{name}": []'


def _compact(token: NewToken) -> dict[str, Any]:
    return {name: value for name, value in asdict(token).items() if value not in (None, ())}


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
    """Write each distinct alignment once; return matrix name → file name, `COPIED`, or the description of a draw.

    Where some rows came from a file the weights that the method has for them are stored as well, and used by nothing.
    """
    files: dict[int, str] = {}
    rows = {}
    for matrix in MATRICES:
        used = getattr(initialization, matrix)
        rule = used.rest if isinstance(used, ReadyRule) else used
        if not isinstance(rule, Alignment):
            rows[matrix] = repr(used)
            continue
        if not len(rule):
            rows[matrix] = COPIED
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

"""Profile: which stages a corpus goes through, with their settings, as a YAML file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from corpus_pipeline import stages
from vocabx.core.errors import InputError, MissingExtraError, UnknownNameError, VocabxError
from vocabx.core.text_files import read_text

__all__ = ["PROFILES", "Profile", "find_profile", "read_profile"]

PROFILES = Path(__file__).resolve().parents[1] / "profiles"

SECTIONS: Mapping[str, type[Any]] = {
    "read": stages.Read,
    "sample": stages.Sample,
    "normalize": stages.Normalize,
    "lines": stages.Lines,
    "repetition": stages.Repetition,
    "quality": stages.Quality,
    "c4": stages.C4,
    "fineweb": stages.FineWeb,
    "script": stages.Script,
    "language": stages.Language,
    "exact": stages.Exact,
    "near": stages.Near,
    "perplexity": stages.Perplexity,
    "decontaminate": stages.Decontaminate,
    "write": stages.Write,
    "slurm": stages.Slurm,
    "ray": stages.Ray,
}
"""By name, in the order in which a document goes through them; the last two are not stages."""

ALWAYS = ("read", "write", "slurm", "ray")
KNOWN = ("name", "about", *SECTIONS)


@dataclass(frozen=True)
class Profile:
    """The settings of all stages; None where one is off."""

    name: str
    about: str = ""
    read: stages.Read = field(default_factory=stages.Read)
    sample: stages.Sample | None = None
    normalize: stages.Normalize | None = None
    lines: stages.Lines | None = None
    repetition: stages.Repetition | None = None
    quality: stages.Quality | None = None
    c4: stages.C4 | None = None
    fineweb: stages.FineWeb | None = None
    script: stages.Script | None = None
    language: stages.Language | None = None
    exact: stages.Exact | None = None
    near: stages.Near | None = None
    perplexity: stages.Perplexity | None = None
    decontaminate: stages.Decontaminate | None = None
    write: stages.Write = field(default_factory=stages.Write)
    slurm: stages.Slurm = field(default_factory=stages.Slurm)
    ray: stages.Ray = field(default_factory=stages.Ray)

    def settings(self) -> dict[str, Any]:
        """Return what decides the result, as plain data: not where it runs."""
        return {name: value for name, value in asdict(self).items() if name not in ("slurm", "ray")}


def find_profile(name: str, changes: Sequence[str] = ()) -> Profile:
    """Read a profile that is named or is a file, with `stage.option=value` or `stage=off` changed."""
    ours = PROFILES / f"{name}.yaml"
    file = ours if ours.is_file() else Path(name)
    if not file.is_file():
        raise UnknownNameError("profile or file", name, (path.stem for path in PROFILES.glob("*.yaml")))
    return read_profile(file, changes)


def read_profile(file: Path, changes: Sequence[str] = ()) -> Profile:
    """Read a YAML file.

    Raises
    ------
    InputError
        When it is not YAML, or names what is not known, or a value is not what it must be.
    """
    content = _yaml(read_text(file), str(file))
    for change in changes:
        _change(content, change)
    for name in content:
        if name not in KNOWN:
            raise UnknownNameError(f"stage in {file.name}", str(name), SECTIONS)
    sections = {
        name: _section(name, content[name], file.name)
        for name in SECTIONS
        if name in content and content[name] is not False
    }
    for name in ALWAYS:
        if content.get(name) is False:
            raise InputError(f"{name} cannot be off in {file.name}.")
    return Profile(str(content.get("name", file.stem)), str(content.get("about", "")), **sections)


def _yaml(text: str, place: str) -> dict[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("Reading a profile", "data") from error
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{place} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise InputError(f"{place} must name stages with their settings.")
    return content


def _change(content: dict[str, Any], change: str) -> None:
    path, mark, value = change.partition("=")
    stage, _, option = path.partition(".")
    if not mark or not stage:
        raise InputError(f"--set {change} must be STAGE.OPTION=VALUE, STAGE=on or STAGE=off.")
    if stage not in KNOWN:
        switched = (name for name in SECTIONS if name not in ALWAYS)
        raise UnknownNameError("stage", stage, SECTIONS if option else switched)
    found = _yaml(f"value: {value}", f"--set {change}")["value"]
    if option:
        found = _as_text(found, value, stage, option)
        section = content.get(stage)
        content[stage] = {**(section if isinstance(section, dict) else {}), option: found}
    else:
        content[stage] = found


def _as_text(found: Any, value: str, stage: str, option: str) -> Any:
    """Return what was typed where text is wanted, and YAML takes it for something else: 12:00:00, no."""
    kind = next((str(one.type) for one in fields(SECTIONS[stage]) if one.name == option), "")
    wants_text = kind in ("str", "str | None", "tuple[str, ...]")
    return found if not wants_text or found is None or isinstance(found, str | list) else value


def _section(name: str, values: Any, place: str) -> Any:
    kind = SECTIONS[name]
    if values is None or values is True:
        values = {}
    if not isinstance(values, dict):
        raise InputError(f"{name} in {place} is {values!r}; it must be settings, or off.")
    known = {one.name: str(one.type) for one in fields(kind)}
    for option in values:
        if option not in known:
            raise UnknownNameError(f"setting of {name} in {place}", str(option), known)
    try:
        return kind(**dict(_converted(values, known)))
    except VocabxError as error:
        raise InputError(f"{place}, {name}: {error}") from error


def _converted(values: Mapping[str, Any], kinds: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Make tuples of lists, and of a text that stands alone where there may be several."""
    for name, value in values.items():
        several = [value] if isinstance(value, str) else value
        yield name, tuple(several) if isinstance(several, list) and kinds[name].startswith("tuple") else value

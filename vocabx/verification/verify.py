"""Run every check on a model directory."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.core.errors import InputError, VocabxError
from vocabx.core.say import Say, say_nothing
from vocabx.core.setting_types import as_path
from vocabx.manifest import Manifest
from vocabx.verification.finding import Finding, Status, Verification
from vocabx.verification.subject import Subject
from vocabx.verification.table import CHECKS, Check

__all__ = ["verify"]

MOST_LINES = 100_000
"""Lines of a given text that are held; the rest of it is not read."""


def verify(
    directory: str | Path,
    base: str | Path | None = None,
    lines: Iterable[str] | None = None,
    after_training: bool = False,
    progress: Say = say_nothing,
    *,
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    trust_pickle: bool = False,
) -> Verification:
    """Run every check on a directory that vocabx wrote, and never change it.

    Parameters
    ----------
    directory : str or Path
        A model directory, or one that holds only an extended tokenizer.
    base : str or Path, optional
        The model it was made of, a directory or a hub id. Checks that compare are not run without it.
    lines : iterable of str, optional
        Text in the source language, line by line, by default the English sample that ships with vocabx.
    after_training : bool
        Whether the model was trained since; then weights are no longer compared with the base's.
    progress : callable
        Told the name of each check before it runs.
    hub : HubOptions
        How the base is looked up where it is a hub id.
    trust_pickle : bool
        Open a base whose weights are PyTorch files (`.bin`) alone.

    Raises
    ------
    InputError
        When there is no readable manifest to verify by, or when the base itself cannot be opened.
    """
    if isinstance(lines, str):
        raise InputError("lines: expected lines of text, got one string; read a file with Corpus.open([path]).lines().")
    text = None if lines is None else tuple(islice(lines, MOST_LINES))
    own = as_path("directory", directory)
    manifest = Manifest.load(own)
    original = (
        None if base is None else resolve_model(base, weights=bool(manifest.rows), hub=hub, trust_pickle=trust_pickle)
    )
    subject = Subject(own, manifest, original, text, after_training)
    if original is not None:
        _check_base(subject, original)
    blamed: dict[str, str] = {}
    findings = []
    for check in CHECKS:
        progress(f"checking: {check.name}")
        findings.append(_run(check, subject, blamed))
    return Verification(tuple(findings))


def _check_base(subject: Subject, base: Path) -> None:
    """Open the base first, so that its faults are not reported as the directory's."""
    if subject.directory.resolve() == base.resolve():
        raise InputError(f"{base} cannot be verified against itself.")
    _ = subject.base_checkpoint
    found, expected = len(subject.base_segmenter.tokens), subject.manifest.plan.tokens_before
    if found != expected:
        raise InputError(
            f"{base} has {found:,} tokens, so it is not the base: by vocabx.json that is {subject.manifest.base!r} "
            f"with {expected:,}."
        )


def _run(check: Check, subject: Subject, blamed: dict[str, str]) -> Finding:
    """Run one check. An error that stops several checks is the failure of the first and the reason of the others."""
    try:
        return check(subject)
    except VocabxError as error:
        sentence = str(error)
        if sentence in blamed:
            return Finding(check.name, Status.NOT_RUN, f"stopped by the failure of {blamed[sentence]!r}")
        blamed[sentence] = check.name
        return Finding(check.name, Status.FAIL, sentence)

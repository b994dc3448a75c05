"""The command that a manifest records, without the places of files."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from vocabx.manifest import EXTEND, REPLACE, Manifest
from vocabx.tokenizer_tools.extend.options import ExtensionOptions

__all__ = ["spell_command"]

FLAGS: Mapping[str, str] = {
    "size": "--size",
    "minimum_frequency": "--minimum-frequency",
    "longest": "--longest-token",
    "source_change_limit": "--source-change-limit",
    "exclude": "--exclude",
    "pad_to_multiple": "--pad-to-multiple",
    "text_field": "--text-field",
}
SWITCHES: Mapping[tuple[str, bool], str] = {
    ("compose", False): "--no-compose",
    ("digits", False): "--no-digits",
    ("punctuation", False): "--no-punctuation",
    ("reuse_reserved", True): "--reuse-reserved",
}
DEFAULTS: Mapping[str, Any] = {
    "minimum_frequency": ExtensionOptions.minimum_frequency,
    "longest": ExtensionOptions.longest,
    "text_field": "text",
}
TRIMMING_DEFAULTS: Mapping[str, Any] = {"minimum_frequency": 1, "text_field": "text"}


def spell_command(manifest: Manifest) -> str:
    """Return the command line; files are named without their folders, as the manifest has them.

    The revision of a base from the hub is said, so that the command does the same again.
    """
    commit = manifest.base_source.get("commit")
    words = ["vocabx", *manifest.command.split(), f"{manifest.base}@{commit}" if commit else manifest.base]
    if manifest.command == REPLACE:
        words += ["--tokenizer", str(manifest.tokenizer.get("target", ""))]
    for file in manifest.corpus.get("files", ()):
        words += ["--corpus", file]
    words += _learning(manifest)
    words += _rows(manifest)
    return shlex.join([*map(str, words), "--out", "DIRECTORY"])


def _learning(manifest: Manifest) -> Iterator[str]:
    padding = {"pad_to_multiple": manifest.tokenizer.get("pad_to_multiple")}
    options = {**padding, **manifest.tokenizer.get("options", {})}
    defaults = DEFAULTS if manifest.command == EXTEND else TRIMMING_DEFAULTS
    for name, flag in FLAGS.items():
        if options.get(name) is not None and options[name] != defaults.get(name):
            yield from (flag, str(options[name]))
    for (name, value), flag in SWITCHES.items():
        if options.get(name) is value:
            yield flag
    if options.get("scripts") is not None:
        yield from ("--scripts", ",".join(options["scripts"]) or "any")
    for token in options.get("control_tokens", ()):
        yield from ("--control-token", token)
    if manifest.tokenizer.get("donor"):
        yield from ("--with", manifest.tokenizer["donor"])
    for file in manifest.tokenizer.get("sample_files", ()):
        if not file.startswith("samples/"):  # the one that ships with vocabx
            yield from ("--source-sample", file)


def _rows(manifest: Manifest) -> Iterator[str]:
    if manifest.method:
        yield from ("--method", manifest.method)
    for name, value in manifest.method_options.items():
        spelt = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
        yield from ("--method-option", f"{name}={spelt}")
    if manifest.seed:
        yield from ("--seed", str(manifest.seed))
    if manifest.dtype:
        yield from ("--dtype", manifest.dtype)
    for name, value in manifest.materials.items():
        flag = f"--{name.replace('_', '-')}"
        if name == "parallel":
            yield from (flag, *value)
        else:
            named = value["file"] if isinstance(value, dict) else value
            for one in named if isinstance(named, list) else [named]:
                yield from (flag, str(one))
    if manifest.factorization:
        yield from ("--factorize", str(manifest.factorization["rank"]))
        yield from ("--factorize-form", str(manifest.factorization["form"]))

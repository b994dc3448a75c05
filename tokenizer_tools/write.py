"""Write a tokenizer beside a model so that plain `AutoTokenizer` opens it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer

__all__ = ["TOKENIZER_FILES", "check_reopened", "write_tokenizer"]

NAMES = """
tokenizer.json tokenizer_config.json special_tokens_map.json added_tokens.json vocab.json merges.txt vocab.txt
tokenizer.model spiece.model sentencepiece.bpe.model chat_template.jinja chat_template.json
"""
TOKENIZER_FILES = frozenset(NAMES.split())
"""Everything that a tokenizer may consist of. What is not written anew or copied would be stale."""

COPIED = ("special_tokens_map.json", "chat_template.jinja", "chat_template.json", "additional_chat_templates/*.jinja")
CLASS = "PreTrainedTokenizerFast"  # any other class may rebuild the pipeline and ignore tokenizer.json
DROPPED_SETTINGS = ("auto_map", "tokenizer_file", "vocab_file", "merges_file", "is_local", "local_files_only")


def write_tokenizer(segmenter: FastSegmenter, base: Path, out: Path) -> None:
    """Write `tokenizer.json` and carry over the base's settings and chat template."""
    settings_path = base / "tokenizer_config.json"
    settings = json.loads(settings_path.read_text(encoding="utf-8")) if settings_path.is_file() else {}
    settings = {name: value for name, value in settings.items() if name not in DROPPED_SETTINGS}
    for role, token in segmenter.roles.items():
        settings.setdefault(f"{role}_token", segmenter.tokens.pieces[token])
    settings["tokenizer_class"] = CLASS
    # Not `backend.save`: what it raises on a full disk is no OSError.
    (out / "tokenizer.json").write_text(segmenter.backend.to_str(pretty=True), encoding="utf-8")
    (out / "tokenizer_config.json").write_text(
        json.dumps(settings, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    for file in (file for pattern in COPIED for file in sorted(base.glob(pattern))):
        target = out / file.relative_to(base)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(file, target)


def check_reopened(directory: Path, expected: FastSegmenter, probes: Sequence[str]) -> None:
    """Open what was written as a user would, and compare.

    Raises
    ------
    TokenizerError
        When the vocabulary, a role or the ids of a probe text differ: `AutoTokenizer` may rebuild a tokenizer from
        the model type's own pipeline.
    """
    found = read_tokenizer(directory)
    if found.tokens.pieces != expected.tokens.pieces or dict(found.roles) != dict(expected.roles):
        raise TokenizerError(
            "AutoTokenizer does not open the extended tokenizer with the vocabulary that was written: the model type "
            f"{_model_type(directory)!r} makes it rebuild the tokenizer. Nothing was written."
        )
    for text, want, got in zip(probes, expected.encode(probes), found.encode(probes), strict=True):
        if want != got:
            raise TokenizerError(
                f"AutoTokenizer does not encode {text!r} like the tokenizer that was written: the model type "
                f"{_model_type(directory)!r} makes it rebuild the tokenizer. Nothing was written."
            )


def _model_type(directory: Path) -> str | None:
    path = directory / "config.json"
    return json.loads(path.read_text(encoding="utf-8")).get("model_type") if path.is_file() else None

"""Write a tokenizer beside a model so that plain `AutoTokenizer` opens it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vocabx.core.errors import TokenizerError
from vocabx.core.tokens import ROLES
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer
from vocabx.tokenizer_tools.surfaces import MARKER, Family

__all__ = ["TEMPLATES", "TOKENIZER_FILES", "TokenizerStyle", "check_reopened", "write_tokenizer"]

NAMES = """
tokenizer.json tokenizer_config.json special_tokens_map.json added_tokens.json vocab.json merges.txt vocab.txt
tokenizer.model spiece.model sentencepiece.bpe.model chat_template.jinja chat_template.json
"""
TOKENIZER_FILES = frozenset(NAMES.split())
"""Everything that a tokenizer may consist of. What is not written anew or copied would be stale."""

SETTINGS, SPECIAL_TOKENS = "tokenizer_config.json", "special_tokens_map.json"
TEMPLATES = ("chat_template.jinja", "chat_template.json", "additional_chat_templates/*.jinja")
CLASS = "PreTrainedTokenizerFast"  # any other class may rebuild the pipeline and ignore tokenizer.json
DROPPED_SETTINGS = ("auto_map", "tokenizer_file", "vocab_file", "merges_file", "is_local", "local_files_only")
PIPELINE_SETTINGS = (
    "add_prefix_space", "clean_up_tokenization_spaces", "do_basic_tokenize", "do_lower_case", "legacy", "never_split",
    "sp_model_kwargs", "spaces_between_special_tokens", "split_by_punct", "strip_accents", "tokenize_chinese_chars",
    "trim_offsets", "use_default_system_prompt", "vocab_type", "wordpieces_prefix",
)  # fmt: skip
"""They describe a pipeline that is there no more when another takes its place."""
PROBE = "a"
EXTRA_TOKENS = ("additional_special_tokens", "extra_special_tokens")


@dataclass(frozen=True, slots=True)
class TokenizerStyle:
    """What of the base's ways is carried over: its chat template, and the settings of how it reads and spells text."""

    template: bool = True
    pipeline: bool = True


def write_tokenizer(segmenter: FastSegmenter, base: Path, out: Path, style: TokenizerStyle | None = None) -> None:
    """Write `tokenizer.json` and carry over the base's settings and chat template, as far as the style says.

    Settings that name tokens are brought to those of the segmenter: what names others would add them when it is
    opened.
    """
    settings = _read(base / SETTINGS)
    style = style or TokenizerStyle()
    dropped = DROPPED_SETTINGS + (() if style.pipeline else PIPELINE_SETTINGS)
    settings = {name: value for name, value in settings.items() if name not in dropped}
    settings = {**_fitting(settings, segmenter), **_prefix(settings, segmenter), "tokenizer_class": CLASS}
    special = _read(base / SPECIAL_TOKENS)
    if not style.template:
        settings.pop("chat_template", None)
    # Not `backend.save`: what it raises on a full disk is no OSError.
    (out / "tokenizer.json").write_text(segmenter.backend.to_str(pretty=True), encoding="utf-8")
    (out / SETTINGS).write_text(json.dumps(settings, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if special and _fitting(special, segmenter).items() >= special.items():
        shutil.copyfile(base / SPECIAL_TOKENS, out / SPECIAL_TOKENS)
    for file in (file for pattern in TEMPLATES for file in sorted(base.glob(pattern)) if style.template):
        target = out / file.relative_to(base)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(file, target)


def _read(path: Path) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return settings


def _prefix(settings: Mapping[str, Any], segmenter: FastSegmenter) -> dict[str, bool]:
    """Say where no space is put before a text: unless told so here, llama.cpp puts one before pieces with marks."""
    if segmenter.family is not Family.METASPACE or settings.get("add_prefix_space") is not None:
        return {}
    ids = segmenter.encode([PROBE])[0]
    return {} if segmenter.tokens.pieces[ids[0]].startswith(MARKER) else {"add_prefix_space": False}


def _fitting(settings: Mapping[str, Any], segmenter: FastSegmenter) -> dict[str, Any]:
    """Return the settings with the segmenter's roles, and without tokens that it does not have."""
    pieces, fitting = segmenter.tokens.pieces, dict(settings)
    known = set(pieces)
    for role in ROLES:
        token, key = segmenter.roles.get(role), f"{role}_token"
        if token is None:
            fitting.pop(key, None)
        elif _content(fitting.get(key)) != pieces[token]:
            fitting[key] = pieces[token]
    for key in EXTRA_TOKENS:
        named = fitting.get(key)
        if isinstance(named, list):
            fitting[key] = [token for token in named if _content(token) in known]
        elif isinstance(named, dict):
            fitting[key] = {name: token for name, token in named.items() if _content(token) in known}
    decoder = fitting.get("added_tokens_decoder")
    if isinstance(decoder, dict):
        fitting["added_tokens_decoder"] = {
            token: added
            for token, added in decoder.items()
            if int(token) < len(pieces) and pieces[int(token)] == _content(added)
        }
    return fitting


def _content(token: object) -> object:
    """Return the text of a token, which settings give as it is or with the way it is matched."""
    return token.get("content") if isinstance(token, dict) else token


def check_reopened(directory: Path, expected: FastSegmenter, probes: Sequence[str]) -> None:
    """Open what was written as a user would, and compare.

    Raises
    ------
    TokenizerError
        When the vocabulary, a role or the ids of a probe text differ: `AutoTokenizer` may rebuild a tokenizer from
        the model type's own pipeline.
    """
    found = read_tokenizer(directory)
    same = found.backend.get_vocab(with_added_tokens=True) == expected.backend.get_vocab(with_added_tokens=True)
    if not same or dict(found.roles) != dict(expected.roles):
        raise TokenizerError(
            "AutoTokenizer does not open the tokenizer with the vocabulary that was written: the model type "
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

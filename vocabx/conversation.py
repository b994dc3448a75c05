"""A conversation as a tokenizer's chat template renders it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vocabx.core.errors import TokenizerError

__all__ = ["Rendering", "closing_token", "open_chat", "render", "rendered_ids"]

# Without words, so that it belongs to no language.
CONVERSATION = [
    {"role": "user", "content": "1 + 1?"},
    {"role": "assistant", "content": "2"},
    {"role": "user", "content": "2 + 2?"},
]


@dataclass(frozen=True, slots=True)
class Rendering:
    """The conversation as a template spells it, its ids, and which of them are added tokens."""

    text: str
    ids: list[int]
    markup: list[int]


def open_chat(directory: Path | None) -> Any:
    """Open a tokenizer as its users do, with its chat template."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(directory), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library raises bare Exception for a broken tokenizer.json
        raise TokenizerError(f"The tokenizer in {directory} cannot be opened: {error}") from error


def rendered_ids(directory: Path) -> list[int]:
    """Return the ids of a rendered conversation; none without a template, or where it cannot be rendered."""
    tokenizer = open_chat(directory)
    if not tokenizer.chat_template or not find_spec("jinja2"):
        return []
    try:
        return render(tokenizer).ids
    except Exception:  # a template may refuse a plain conversation
        return []


def render(tokenizer: Any) -> Rendering:
    """Render a short conversation; a template may refuse it by raising what it likes."""
    text = tokenizer.apply_chat_template(CONVERSATION, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return Rendering(text, ids, [token for token in ids if token in tokenizer.added_tokens_decoder])


def closing_token(tokenizer: Any) -> int | None:
    """Return the first added token that the template writes after an answer; None where it writes none."""
    if not tokenizer.chat_template or not find_spec("jinja2"):
        return None
    try:
        text = tokenizer.apply_chat_template(CONVERSATION[:2], tokenize=False)
    except Exception:  # a template may refuse a plain conversation
        return None
    after = text.rpartition(CONVERSATION[1]["content"])[2]
    ids = tokenizer(after, add_special_tokens=False)["input_ids"]
    return next((token for token in ids if token in tokenizer.added_tokens_decoder), None)

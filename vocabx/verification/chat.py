"""Chat: a conversation must look to the model as it did."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vocabx.core.errors import TokenizerError
from vocabx.verification.finding import Outcome, failed, not_run, passed
from vocabx.verification.subject import Subject

__all__ = ["check_chat_template"]

# Without words, so that it belongs to no language.
CONVERSATION = [
    {"role": "user", "content": "1 + 1?"},
    {"role": "assistant", "content": "2"},
    {"role": "user", "content": "2 + 2?"},
]


@dataclass(frozen=True, slots=True)
class Rendering:
    """The conversation as a template spells it, its ids, and those of them that stand for markup."""

    text: str
    ids: list[int]
    markup: list[int]


def check_chat_template(subject: Subject) -> Outcome:
    """Compare templates and what they make of a conversation.

    A template may hold words of its own. Where some source-language text may change, only its markup must not.
    """
    base, own = (_open(directory) for directory in (subject.base_directory, subject.directory))
    if not base.chat_template:
        return not_run("the base has no chat template")
    if not find_spec("jinja2"):
        return not_run("jinja2 is not installed (pip install jinja2)", is_open=True)
    if own.chat_template != base.chat_template:
        return failed("the chat template is not the base's" if own.chat_template else "the chat template is gone")
    try:
        theirs = _render(base)
    except Exception as error:  # a template may refuse a conversation by raising what it likes
        return not_run(f"the base's chat template refuses a plain conversation: {error}")
    ours = _render(own)
    has_changed = ours.ids != theirs.ids
    may_change = subject.manifest.tokenizer.get("source_change_limit", 0) > 0
    if ours.text != theirs.text or ours.markup != theirs.markup or (has_changed and not may_change):
        return failed("the template renders other ids", [f"{theirs.ids} became {ours.ids}"])
    return passed(
        f"{len(ours.ids)} ids, {len(ours.markup)} of them markup" + (", words changed" if has_changed else "")
    )


def _open(directory: Path | None) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(directory), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library raises bare Exception for a broken tokenizer.json
        raise TokenizerError(f"The tokenizer in {directory} cannot be opened: {error}") from error


def _render(tokenizer: Any) -> Rendering:
    text = tokenizer.apply_chat_template(CONVERSATION, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return Rendering(text, ids, [token for token in ids if token in tokenizer.added_tokens_decoder])

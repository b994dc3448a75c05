"""Chat: a conversation must look to the model as it did."""

from __future__ import annotations

from importlib.util import find_spec

from vocabx.conversation import Rendering, open_chat, render
from vocabx.core.plan import NEW
from vocabx.manifest import REPLACE
from vocabx.verification.finding import Outcome, failed, not_run, passed
from vocabx.verification.subject import Subject

__all__ = ["check_chat_template"]


def check_chat_template(subject: Subject) -> Outcome:
    """Compare templates and what they make of a conversation.

    A template may hold words of its own. Where some source-language text may change, where a word was dropped, or
    where the tokenizer was replaced, only its markup must not.
    """
    base, own = (open_chat(directory) for directory in (subject.base_directory, subject.directory))
    if not base.chat_template:
        return not_run("the base has no chat template")
    if reason := subject.manifest.tokenizer.get("chat_template_dropped"):
        return not_run(f"the chat template was left out: {reason}")
    if not find_spec("jinja2"):
        return not_run("jinja2 is not installed (pip install jinja2)", is_open=True)
    if own.chat_template != base.chat_template:
        return failed("the chat template is not the base's" if own.chat_template else "the chat template is gone")
    try:
        theirs = render(base)
    except Exception as error:  # a template may refuse a conversation by raising what it likes
        return not_run(f"the base's chat template refuses a plain conversation: {error}")
    return _compare(subject, render(own), theirs)


def _compare(subject: Subject, ours: Rendering, theirs: Rendering) -> Outcome:
    expected = subject.move(theirs.ids)
    has_changed = ours.ids != expected
    is_meant = subject.manifest.command == REPLACE or NEW in expected
    may_change = is_meant or subject.manifest.tokenizer.get("source_change_limit", 0) > 0
    # Only what is markup in the base counts: a replaced tokenizer may have added tokens for words.
    expected_markup = subject.move(theirs.markup)
    markup = [token for token in ours.ids if token in set(expected_markup)]
    is_same = ours.text == theirs.text and markup == expected_markup
    if not is_same or (has_changed and not may_change):
        return failed("the template renders other ids", [f"{theirs.ids} became {ours.ids}"])
    return passed(f"{len(ours.ids)} ids, {len(markup)} of them markup" + (", words changed" if has_changed else ""))

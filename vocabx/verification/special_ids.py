"""Special ids: every file that names a special token must name the id that the others do.

Each reader looks elsewhere: transformers generates by generation_config.json, llama.cpp stops by tokenizer_config.json,
vLLM by both, a trainer pads by config.json. What a base disagreed on before is told and not held against the directory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

from vocabx.checkpoint.config import GENERATION_CONFIG, read_json
from vocabx.checkpoint.read import CONFIG
from vocabx.checkpoint.token_ids import sections
from vocabx.conversation import closing_token, open_chat
from vocabx.core.tokens import ROLES
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.write import TEMPLATES
from vocabx.verification.finding import Outcome, judge
from vocabx.verification.subject import Subject

__all__ = ["check_special_ids"]

TOKENIZER, SETTINGS, MAP = "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"
MARK = re.compile(r"<\|[\w-]+\|>")
IDS_OF_BOTH = ("bos", "eos", "pad")
"""Roles that config.json and generation_config.json may both give."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Where two files differ on a token, and how, in words."""

    place: str
    sentence: str

    def said_of(self, file: str) -> Disagreement:
        """Return the same of another file than config.json."""
        return Disagreement(self.place.replace(CONFIG, file), self.sentence.replace(CONFIG, file))


def check_special_ids(subject: Subject) -> Outcome:
    """Compare every file's special tokens with the tokenizer's; only what the base agreed on may fail."""
    base = subject.base_directory
    assert base is not None, "the table of checks says base"
    ours = list(_Named(subject.directory, subject.segmenter).disagreements())
    theirs = list(_Named(base, subject.base_segmenter).disagreements())
    if not (base / GENERATION_CONFIG).is_file():  # one that is written takes over what config.json says
        theirs += [item.said_of(GENERATION_CONFIG) for item in theirs if item.place.startswith(CONFIG)]
    if subject.plan.keeps_ids:
        known = {(item.place, item.sentence) for item in theirs}
        own = [item for item in ours if (item.place, item.sentence) not in known]
    else:  # the same tokens have other ids
        places = {item.place for item in theirs}
        own = [item for item in ours if item.place not in places]
    inherited = [item.sentence for item in ours if item not in own]
    evidence = f"{len(own):,} disagreements in {len(subject.segmenter.roles)} roles, added tokens and chat template"
    if inherited:
        evidence += f"; {len(inherited):,} that the base has too: {'; '.join(inherited[:2])}"
    return judge([item.sentence for item in own], evidence)


@dataclass(frozen=True)
class _Named:
    """What the files of one directory say of special tokens, beside its tokenizer as `AutoTokenizer` opens it."""

    directory: Path
    segmenter: FastSegmenter

    def disagreements(self) -> Iterator[Disagreement]:
        yield from self._roles()
        yield from self._settings_of_generation()
        yield from self._added_tokens()
        yield from self._post_processor(self.stored.get("post_processor"))
        yield from self._template()

    @cached_property
    def stored(self) -> Mapping[str, Any]:
        return self._read(TOKENIZER)

    def _read(self, name: str) -> Mapping[str, Any]:
        path = self.directory / name
        return read_json(path) if path.is_file() else {}

    def _show(self, token: int | None) -> str:
        known = token is not None and 0 <= token < len(self.segmenter.tokens)
        return f"{token} {self.segmenter.tokens.pieces[token]!r}" if known and token is not None else str(token)

    def _id(self, content: str) -> int | None:
        found: int | None = self.segmenter.backend.token_to_id(content)
        return found

    def _roles(self) -> Iterator[Disagreement]:
        """Hold each file's token of a role against the tokenizer's."""
        for role in ROLES:
            token = self.segmenter.roles.get(role)
            for file in (SETTINGS, MAP):
                content = _content(self._read(file).get(f"{role}_token"))
                if content is not None and (found := self._id(content)) != token:
                    yield Disagreement(
                        f"{file} {role}", f"{file} names {content!r}, id {found}, as {role}, and the tokenizer {token}"
                    )
            for file, ids in ((file, self._ids(file, role)) for file in (CONFIG, GENERATION_CONFIG)):
                if ids and token is not None and token not in ids:
                    named = ", ".join(map(self._show, ids))
                    yield Disagreement(
                        f"{file} {role}", f"{file} gives {role} as {named}, and the tokenizer {self._show(token)}"
                    )

    def _ids(self, file: str, role: str) -> list[int]:
        """Return the ids that a file of settings gives a role, of the text part where there is one."""
        for section in sections(self._read(file)):
            value = section.get(f"{role}_token_id")
            ids = [token for token in (value if isinstance(value, list) else [value]) if _is_id(token)]
            if ids:
                return ids
        return []

    def _settings_of_generation(self) -> Iterator[Disagreement]:
        """Hold config.json against generation_config.json, which wins in transformers."""
        for role in IDS_OF_BOTH:
            configured, generating = (self._ids(file, role) for file in (CONFIG, GENERATION_CONFIG))
            if configured and generating and not set(configured) & set(generating):
                yield Disagreement(
                    f"{GENERATION_CONFIG} {role} beside {CONFIG}",
                    f"{GENERATION_CONFIG} gives {role} as {', '.join(map(self._show, generating))}, and {CONFIG} "
                    f"{', '.join(map(self._show, configured))}",
                )

    def _added_tokens(self) -> Iterator[Disagreement]:
        """Hold lists of added tokens against the vocabulary: some readers take the ids from one, some from another."""
        listed = self._read(SETTINGS).get("added_tokens_decoder")
        decoder = listed.items() if isinstance(listed, dict) else ()
        named = [(TOKENIZER, token.get("content"), token.get("id")) for token in self.stored.get("added_tokens") or ()]
        named += [(SETTINGS, _content(token), _number(key)) for key, token in decoder]
        named += [("added_tokens.json", content, token) for content, token in self._read("added_tokens.json").items()]
        for file, content, token in named:
            if (found := self._id(str(content))) != token:
                yield Disagreement(
                    f"{file} {content}", f"{file} gives the added token {content!r} the id {token}, and it is {found}"
                )

    def _post_processor(self, processor: Mapping[str, Any] | None) -> Iterator[Disagreement]:
        """Hold the ids that are put around a text against the tokens that stand beside them."""
        if processor is None:
            return
        for part in processor.get("processors", ()):
            yield from self._post_processor(part)
        pairs = [tuple(processor[key]) for key in ("cls", "sep") if key in processor]
        for special in (processor.get("special_tokens") or {}).values():
            pairs += zip(special["tokens"], special["ids"], strict=False)
        for content, token in pairs:
            if (found := self._id(content)) != token:
                yield Disagreement(
                    f"post-processor {content}",
                    f"{TOKENIZER} puts id {token} around a text for {content!r}, which is {found}",
                )

    def _template(self) -> Iterator[Disagreement]:
        """Ask whether the chat template's marks are tokens, and whether generation stops at what closes an answer."""
        has_file = any(any(self.directory.glob(pattern)) for pattern in TEMPLATES)
        if not has_file and not self._read(SETTINGS).get("chat_template"):
            return  # opening a large tokenizer takes seconds
        tokenizer = open_chat(self.directory)
        for mark in sorted(set(MARK.findall(_template_text(tokenizer.chat_template)))):
            if self._id(mark) is None:
                yield Disagreement(f"template {mark}", f"the chat template writes {mark!r}, which is no token")
        closing, ends = closing_token(tokenizer), self._ids(GENERATION_CONFIG, "eos") or self._ids(CONFIG, "eos")
        if closing is not None and ends and closing not in ends:
            named = ", ".join(map(self._show, ends))
            yield Disagreement(
                "template eos",
                f"the chat template closes an answer with {self._show(closing)}, and generation stops at {named}",
            )


def _template_text(template: object) -> str:
    return "\n".join(template.values()) if isinstance(template, dict) else str(template or "")


def _content(token: object) -> str | None:
    """Return the text of a token, which settings give as it is or with the way it is matched."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None


def _number(key: str) -> int | None:
    return int(key) if key.isdecimal() else None


def _is_id(value: object) -> TypeGuard[int]:
    return type(value) is int and value >= 0

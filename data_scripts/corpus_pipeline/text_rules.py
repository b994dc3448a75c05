"""Rules about the text alone: sampling, normal form, lines, scripts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

from corpus_pipeline.stages import Lines, Normalize, Sample, Script
from corpus_pipeline.step import Rule, Step
from corpus_pipeline.words import script_share
from vocabx.core.scripts import check_script

__all__ = ["HasText", "LineRules", "NormalForm", "Sampling", "ScriptRule"]

CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")  # those of str.splitlines
TRAILING = re.compile(r"[^\S\n]+$", re.MULTILINE)


class HasText(Rule):
    """Drops what has no letter and no digit."""

    def __init__(self) -> None:
        super().__init__("has text")

    def examine(self, document: Any) -> str | None:
        """Look for one."""
        return None if any(map(str.isalnum, document.text)) else "no_text"


class Sampling(Rule):
    """Keeps a share of the documents: those whose text has a small hash, however many tasks there are."""

    def __init__(self, stage: Sample) -> None:
        super().__init__("sample")
        self.stage = stage

    def examine(self, document: Any) -> str | None:
        """Compare the hash with the share."""
        seed = self.stage.seed.to_bytes(8, "little", signed=True)
        digest = blake2b(document.text.encode("utf-8", "surrogatepass"), digest_size=8, key=seed).digest()
        return None if int.from_bytes(digest) < self.stage.share * 2**64 else "not_sampled"


class NormalForm(Step):
    """Brings text into a normal form; control characters and spaces at the ends of lines go."""

    def __init__(self, stage: Normalize) -> None:
        super().__init__("normalize")
        self.form: Any = stage.form

    def __call__(self, data: Iterable[Any] | None = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Pass on everything."""
        for document in data or ():
            text = CONTROLS.sub("", LINE_ENDS.sub("\n", document.text))
            text = TRAILING.sub("", unicodedata.normalize(self.form, text)).strip()
            if text != document.text:
                self.count("changed")
                document.text = text
            yield document


class LineRules(Rule):
    """Takes lines out; drops documents of which none is left."""

    def __init__(self, stage: Lines) -> None:
        super().__init__("lines")
        self.stage = stage
        self.script = check_script(stage.script) if stage.script else None
        self.boilerplate = tuple(map(re.compile, stage.boilerplate))

    def examine(self, document: Any) -> str | None:
        """Go through the lines."""
        seen: set[str] = set()
        kept, lines = [], document.text.split("\n")
        for line in lines:
            reason = self._reason(line, seen) if line.strip() else None
            if reason is None:
                kept.append(line)
            else:
                self.count(f"line_{reason}")
        if len(kept) < len(lines):
            document.text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
        return None if document.text else "no_line_left"

    def _reason(self, line: str, seen: set[str]) -> str | None:
        stage = self.stage
        if any(pattern.search(line) for pattern in self.boilerplate):
            return "boilerplate"
        size = sum(map(str.isalnum, line))
        if size < stage.least_letters:
            return "short"
        if stage.repeated is not None and size >= stage.repeated:
            if line.strip() in seen:
                return "repeated"
            seen.add(line.strip())
        if self.script is not None and stage.least_script:
            letters, share = script_share(line, self.script)
            if letters >= stage.script_from and share < stage.least_script:
                return "other_script"
        return None


class ScriptRule(Rule):
    """Drops documents in which too few letters belong to a script."""

    def __init__(self, stage: Script) -> None:
        super().__init__("script")
        self.least, self.script = stage.least, check_script(stage.name)

    def examine(self, document: Any) -> str | None:
        """Measure the share."""
        _, share = script_share(document.text, self.script)
        return None if share >= self.least else "other_script"

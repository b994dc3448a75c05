"""Old language: what the base's tokenizer could do must still work, and in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vocabx.core.scripts import characters_of_scripts
from vocabx.core.tokens import TokenKind, TokenTable
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.verification.finding import Outcome, failed, judge
from vocabx.verification.subject import Subject

__all__ = ["check_coverage", "check_old_ids", "check_round_trips", "check_source_text"]

PROBE_CHARACTERS = [chr(code) for code in (*range(0xD800), *range(0xE000, 0x10000), *range(0x10000, 0x32000, 16))]
"""Every character of the basic plane, and one in sixteen above it."""


def check_old_ids(subject: Subject) -> Outcome:
    """Compare every old id's piece, bytes and kind, the settings of added tokens, roles and the usual template."""
    own, base = subject.table, subject.base_segmenter.tokens
    if len(own) < len(base):
        return failed(f"the tokenizer has {len(own):,} ids, and the base {len(base):,}")
    offenders = [
        f"{token}: {base.show(token)!r} became {own.show(token)!r}"
        for token in range(len(base))
        if _meaning(own, token) != _meaning(base, token)
    ]
    ours, theirs = _added(subject.segmenter, len(base)), _added(subject.base_segmenter, len(base))
    offenders += [
        f"settings of {theirs[token]['content']!r} changed" for token in theirs if ours.get(token) != theirs[token]
    ]
    for what, found, expected in (
        ("roles", dict(own.roles), dict(base.roles)),
        ("ids around a text", _template(subject.segmenter), _template(subject.base_segmenter)),
    ):
        if found != expected:
            offenders.append(f"{what} were {expected} and are {found}")
    return judge(
        offenders, f"{len(base):,} old ids, {len(theirs)} added tokens, roles {', '.join(base.roles) or 'none'}"
    )


def _meaning(table: TokenTable, token: int) -> tuple[str, bytes, int]:
    return table.pieces[token], table.surfaces[token], int(table.kinds[token])


def _added(segmenter: FastSegmenter, size: int) -> dict[int, dict[str, Any]]:
    return {added["id"]: added for added in segmenter.definition["added_tokens"] if added["id"] < size}


def _template(segmenter: FastSegmenter) -> list[int]:
    ids: list[int] = segmenter.backend.encode("", add_special_tokens=True).ids
    return ids


def check_source_text(subject: Subject) -> Outcome:
    """Count source-language lines whose ids change; lines that quote the new scripts are meant to."""
    limit = float(subject.manifest.tokenizer.get("source_change_limit", 0))
    scripts = _foreign(subject.lines, tuple(subject.manifest.tokenizer.get("scripts", ())))
    meant = _characters_of(subject.lines, scripts)
    pairs = zip(subject.lines, subject.line_ids, subject.base_line_ids, strict=True)
    kept = [(line, ours == theirs) for line, ours, theirs in pairs if meant.isdisjoint(line)]
    changed = [line for line, is_same in kept if not is_same]
    aside = len(subject.lines) - len(kept)
    evidence = f"{len(changed):,} of {len(kept):,} {subject.lines_name} changed (limit {limit:.1%})"
    if changed and limit:
        evidence += (
            f"; the limit was kept on {', '.join(subject.manifest.tokenizer.get('sample_files', ['its sample']))}"
        )
    evidence += f", {aside:,} with {', '.join(scripts)} set aside" if aside else ""
    return judge([repr(line) for line in changed] if len(changed) > limit * len(kept) else [], evidence)


def _foreign(lines: Sequence[str], scripts: Sequence[str]) -> list[str]:
    """Leave out scripts that most lines hold: they are the source language's own, whatever was learned."""
    holding = {s: sum(not c.isdisjoint(line) for line in lines) for s in scripts for c in [_characters_of(lines, [s])]}
    return [script for script, count in holding.items() if 2 * count <= len(lines)]


def _characters_of(lines: Sequence[str], scripts: Sequence[str]) -> set[str]:
    characters = sorted(set().union(*lines))
    codes = np.array([ord(character) for character in characters], np.uint32)
    marks = characters_of_scripts(codes, scripts) if characters else np.zeros(0, np.bool_)
    return {character for character, is_meant in zip(characters, marks, strict=True) if is_meant}


def check_coverage(subject: Subject) -> Outcome:
    """Whatever byte or character the base gives back unharmed, the new tokenizer must give back too."""
    own, base = subject.segmenter, subject.base_segmenter
    spelt = zip(_spells_bytes(own), _spells_bytes(base), strict=True)
    offenders = [f"byte 0x{byte:02X}" for byte, (ours, theirs) in enumerate(spelt) if theirs and not ours]
    decoded = zip(PROBE_CHARACTERS, _decoded(own, PROBE_CHARACTERS), _decoded(base, PROBE_CHARACTERS), strict=True)
    known = [(character, ours) for character, ours, theirs in decoded if theirs == character]
    offenders += [
        f"U+{ord(character):04X} {character!r} gives {ours!r}" for character, ours in known if ours != character
    ]
    return judge(offenders, f"{sum(_spells_bytes(base))} bytes and {len(known):,} characters that the base can spell")


def _spells_bytes(segmenter: FastSegmenter) -> list[bool]:
    surfaces = tuple(bytes([byte]) for byte in range(256))
    flags = np.zeros(256, np.bool_)
    table = TokenTable(("",) * 256, surfaces, np.full(256, TokenKind.NORMAL, np.int8), flags)
    rows = segmenter.segment_surfaces(table)
    return [b"".join(segmenter.tokens.surfaces[i] for i in rows[byte]) == surfaces[byte] for byte in range(256)]


def check_round_trips(subject: Subject) -> Outcome:
    """Encode and decode with both; what comes out must be the same, lossless or not."""
    texts = [*subject.witnesses, *subject.lines]
    ours = _decode(subject.segmenter, [*subject.witness_ids, *subject.line_ids])
    theirs = _decoded(subject.base_segmenter, texts)
    triples = list(zip(texts, ours, theirs, strict=True))
    offenders = [f"{text!r} gives {own!r}, with the base {base!r}" for text, own, base in triples if own != base]
    lossless = sum(text == own for text, own, _ in triples)
    return judge(
        offenders, f"{len(texts) - len(offenders):,} of {len(texts):,} texts as with the base, {lossless:,} lossless"
    )


def _decoded(segmenter: FastSegmenter, texts: Sequence[str]) -> list[str]:
    return _decode(segmenter, segmenter.encode(texts))


def _decode(segmenter: FastSegmenter, ids: Sequence[Sequence[int]]) -> list[str]:
    decoded: list[str] = segmenter.backend.decode_batch(ids, skip_special_tokens=False)
    return decoded

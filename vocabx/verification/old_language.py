"""Old language: what the base's tokenizer could do must still work, and in the same way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from vocabx.core.plan import NEW
from vocabx.core.scripts import characters_of_scripts
from vocabx.core.tokens import TokenKind, TokenTable
from vocabx.manifest import REPLACE, TRIM
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.verification.finding import Outcome, failed, judge, not_run
from vocabx.verification.subject import Subject

__all__ = ["check_coverage", "check_old_ids", "check_round_trips", "check_source_text"]

HIDDEN = (TokenKind.CONTROL, TokenKind.RESERVED, TokenKind.ABSENT)
"""Kinds that spell nothing."""
PROBE_CHARACTERS = [chr(code) for code in (*range(0xD800), *range(0xE000, 0x10000), *range(0x10000, 0x32000, 16))]
"""Every character of the basic plane, and one in sixteen above it."""


def check_old_ids(subject: Subject) -> Outcome:
    """Compare every kept id's piece, bytes and kind, the settings of added tokens, roles and the usual template.

    In a replaced tokenizer a kept token of text has the same bytes, and any other has the settings or the roles of the
    base's.
    """
    own, base, plan = subject.table, subject.base_segmenter.tokens, subject.plan
    if len(own) < plan.tokens:
        return failed(f"the tokenizer has {len(own):,} ids, and the plan {plan.tokens:,}")
    ours, theirs = _added(subject.segmenter), _added(subject.base_segmenter)
    is_same = _same_text if subject.manifest.command == REPLACE else _same_meaning
    pairs = list(zip(plan.kept_ids.tolist(), plan.origins[plan.kept_ids].tolist(), strict=True))
    offenders = [
        f"{origin}: {base.show(origin)!r} became {own.show(token)!r}"
        for token, origin in pairs
        if not is_same(own, token, base, origin)
    ]
    renamed = {token for token, origin in pairs if own.pieces[token] != base.pieces[origin]}
    offenders += [
        f"settings of {theirs[origin]['content']!r} changed"
        for token, origin in pairs
        if origin in theirs and token not in renamed and ours.get(token) != theirs[origin]
    ]
    for what, found, expected in (
        ("roles", dict(own.roles), _moved_roles(subject)),
        ("ids around a text", _template(subject.segmenter), subject.move(_template(subject.base_segmenter))),
    ):
        if found != expected:
            offenders.append(f"{what} were to be {expected} and are {found}")
    kept = len(theirs.keys() & {origin for _, origin in pairs})
    return judge(offenders, f"{len(pairs):,} kept ids, {kept:,} added tokens, roles {', '.join(base.roles) or 'none'}")


def _meaning(table: TokenTable, token: int) -> tuple[object, ...]:
    return table.pieces[token], table.surfaces[token], int(table.kinds[token])


def _same_meaning(own: TokenTable, token: int, base: TokenTable, origin: int) -> bool:
    return _meaning(own, token) == _meaning(base, origin)


def _same_text(own: TokenTable, token: int, base: TokenTable, origin: int) -> bool:
    """Compare across families: WordPiece writes no space where a word starts, others do."""
    if own.kinds[token] in HIDDEN:
        # Which special token it is follows from its settings, its roles and the template.
        return not base.is_text[origin]
    are_words = own.is_text[token] and base.is_text[origin]
    if are_words and own.word_initial[token] != base.word_initial[origin]:
        return False
    return own.surfaces[token].removeprefix(b" ") == base.surfaces[origin].removeprefix(b" ")


def _moved_roles(subject: Subject) -> dict[str, int]:
    """Take the base's roles where their ids went; what only the new tokenizer has is its own."""
    own, base = subject.plan.roles, subject.base_segmenter.tokens.roles
    moved = dict(zip(base, subject.move(list(base.values())), strict=True))
    extra = {role: token for role, token in own.items() if role not in moved}
    return moved | (extra if subject.manifest.command == REPLACE else {})


def _added(segmenter: FastSegmenter) -> dict[int, dict[str, Any]]:
    """Return the settings of every added token but its id."""
    return {
        added["id"]: {name: value for name, value in added.items() if name != "id"}
        for added in segmenter.definition["added_tokens"]
    }


def _template(segmenter: FastSegmenter) -> list[int]:
    ids: list[int] = segmenter.backend.encode("", add_special_tokens=True).ids
    return ids


def check_source_text(subject: Subject) -> Outcome:
    """Count source-language lines whose ids change but as the plan moves them.

    Lines that quote the new scripts are meant to change, and so are those with a token that is dropped.
    """
    if not subject.plan.keeps_ids:
        return _check_moved_text(subject)
    limit = float(subject.manifest.tokenizer.get("source_change_limit", 0))
    scripts = _foreign(subject.lines, tuple(subject.manifest.tokenizer.get("scripts", ())))
    meant = _characters_of(subject.lines, scripts)
    kept = [(line, ours == theirs) for line, ours, theirs in _triples(subject) if meant.isdisjoint(line)]
    changed = [line for line, is_same in kept if not is_same]
    aside = len(subject.lines) - len(kept)
    evidence = f"{len(changed):,} of {len(kept):,} {subject.lines_name} changed (limit {limit:.1%})"
    if changed and limit:
        evidence += (
            f"; the limit was kept on {', '.join(subject.manifest.tokenizer.get('sample_files', ['its sample']))}"
        )
    evidence += f", {aside:,} with {', '.join(scripts)} set aside" if aside else ""
    return judge([repr(line) for line in changed] if len(changed) > limit * len(kept) else [], evidence)


def _check_moved_text(subject: Subject) -> Outcome:
    moved = [(line, ours, subject.move(theirs)) for line, ours, theirs in _triples(subject)]
    whole = [(line, ours, theirs) for line, ours, theirs in moved if NEW not in theirs]
    changed = [f"{line!r}: {theirs} became {ours}" for line, ours, theirs in whole if ours != theirs]
    evidence = f"{len(changed):,} of {len(whole):,} {subject.lines_name} changed but by the map of ids"
    aside = len(moved) - len(whole)
    return judge(changed, f"{evidence}, {aside:,} with dropped tokens set aside" if aside else evidence)


def _triples(subject: Subject) -> Iterator[tuple[str, list[int], list[int]]]:
    """Yield each line with its ids, and with those of the base."""
    return zip(subject.lines, subject.line_ids, subject.base_line_ids, strict=True)


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
    if subject.manifest.command == TRIM and not base.has_byte_fallback:
        return not_run("the base has no tokens for bytes, and characters that the text lacks are meant to go")
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
    """Encode and decode with both; what comes out must be the same, unless the base lost what ours keeps."""
    lines = [(line, ours) for line, ours, theirs in _triples(subject) if _is_whole(subject, theirs)]
    texts = [*subject.witnesses, *(line for line, _ in lines)]
    ours = _decode(subject.segmenter, [*subject.witness_ids, *(ids for _, ids in lines)])
    base_ids = subject.base_segmenter.encode(texts)
    theirs = _decode(subject.base_segmenter, base_ids)
    unknown = subject.base_segmenter.roles.get("unk")
    rows = list(zip(texts, ours, theirs, (unknown in ids for ids in base_ids), strict=True))
    offenders = [
        f"{text!r} gives {own!r}, with the base {base!r}"
        for text, own, base, is_lost in rows
        if own not in (base, text) and not is_lost
    ]
    gained = sum(own != base for _, own, base, _ in rows) - len(offenders)
    lossless = sum(text == own for text, own, _, _ in rows)
    evidence = (
        f"{len(texts) - len(offenders) - gained:,} of {len(texts):,} texts as with the base, {lossless:,} lossless"
    )
    return judge(offenders, f"{evidence}, {gained:,} that the base loses" if gained else evidence)


def _is_whole(subject: Subject, base_ids: Sequence[int]) -> bool:
    """Whether a line holds nothing that was dropped on purpose; an extension drops nothing that text produces."""
    return subject.plan.keeps_ids or NEW not in subject.move(base_ids)


def _decoded(segmenter: FastSegmenter, texts: Sequence[str]) -> list[str]:
    return _decode(segmenter, segmenter.encode(texts))


def _decode(segmenter: FastSegmenter, ids: Sequence[Sequence[int]]) -> list[str]:
    decoded: list[str] = segmenter.backend.decode_batch(ids, skip_special_tokens=False)
    return decoded

"""New tokens: each is produced by some text, or needed by one that is."""

from __future__ import annotations

from vocabx.verification.finding import Outcome, judge
from vocabx.verification.subject import Subject

__all__ = ["check_incomplete", "check_witnesses"]


def check_witnesses(subject: Subject) -> Outcome:
    """Encode the stored text of every new token of whole characters through the whole pipeline."""
    complete = [token for token in subject.new_tokens if subject.table.is_complete[token.id]]
    offenders = [f"{subject.show(token.id)} has no witness" for token in complete if token.witness is None]
    proved = [(token, token.witness) for token in complete if token.witness is not None]
    encoded = subject.segmenter.encode([witness for _, witness in proved])
    offenders += [
        f"{subject.show(token.id)} is not in the ids of {witness!r}: {ids}"
        for (token, witness), ids in zip(proved, encoded, strict=True)
        if token.id not in ids
    ]
    return judge(offenders, f"{len(complete) - len(offenders):,} of {len(complete):,} whole tokens are produced")


def check_incomplete(subject: Subject) -> Outcome:
    """Every other new token must be a part, by the stored merges, of the whole token that it names."""
    parts = {token.id: token.parts for token in subject.new_tokens}
    incomplete = [token for token in subject.new_tokens if not subject.table.is_complete[token.id]]
    offenders = []
    for token in incomplete:
        owner = token.needed_by
        if owner not in parts or not subject.table.is_complete[owner]:
            offenders.append(f"{subject.show(token.id)} names no new whole token that needs it: {owner}")
        elif token.id not in _below(owner, parts):
            offenders.append(f"{subject.show(token.id)} is no part of {subject.show(owner)}")
    return judge(offenders, f"{len(incomplete) - len(offenders):,} of {len(incomplete):,} incomplete tokens are needed")


def _below(owner: int, parts: dict[int, tuple[int, ...]]) -> set[int]:
    """Collect every new token that the owner's merges join; a damaged manifest may go round in circles."""
    found, waiting = set[int](), [owner]
    while waiting:
        for part in parts[waiting.pop()]:
            if part in parts and part not in found:
                found.add(part)
                waiting.append(part)
    return found

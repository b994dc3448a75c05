"""Record: the manifest must describe the directory that it lies in."""

from __future__ import annotations

from collections.abc import Iterator

from vocabx.core.plan import NEW
from vocabx.manifest import FILE_NAME, NewToken
from vocabx.verification.finding import Outcome, judge
from vocabx.verification.subject import Subject

__all__ = ["check_manifest"]


def check_manifest(subject: Subject) -> Outcome:
    """Compare the plan, the stored weights' shapes and every new token's entry with the files."""
    offenders = [*_plan(subject), *_rows(subject)]
    for token in subject.new_tokens:
        offenders += _token(subject, token)
    plan = subject.plan
    files = sorted({name for name in subject.manifest.rows.values() if name.endswith(".npz")})
    evidence = f"{plan.kept:,} ids kept, {plan.new:,} new, {len(plan.dropped):,} dropped, {plan.rows_after:,} rows"
    return judge(offenders, f"{evidence}; weights in {', '.join(files) or 'no file'}")


def _plan(subject: Subject) -> Iterator[str]:
    plan, table = subject.plan, subject.table
    yield from _compare("tokens", plan.tokens, "the tokenizer", len(table))
    yield from _compare("roles", dict(plan.roles), "the tokenizer", dict(table.roles))
    if subject.base_directory is not None:
        yield from _compare(
            "tokens before", plan.tokens_before, "the base's tokenizer", len(subject.base_segmenter.tokens)
        )
    if subject.base_checkpoint is not None and not subject.is_tokenizer_only:
        yield from _compare("rows before", plan.rows_before, "the base", subject.base_checkpoint.rows)
    if not subject.is_tokenizer_only:
        yield from _compare("rows after", plan.rows_after, "the checkpoint", subject.checkpoint.rows)
        yield from _types(subject)


def _types(subject: Subject) -> Iterator[str]:
    """Name the tensors that are not of the type that all were cast to."""
    for name, tensor in sorted(subject.checkpoint.tensors.items()):
        if subject.storage.is_cast(tensor.entry):
            yield f"{FILE_NAME} says that the weights were cast to {subject.manifest.dtype}, and {name} was not"


def _compare(what: str, said: object, where: str, found: object) -> Iterator[str]:
    if said != found:
        yield f"{what}: {FILE_NAME} says {said}, {where} {found}"


def _rows(subject: Subject) -> Iterator[str]:
    if subject.is_tokenizer_only:
        return
    yield from _compare("matrices", sorted(subject.manifest.rows), "a model has", ["bias", "head", "input"])
    _ = subject.alignments  # raises where a file is missing, unreadable or of another shape


def _token(subject: Subject, token: NewToken) -> Iterator[str]:
    table, shown = subject.table, f"new token {token.id}"
    yield from _compare(f"piece of {shown}", token.piece, "the tokenizer", table.pieces[token.id])
    yield from _compare(f"text of {shown}", token.text, "the tokenizer", table.show(token.id))
    if not all(_comes_before(subject, part, token) for part in token.parts):
        yield f"{shown} is made of {token.parts}, which do not all come before it"
    elif token.parts and b"".join(table.surfaces[part] for part in token.parts) != table.surfaces[token.id]:
        yield f"{shown} ({token.text}) is not {' and '.join(subject.show(part) for part in token.parts)}"


def _comes_before(subject: Subject, part: int, token: NewToken) -> bool:
    """Tell whether a part is an old token, which may have a higher id than a reused slot, or an earlier new one."""
    origins = subject.plan.origins
    return 0 <= part < len(origins) and (origins[part] != NEW or part < token.id)

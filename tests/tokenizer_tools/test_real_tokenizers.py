"""The laws of the toolbox on tokenizers and texts that people use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from vocabx.core.tokens import TokenKind
from vocabx.tokenizer_tools.extend import extend_tokenizer
from vocabx.tokenizer_tools.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.options import ExtensionOptions
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer
from vocabx.tokenizer_tools.surfaces import Family
from vocabx.tokenizer_tools.write import check_reopened, write_tokenizer

Resources = Callable[[str], Path]

FAMILIES = {
    "smollm2": Family.BYTE_LEVEL,
    "gemma3": Family.METASPACE,
    "minilm": Family.WORDPIECE,
    "e5": Family.UNIGRAM,
    "mistral": Family.METASPACE,
    "tokenizers/llama2": Family.METASPACE,
    "tokenizers/llama3": Family.BYTE_LEVEL,
    "tokenizers/qwen3": Family.BYTE_LEVEL,
    "tokenizers/gpt4o": Family.BYTE_LEVEL,
}
LANGUAGES = ("en-us", "ko", "ja", "hi", "de")


@cache
def read(directory: Path) -> FastSegmenter:
    return read_tokenizer(directory)


def mixed_lines(resources: Resources, each: int = 80) -> list[str]:
    texts = [resources("help-texts") / f"help.{language}.txt" for language in LANGUAGES]
    return [line for text in texts for line in text.read_text(encoding="utf-8").splitlines()[1000 : 1000 + each]]


def known(segmenter: FastSegmenter, ids: Sequence[int]) -> bool:
    return segmenter.roles.get("unk", -1) not in ids


@pytest.mark.parametrize("name", FAMILIES)
def test_surfaces_join_to_the_text(name: str, resources: Resources) -> None:
    segmenter = read(resources(name))
    assert segmenter.family is FAMILIES[name]
    lines = mixed_lines(resources)
    segmentation = segmenter.segment_lines(lines)
    rows = [row for row in range(len(lines)) if known(segmenter, segmentation.ids[row].tolist())]
    # An English WordPiece vocabulary lacks many Korean, Japanese and Hindi characters.
    assert len(rows) > (0.6 if name == "minilm" else 0.99) * len(lines)
    for row in rows:
        surfaces = [segmenter.tokens.surfaces[token] for token in segmentation.ids[row]]
        assert b"".join(surfaces) == segmentation.texts[row], lines[row]


@pytest.mark.parametrize("name", FAMILIES)
def test_tokens_give_themselves_or_their_constituents(name: str, resources: Resources) -> None:
    segmenter = read(resources(name))
    some = segmenter.tokens.select(range(0, len(segmenter.tokens), 37))
    rows = segmenter.segment_surfaces(some)
    wrong = [
        row
        for row in range(len(some))
        if some.is_text[row]
        and known(segmenter, rows[row].tolist())
        and b"".join(segmenter.tokens.surfaces[token] for token in rows[row]) != some.surfaces[row]
    ]
    assert wrong == []


def head(resources: Resources, name: str, size: int) -> list[str]:
    return (resources("texts") / name).read_bytes()[:size].decode(errors="ignore").splitlines()


def extend(resources: Resources, base: str, text: str, bytes_: int, size: int) -> ExtendedTokenizer:
    sample = head(resources, "pydocs.en.txt", 400_000)[:2000]
    lines = head(resources, text, bytes_)
    return extend_tokenizer(read(resources(base)), [lines], sample, ExtensionOptions(size=size))


def check(result: ExtendedTokenizer, resources: Resources) -> int:
    """Hold the result to its own evidence; return how many lines of the source sample changed."""
    texts = list(result.witnesses.values())
    for token, ids in zip(result.witnesses, result.segmenter.encode(texts), strict=True):
        assert token in ids
    incomplete = {int(result.new_ids[result.selection.pieces.index(piece)]) for piece in result.selection.needed_by}
    new = set(result.new_ids.tolist())
    assert set(result.witnesses) == new - incomplete
    for added in result.source.definition["added_tokens"]:
        assert result.segmenter.backend.token_to_id(added["content"]) == added["id"]
    old, table = result.source.tokens, result.segmenter.tokens
    assert table.pieces[: len(old)] == old.pieces
    assert (table.kinds[len(old) :] == TokenKind.NORMAL).all()
    assert set(table.surfaces[len(old) :]).isdisjoint(
        surface for surface, is_text in zip(old.surfaces, old.is_text, strict=True) if is_text
    )
    for lines in (mixed_lines(resources, 20), ["", "\x04", "\U000f0000", "👨‍👩‍👧‍👦", "한국어"]):
        for before, after in zip(result.source.encode(lines), result.segmenter.encode(lines), strict=True):
            spelt = [b"".join(table.surfaces[token] for token in ids) for ids in (before, after)]
            assert spelt[0] == spelt[1]
    sample = head(resources, "pydocs.en.txt", 400_000)[:2000]
    return sum(a != b for a, b in zip(result.source.encode(sample), result.segmenter.encode(sample), strict=True))


@pytest.mark.parametrize(
    ("base", "bytes_", "size"),
    [
        ("smollm2", 1_000_000, 1000),
        ("tokenizers/llama3", 300_000, 500),
        ("tokenizers/qwen3", 300_000, 500),
        ("tokenizers/gpt4o", 300_000, 500),
    ],
)
def test_a_new_script_leaves_the_source_language_alone(
    base: str, bytes_: int, size: int, resources: Resources, tmp_path: Path
) -> None:
    result = extend(resources, base, "docs.ko.txt", bytes_, size)
    assert (result.scripts, len(result.new_tokens), result.sample_lines) == (("Hangul",), size, 2000)
    assert check(result, resources) == result.changed_lines == 0
    write_tokenizer(result.segmenter, resources(base), tmp_path)
    check_reopened(tmp_path, result.segmenter, [*mixed_lines(resources, 20), *result.witnesses.values()])


def test_a_shared_script_changes_few_lines_of_the_source_language(resources: Resources) -> None:
    result = extend(resources, "smollm2", "docs.sw.txt", 1_000_000, 1000)
    assert (result.scripts, result.source_change_limit, len(result.new_tokens)) == ((), 0.005, 1000)
    assert check(result, resources) == result.changed_lines <= 10
    assert result.tradeoffs[0].changed_lines == 0
    assert [row.kept_gain for row in result.tradeoffs] == sorted(row.kept_gain for row in result.tradeoffs)

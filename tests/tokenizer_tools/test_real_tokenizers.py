"""The laws of the toolbox on tokenizers and texts that people use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vocabx.core.tokens import TokenKind
from vocabx.tokenizer_tools.extend import extend_tokenizer
from vocabx.tokenizer_tools.extend.donor import NO_ROAD
from vocabx.tokenizer_tools.extend.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.extend.options import ExtensionOptions
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer
from vocabx.tokenizer_tools.sentencepiece_model import build_model, differing_lines
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


def sample_lines(resources: Resources) -> list[str]:
    return head(resources, "pydocs.en.txt", 400_000)[:2000]


@cache
def extended(resources: Resources, base: str, text: str, **settings: Any) -> ExtendedTokenizer:
    lines = head(resources, text, 1_000_000)
    options = ExtensionOptions(**({"size": 500} | settings))
    return extend_tokenizer(read(resources(base)), [lines], sample_lines(resources), options)


def check(result: ExtendedTokenizer, resources: Resources) -> int:
    """Hold the result to its own evidence; return how many lines of the source sample changed."""
    texts = list(result.witnesses.values())
    for token, ids in zip(result.witnesses, result.segmenter.encode(texts), strict=True):
        assert token in ids
    incomplete = {int(result.new_ids[result.selection.pieces.index(piece)]) for piece in result.selection.needed_by}
    new = set(result.new_ids.tolist())
    assert set(result.witnesses) == new - incomplete
    old, table = result.source.tokens, result.segmenter.tokens
    kept = [token for token in range(len(old)) if token not in new]
    assert all(table.pieces[token] == old.pieces[token] for token in kept)
    for added in result.source.definition["added_tokens"]:
        if added["id"] not in new:
            assert result.segmenter.backend.token_to_id(added["content"]) == added["id"]
    assert (table.kinds[result.new_ids] == TokenKind.NORMAL).all()
    key = [(surface, bool(opens)) for surface, opens in zip(table.surfaces, table.word_initial, strict=True)]
    assert {key[token] for token in new}.isdisjoint(key[token] for token in kept if old.is_text[token])
    check_text(result, mixed_lines(resources, 20))
    check_text(result, ["", "\x04", "\U000f0000", "👨‍👩‍👧‍👦", "한국어", "ꙮ𐍈 the ꙮ"])
    before, after = (segmenter.encode(sample_lines(resources)) for segmenter in (result.source, result.segmenter))
    return sum(a != b for a, b in zip(before, after, strict=True))


def check_text(result: ExtendedTokenizer, lines: Sequence[str]) -> None:
    """Hold that what the base spells is spelt alike, and decodes alike."""
    decode = result.source.backend.decode, result.segmenter.backend.decode
    for before, after in zip(result.source.encode(lines), result.segmenter.encode(lines), strict=True):
        if known(result.source, before):
            spelt = [
                b"".join(s.tokens.surfaces[token] for token in ids)
                for s, ids in zip((result.source, result.segmenter), (before, after), strict=True)
            ]
            assert spelt[0] == spelt[1]
            assert decode[0](before) == decode[1](after)


@pytest.mark.parametrize("base", FAMILIES)
def test_a_new_script_leaves_the_source_language_alone(base: str, resources: Resources, tmp_path: Path) -> None:
    result = extended(resources, base, "docs.ko.txt")
    assert (result.scripts, len(result.new_tokens), result.sample_lines) == (("Hangul",), 500, 2000)
    assert check(result, resources) == result.changed_lines == 0
    write_tokenizer(result.segmenter, resources(base), tmp_path)
    check_reopened(tmp_path, result.segmenter, [*mixed_lines(resources, 20), *result.witnesses.values()])


@pytest.mark.parametrize("base", FAMILIES)
def test_a_shared_script_changes_few_lines_of_the_source_language(base: str, resources: Resources) -> None:
    result = extended(resources, base, "docs.sw.txt")
    assert (result.scripts, result.source_change_limit, len(result.new_tokens)) == ((), 0.005, 500)
    assert check(result, resources) == result.changed_lines <= 10
    assert [row.kept_gain for row in result.tradeoffs] == sorted(row.kept_gain for row in result.tradeoffs)
    before, after = result.corpus_tokens
    assert after < 0.9 * before


@pytest.mark.parametrize("base", ["gemma3", "mistral", "tokenizers/llama2", "e5"])
@pytest.mark.parametrize("text", ["docs.ko.txt", "docs.sw.txt"])
def test_sentencepiece_gives_the_ids_of_the_extended_tokenizer(base: str, text: str, resources: Resources) -> None:
    result = extended(resources, base, text)
    lines = [line.strip() for line in (*mixed_lines(resources, 400), *head(resources, text, 1_500_000)[-3000:])]
    assert not differing_lines(result.segmenter, build_model(result.segmenter), lines)


@pytest.mark.parametrize(
    ("base", "first"),
    [("gemma3", "<unused0>"), ("tokenizers/llama3", "<|reserved_special_token_0|>"), ("minilm", "[unused0]")],
)
def test_reserved_slots_are_taken_first(base: str, first: str, resources: Resources, tmp_path: Path) -> None:
    result = extended(resources, base, "docs.ko.txt", reuse_reserved=True)
    source, table = result.source.tokens, result.segmenter.tokens
    slots = np.flatnonzero(source.kinds == TokenKind.RESERVED)
    taken = min(len(slots), 500)
    assert source.pieces[result.new_ids[0]] == first
    assert result.new_ids.tolist() == [*slots[:taken], *range(len(source), len(source) + 500 - taken)]
    assert len(table) == len(source) + 500 - taken
    assert check(result, resources) == 0
    gone = {source.pieces[token] for token in slots[:taken]}
    assert not gone & {added["content"] for added in result.segmenter.definition["added_tokens"]}
    assert not gone & set(table.pieces)
    write_tokenizer(result.segmenter, resources(base), tmp_path)
    check_reopened(tmp_path, result.segmenter, [*mixed_lines(resources, 20), *result.witnesses.values()])


@pytest.mark.parametrize(
    ("base", "donor", "least"),
    [
        ("smollm2", "gemma3", 1000),
        ("smollm2", "e5", 1000),
        ("minilm", "e5", 1000),
        ("mistral", "tokenizers/gpt4o", 500),
    ],
)
def test_tokens_of_another_tokenizer_are_joined_and_produced(
    base: str, donor: str, least: int, resources: Resources
) -> None:
    lines = head(resources, "docs.ko.txt", 1_000_000)
    result = extend_tokenizer(
        read(resources(base)),
        [lines],
        sample_lines(resources),
        ExtensionOptions(size=None),
        donor=read(resources(donor)),
    )
    assert len(result.witnesses) > least
    assert result.filtered.get(NO_ROAD, 0) < 0.1 * len(result.new_ids)  # words of three parts that it lacks
    assert check(result, resources) == result.changed_lines == 0

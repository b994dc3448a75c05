from __future__ import annotations

import itertools
import json
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, processors

from tests.tokenizer_tools.toys import (
    TOYS,
    byte_level,
    english,
    korean,
    llama3_like,
    metaspace,
    of_merges,
    unigram,
    with_roles,
    wordpiece,
)
from vocabx.core.errors import TokenizerError
from vocabx.core.tokens import TokenKind
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer
from vocabx.tokenizer_tools.sentencepiece_model import build_model, differing_lines
from vocabx.tokenizer_tools.trim import TrimmedTokenizer, trim_tokenizer
from vocabx.tokenizer_tools.trim.distinct import collect_texts

Resources = Callable[[str], Path]
CORPUS = [*english()[:40], *korean()[:5], "", "    indented", "two  spaces", "a <think> b<|end|>c</s>", "x" * 150]


def trim(source: FastSegmenter, lines: Sequence[str] = CORPUS, **options: Any) -> TrimmedTokenizer:
    return trim_tokenizer(source, [lines[:7], lines[7:]], **options)


def renumbered(result: TrimmedTokenizer, rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """What base ids must be in the trimmed tokenizer; a removed one is -1 and equals nothing."""
    new_id = {old: new for new, old in enumerate(result.kept.tolist())}
    return [[new_id.get(token, -1) for token in row] for row in rows]


def changed(source: FastSegmenter, change: Callable[[dict[str, Any]], object]) -> FastSegmenter:
    definition = json.loads(source.backend.to_str())
    change(definition)
    return FastSegmenter.from_backend(Tokenizer.from_str(json.dumps(definition)), source.roles)


@pytest.mark.parametrize("name", TOYS)
def test_every_line_of_the_corpus_keeps_its_ids(name: str) -> None:
    source = TOYS[name]()
    result = trim(source)
    wanted = source.encode(CORPUS)
    assert result.segmenter.encode(CORPUS) == renumbered(result, wanted)
    assert result.used == len({token for row in wanted for token in row})
    assert result.corpus_tokens == result.trimmed_tokens == sum(map(len, wanted))
    assert (result.corpus_lines, result.changed_lines) == (len(CORPUS), 0)
    assert len(result.kept) < len(source.tokens)


@pytest.mark.parametrize("name", TOYS)
def test_tokens_stay_what_they_are_and_ids_have_no_gaps(name: str) -> None:
    source = TOYS[name]()
    result = trim(source)
    old, new = source.tokens.select(result.kept), result.segmenter.tokens
    assert (new.pieces, new.surfaces) == (old.pieces, old.surfaces)
    assert new.kinds.tolist() == old.kinds.tolist()
    assert dict(new.roles) == {role: int(result.new_ids[token]) for role, token in source.roles.items()}
    assert sum(result.reasons.values()) == len(result.kept) == len(set(result.kept.tolist()))
    assert sorted(result.kept) == result.kept.tolist()


@pytest.mark.parametrize("name", TOYS)
def test_a_file_of_the_result_reads_as_the_result(name: str) -> None:
    result = trim(TOYS[name]()).segmenter
    read = FastSegmenter.from_backend(Tokenizer.from_str(result.backend.to_str(pretty=True)), result.roles)
    assert read.tokens.pieces == result.tokens.pieces
    assert read.backend.encode("a<think>").ids == result.backend.encode("a<think>").ids


@pytest.mark.parametrize("name", TOYS)
def test_with_a_minimum_frequency_the_cost_is_what_it_is(name: str) -> None:
    source = TOYS[name]()
    result = trim(source, minimum_frequency=4)
    wanted, found = source.encode(CORPUS), result.segmenter.encode(CORPUS)
    differing = [row for row, ids in enumerate(renumbered(result, wanted)) if ids != found[row]]
    assert result.changed_lines == len(differing) > 0
    assert result.trimmed_tokens == sum(map(len, found)) > result.corpus_tokens == sum(map(len, wanted))
    assert len(result.kept) < len(trim(source).kept)


@pytest.mark.parametrize("name", TOYS)
def test_a_rare_token_falls_apart_and_nothing_is_lost(name: str) -> None:
    source = TOYS[name]()
    result = trim(source, minimum_frequency=1000)
    unknown = result.segmenter.roles.get("unk", -1)
    for before, after in zip(source.encode(CORPUS), result.segmenter.encode(CORPUS), strict=True):
        if source.roles.get("unk", -1) in before:
            continue
        assert unknown not in after
        spelt = [
            b"".join(segmenter.tokens.surfaces[token] for token in ids)
            for segmenter, ids in ((source, before), (result.segmenter, after))
        ]
        assert spelt[0] == spelt[1]


@pytest.mark.parametrize("name", TOYS)
def test_special_tokens_around_a_text_are_renumbered(name: str) -> None:
    result = trim(TOYS[name]())
    source = result.source.backend
    assert [result.segmenter.backend.encode(CORPUS[0]).ids] == renumbered(result, [source.encode(CORPUS[0]).ids])


@pytest.mark.parametrize("kind", [processors.BertProcessing, processors.RobertaProcessing])
def test_every_kind_of_post_processor_is_renumbered(kind: Callable[..., Any]) -> None:
    backend = Tokenizer.from_str(llama3_like().backend.to_str())
    sep, cls = ((piece, backend.token_to_id(piece)) for piece in ("<|end|>", "<|begin|>"))
    backend.post_processor = processors.Sequence([kind(sep, cls)])
    result = trim(FastSegmenter.from_backend(backend, llama3_like().roles))
    ids = result.segmenter.backend.encode("the").ids
    assert [result.segmenter.tokens.pieces[token] for token in (ids[0], ids[-1])] == ["<|begin|>", "<|end|>"]


def test_reserved_slots_go_unless_they_are_asked_for_or_have_a_role() -> None:
    source = llama3_like()
    slots = [source.backend.token_to_id(f"<|reserved_special_token_{i}|>") for i in range(2)]
    assert [source.tokens.kinds[slot] for slot in slots] == [TokenKind.RESERVED, TokenKind.CONTROL]
    assert [slot in trim(source).kept for slot in slots] == [False, True]
    assert [slot in trim(source, keep=slots).kept for slot in slots] == [True, True]
    result = trim(wordpiece())
    assert wordpiece().backend.token_to_id("[unused0]") not in result.kept


def test_bytes_special_and_added_tokens_stay() -> None:
    for source in (byte_level(), llama3_like(), metaspace()):
        kept = trim(source, ["a"]).kept
        kinds = (TokenKind.BYTE, TokenKind.CONTROL, TokenKind.ADDED)
        assert set(np.flatnonzero(np.isin(source.tokens.kinds, kinds))) <= set(kept.tolist())


def test_a_token_that_is_asked_for_comes_with_the_parts_that_build_it() -> None:
    source = of_merges(("t", "h"), ("h", "e"), ("th", "e"), ("x", "y"))
    the = source.backend.token_to_id("the")
    result = trim(source, ["none"], keep=[the])
    pieces = set(result.segmenter.tokens.pieces)
    assert {"th", "the"} <= pieces
    assert pieces.isdisjoint({"he", "xy"})
    assert result.kept_as_parts == 1
    assert [result.segmenter.tokens.pieces[token] for token in result.segmenter.encode(["the"])[0]] == ["the"]


def test_only_the_merges_that_fire_are_followed() -> None:
    source = changed(
        of_merges(("b", "c"), ("a", "bc"), ("a", "b")),
        lambda definition: definition["model"]["merges"].append(["ab", "c"]),
    )
    result = trim(source, ["abc"])
    assert {"bc", "abc"} <= set(result.segmenter.tokens.pieces)
    assert "ab" not in result.segmenter.tokens.pieces
    assert result.segmenter.definition["model"]["merges"] == [["b", "c"], ["a", "bc"]]


def test_a_token_that_only_whole_words_give_needs_no_parts() -> None:
    source = changed(
        of_merges(("t", "h"), ("th", "e")), lambda definition: definition["model"].update(ignore_merges=True)
    )
    source = changed(source, lambda definition: definition["model"].update(merges=[["t", "h"]]))
    result = trim(source, ["the"])
    assert (result.kept_as_parts, "th" in result.segmenter.tokens.pieces) == (0, False)


LETTERS = "abcd"
MERGES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=14)


@given(MERGES, st.lists(st.text(LETTERS + " ", max_size=12), min_size=1, max_size=6), st.booleans(), st.integers(1, 3))
def test_random_merges_keep_the_ids_of_the_corpus(
    choices: list[tuple[int, int]], lines: list[str], whole_words: bool, frequency: int
) -> None:
    pieces, merges = list(LETTERS), list[tuple[str, str]]()
    for left, right in choices:
        pair = pieces[left % len(pieces)], pieces[right % len(pieces)]
        if pair not in merges:
            merges.append(pair)
            pieces.append("".join(pair))
    source = changed(of_merges(*merges), lambda definition: definition["model"].update(ignore_merges=whole_words))
    result = trim(source, lines, minimum_frequency=frequency)
    wanted, found = renumbered(result, source.encode(lines)), result.segmenter.encode(lines)
    assert sum(one != other for one, other in zip(wanted, found, strict=True)) == result.changed_lines
    assert frequency > 1 or wanted == found
    assert result.segmenter.backend.decode_batch(found) == source.backend.decode_batch(source.encode(lines))


def test_what_wordpiece_matches_before_it_gives_up_stays() -> None:
    def teach(definition: dict[str, Any]) -> None:
        vocabulary = definition["model"]["vocab"]
        vocabulary |= {piece: len(vocabulary) + i for i, piece in enumerate(("qa", "qab", "##bβ", "zz"))}

    source = changed(wordpiece(), teach)
    lines = ["qabβ", "qa", "zzbβ"]  # the first is unknown after qab, but qa and ##bβ would spell it
    assert source.roles["unk"] in source.encode(lines)[0]
    result = trim(source, lines)
    assert result.reasons["matched in unknown words"] == 1
    assert result.segmenter.encode(lines) == renumbered(result, source.encode(lines))


def test_the_score_of_unknown_characters_does_not_move() -> None:
    source = unigram()
    lowest = min(score for _, score in source.definition["model"]["vocab"])
    assert min(score for _, score in trim(source, ["the"]).segmenter.definition["model"]["vocab"]) == lowest


def test_lines_with_added_tokens_are_taken_whole() -> None:
    source = llama3_like()
    texts = collect_texts(source, [["plain words", "a<think>b", "    x", "plain words"]], places=1)
    assert texts.lines == ("a<think>b", "    x")
    assert dict(zip(texts.words + texts.lines, texts.counts.tolist(), strict=True))["Ġwords"] == 2
    assert texts.places == ([0], [0], [1], [2])


def test_added_tokens_in_normalised_text_are_found() -> None:
    backend = Tokenizer.from_str(wordpiece().backend.to_str())
    backend.add_tokens([AddedToken("ThInK", normalized=True)])
    source = with_roles(backend, unk="[UNK]")
    lines = ["so THINK again", "nothing here"]
    assert collect_texts(source, [lines]).lines == ("so THINK again",)
    result = trim(source, lines)
    assert result.segmenter.encode(lines) == renumbered(result, source.encode(lines))


def test_pieces_that_reach_into_the_next_word_keep_words_together() -> None:
    def teach(definition: dict[str, Any]) -> None:
        vocabulary = definition["model"]["vocab"]
        vocabulary["e▁a"] = len(vocabulary)
        vocabulary["e▁"] = len(vocabulary)
        definition["model"]["merges"][:0] = [["e", "▁"], ["e▁", "a"]]

    source = changed(metaspace(), teach)
    lines = ["the apple", "the pear", "a the a"]
    assert collect_texts(source, [lines]).words == ("▁the▁apple", "▁the▁pear", "▁a", "▁the▁a")
    result = trim(source, lines)
    assert result.segmenter.encode(lines) == renumbered(result, source.encode(lines))
    assert "e▁a" in result.segmenter.tokens.pieces


def test_composition_comes_before_counting() -> None:
    apart = unicodedata.normalize("NFD", "é")
    source = of_merges(("Ã", "©"))
    assert "Ã©" in trim(source, [apart], compose=True).segmenter.tokens.pieces
    assert "Ã©" not in trim(source, [apart]).segmenter.tokens.pieces


def test_progress_says_what_is_done() -> None:
    messages: list[str] = []
    trim(byte_level(), ["one", "two", "one"], progress=messages.append)
    assert messages[0] == "reading: 3 lines"
    assert messages[-1].startswith("testing ")


def test_a_trimmed_tokenizer_can_still_be_a_sentencepiece_model() -> None:
    result = trim(metaspace())
    lines = [line for line in CORPUS if not line.startswith(" ") and "</s>" not in line]
    assert differing_lines(result.segmenter, build_model(result.segmenter), lines) == []


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (byte_level, {"keep": [10**6]}, "no token with the id 1000000, which was to be kept"),
        (byte_level, {"minimum_frequency": 0}, "The minimum frequency is 0"),
        (lambda: changed(byte_level(), lambda d: d["model"].update(dropout=0.1)), {}, "drops merges at random"),
        (
            lambda: changed(byte_level(), lambda d: d["model"].update(continuing_subword_prefix="##", merges=[])),
            {},
            "marks continued words",
        ),
    ],
)
def test_what_cannot_be_trimmed_is_refused(
    source: Callable[[], FastSegmenter], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TokenizerError, match=message):
        trim(source(), ["a"], **options)


def head(resources: Resources, name: str, lines: int) -> list[str]:
    with (resources("texts") / name).open(encoding="utf-8") as file:
        return [line.rstrip("\n") for line in itertools.islice(file, lines)]


@pytest.mark.parametrize(
    "name", ["gemma3", "tokenizers/llama3", "tokenizers/qwen3", "e5", "minilm", "smollm2", "mistral"]
)
def test_real_tokenizers_keep_the_ids_of_real_text(name: str, resources: Resources) -> None:
    source = read_tokenizer(resources(name))
    lines = head(resources, "docs.ko.txt", 20_000) + head(resources, "pydocs.en.txt", 20_000)
    result = trim(source, lines)
    assert result.segmenter.encode(lines) == renumbered(result, source.encode(lines))
    assert result.used <= len(result.kept) < 0.6 * len(source.tokens)
    if source.family.marks_spaces:
        assert differing_lines(result.segmenter, build_model(result.segmenter), lines[::10]) == []

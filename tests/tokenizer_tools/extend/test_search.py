from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import texts
from tests.tokenizer_tools.toys import (
    ALPHABET,
    TOYS,
    byte_level,
    english,
    invented,
    korean,
    of_merges,
    unigram,
    wordpiece,
)
from vocabx.core.errors import InputError, TokenizerError, UnknownNameError
from vocabx.core.tokens import TokenKind
from vocabx.tokenizer_tools.extend import extend_tokenizer
from vocabx.tokenizer_tools.extend.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.extend.options import ANY_SCRIPT, ExtensionOptions
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import Family, surface_to_piece

BASES = TOYS
SIZES = {"metaspace": 150}


@cache
def extended(base: str, language: str = "Korean") -> ExtendedTokenizer:
    lines = korean() if language == "Korean" else invented()
    options = ExtensionOptions(size=SIZES.get(base, 200), minimum_frequency=2)
    return extend_tokenizer(BASES[base](), [lines[:100], lines[100:]], english(), options)


@pytest.fixture(scope="module", params=[(base, language) for base in BASES for language in ("Korean", "invented")])
def result(request: pytest.FixtureRequest) -> ExtendedTokenizer:
    return extended(*request.param)


def test_as_many_tokens_as_wanted_are_added(result: ExtendedTokenizer) -> None:
    assert len(result.new_ids) == len(result.selection.pieces) in (150, 200)


def test_every_new_token_of_whole_characters_has_a_text_that_produces_it(result: ExtendedTokenizer) -> None:
    whole = {
        token
        for token, piece in zip(result.new_ids.tolist(), result.selection.pieces, strict=True)
        if piece not in result.selection.needed_by
    }
    assert set(result.witnesses) == whole
    for token, text in result.witnesses.items():
        assert token in result.segmenter.backend.encode(text, add_special_tokens=False).ids


def test_every_other_new_token_names_a_whole_one_that_is_made_of_it(result: ExtendedTokenizer) -> None:
    def tree(piece: str) -> set[str]:
        merge = result.selection.parts.get(piece)
        return {piece} | (tree(merge.left) | tree(merge.right) if merge else set())

    for piece, whole in result.selection.needed_by.items():
        assert whole in result.selection.pieces
        assert whole not in result.selection.needed_by
        assert piece in tree(whole)


def test_new_ids_follow_the_old_ones_in_the_order_of_the_pieces(result: ExtendedTokenizer) -> None:
    old, new = result.source.tokens, result.segmenter.tokens
    assert new.pieces[: len(old)] == old.pieces
    assert new.surfaces[: len(old)] == old.surfaces
    assert new.kinds[: len(old)].tolist() == old.kinds.tolist()
    assert new.pieces[len(old) :] == result.selection.pieces == result.new_tokens.pieces
    assert len(new) == len(old) + len(result.new_ids)
    assert (new.kinds[len(old) :] == TokenKind.NORMAL).all()
    keys = list(zip(new.surfaces, new.word_initial.tolist(), strict=True))
    assert len(set(keys[len(old) :])) == len(result.new_ids)
    assert not set(keys[len(old) :]) & {key for key, text in zip(keys, old.is_text, strict=False) if text}
    assert new.roles == old.roles


def test_source_lines_keep_their_ids_within_the_limit(result: ExtendedTokenizer) -> None:
    lines = english()
    before, after = result.source.encode(lines), result.segmenter.encode(lines)
    changed = sum(a != b for a, b in zip(before, after, strict=True))
    assert changed == result.changed_lines <= result.source_change_limit * len(lines)


def test_target_lines_take_fewer_tokens(result: ExtendedTokenizer) -> None:
    lines = [line for line in (korean() if result.scripts else invented()) if not loses(result.source, line)]
    before, after = (sum(map(len, segmenter.encode(lines))) for segmenter in (result.source, result.segmenter))
    # Where characters would be lost, half of the new tokens here are single characters.
    assert after < (0.85 if result.source.has_byte_fallback else 0.95) * before or not lines


def loses(segmenter: FastSegmenter, line: str) -> bool:
    """Whether the vocabulary has no way to spell the line."""
    return segmenter.roles.get("unk") in segmenter.encode([line])[0]


def test_the_tokens_of_the_corpus_are_those_of_its_lines(result: ExtendedTokenizer) -> None:
    before, after = result.corpus_tokens
    has_lost = any(loses(result.source, line) for line in (korean() if result.scripts else invented()))
    assert after > 0
    assert after < before or has_lost
    lines = korean() if result.scripts else invented()
    if result.source.family is not Family.METASPACE and not any(loses(result.segmenter, line) for line in lines):
        assert after == sum(map(len, result.segmenter.encode(lines)))


def decode(segmenter: FastSegmenter, line: str) -> str:
    return segmenter.backend.decode(segmenter.encode([line])[0], skip_special_tokens=False)


@given(line=st.one_of(texts, st.text(), st.sampled_from(korean())))
def test_text_that_round_trips_with_the_base_still_does(result: ExtendedTokenizer, line: str) -> None:
    if not loses(result.source, line):
        assert decode(result.segmenter, line) == decode(result.source, line)
    if result.source is byte_level():
        assert decode(result.segmenter, line) == line


@given(line=texts)
def test_new_text_follows_the_law_of_surfaces(result: ExtendedTokenizer, line: str) -> None:
    segmentation = result.segmenter.segment_lines([line])
    if not loses(result.segmenter, line):
        assert b"".join(result.segmenter.tokens.surfaces[i] for i in segmentation.ids[0]) == segmentation.texts[0]
    assert segmentation.texts == result.source.segment_lines([line]).texts


def test_added_tokens_outside_the_model_keep_their_ids_and_places() -> None:
    result = extended("like Llama 3")
    old, new = (json.loads(s.backend.to_str()) for s in (result.source, result.segmenter))
    assert new["added_tokens"] == old["added_tokens"]
    assert {name: stage for name, stage in new.items() if name != "model"} == {
        name: stage for name, stage in old.items() if name != "model"
    }
    line = "<|begin|>한국어<think>    한국<|end|>"
    ids = result.segmenter.encode([line])[0]
    for added in old["added_tokens"]:
        assert result.segmenter.backend.token_to_id(added["content"]) == added["id"]
        assert (added["id"] in ids) == (added["content"] in line)
    assert result.segmenter.backend.encode("한국").ids[0] == result.source.roles["bos"]


def test_new_tokens_of_a_new_script_all_hold_it() -> None:
    result = extended("byte-level")
    assert result.scripts == ("Hangul",)
    whole = [s.decode() for s, ok in zip(result.new_tokens.surfaces, result.new_tokens.is_complete, strict=True) if ok]
    assert all(any("가" <= character <= "힣" for character in text) for text in whole)
    assert max(map(len, whole)) <= 16


def test_any_script_may_be_asked_for() -> None:
    options = ExtensionOptions(size=100, minimum_frequency=2, scripts=(ANY_SCRIPT,), source_change_limit=1.0)
    result = extend_tokenizer(byte_level(), [[*korean()[:100], *invented()]], english(), options)
    texts = [s.decode(errors="ignore") for s in result.new_tokens.surfaces]
    assert result.scripts == ()
    assert any("가" <= max(text, default="") <= "힣" for text in texts)
    assert any(text.strip().isascii() and text for text in texts)


def test_the_longest_token_has_as_many_characters_as_allowed() -> None:
    options = ExtensionOptions(size=100, minimum_frequency=2, longest=2)
    result = extend_tokenizer(byte_level(), [korean()], english(), options)
    assert (
        max(
            len(s.decode())
            for s, ok in zip(result.new_tokens.surfaces, result.new_tokens.is_complete, strict=True)
            if ok
        )
        == 2
    )


def test_more_merges_are_learned_when_the_first_ones_are_too_long() -> None:
    told: list[str] = []
    options = ExtensionOptions(size=100, minimum_frequency=2, longest=1)
    result = extend_tokenizer(byte_level(), [korean()], english(), options, progress=told.append)
    assert sum(message.startswith("learning") for message in told) > 1
    assert len(result.new_tokens) == 100


def test_a_corpus_that_gives_too_few_tokens_is_an_error_that_says_how_many() -> None:
    base = of_merges()
    message = (
        r"The corpus gives 2 new tokens, not 3\. Ask for fewer, add text, or lower the minimum frequency \(now 5\)\."
    )
    with pytest.raises(TokenizerError, match=message):
        extend_tokenizer(base, [["xyz"] * 9], ["abc"], ExtensionOptions(size=3))
    assert len(extend_tokenizer(base, [["xyz"] * 9], ["abc"], ExtensionOptions(size=2)).new_tokens) == 2


def test_a_size_between_two_whole_characters_is_an_error_that_says_so() -> None:
    base, message = (
        of_merges(),
        r"No choice of new tokens from this corpus makes exactly 3.* Ask for 2, or for a few more\.",
    )
    with pytest.raises(TokenizerError, match=message):
        extend_tokenizer(base, [["가"] * 9 + ["나"] * 9], ["abc"], ExtensionOptions(size=3))
    for size in (2, 4):
        result = extend_tokenizer(base, [["가"] * 9 + ["나"] * 9], ["abc"], ExtensionOptions(size=size))
        assert len(result.new_tokens) == size


def test_text_that_the_base_cannot_spell_is_not_learned_from() -> None:
    bell = surface_to_piece(b"\x07", Family.BYTE_LEVEL)
    base = of_merges(alphabet=[character for character in ALPHABET if character != bell])
    lines = ["\x07 가나다 x\x07", "가나"] * 9
    result = extend_tokenizer(base, [lines], english(), ExtensionOptions(size=6, scripts=("Hangul",)))
    assert len(result.new_tokens) == 6
    assert not any(b"\x07" in surface for surface in result.new_tokens.surfaces)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, r"number of new tokens must be at least 1, got 0\."),
        ({"size": 1, "longest": 0}, r"longest token and the minimum frequency must be at least 1\."),
        ({"size": 1, "minimum_frequency": 0}, r"longest token and the minimum frequency must be at least 1\."),
        ({"size": 1, "source_change_limit": 1.5}, r"is a share from 0 to 1, got 1\.5\."),
        ({"size": 1, "source_change_limit": -0.1}, r"is a share from 0 to 1, got -0\.1\."),
        ({"size": 1, "source_change_limit": float("nan")}, r"is a share from 0 to 1, got nan\."),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ExtensionOptions(**options)


@pytest.mark.parametrize("scripts", [("hangull",), ("Hangul", ANY_SCRIPT)])
def test_an_unknown_script_is_refused_before_any_work(scripts: tuple[str, ...]) -> None:
    with pytest.raises(UnknownNameError, match="There is no script called"):
        ExtensionOptions(size=1, scripts=scripts)


@pytest.mark.parametrize("base", [unigram(), wordpiece()], ids=lambda base: base.family.value)
def test_fewer_tokens_than_the_alphabet_are_refused_where_characters_would_be_lost(base: FastSegmenter) -> None:
    message = (
        f"The alphabet alone takes 7. new tokens, because this {base.family.value} tokenizer loses every character"
    )
    with pytest.raises(TokenizerError, match=message):
        extend_tokenizer(base, [korean()], english(), ExtensionOptions(size=9))


def test_text_that_the_normaliser_empties_is_refused() -> None:
    with pytest.raises(TokenizerError, match="Nothing is left of the corpus after the tokenizer's normaliser"):
        extend_tokenizer(wordpiece(), [["\x00", "\ufffd"]], english(), ExtensionOptions(size=9))


@pytest.mark.parametrize("base", TOYS)
@pytest.mark.parametrize("reuse_reserved", [False, True])
def test_control_tokens_come_last_and_are_cut_out_of_text(base: str, reuse_reserved: bool) -> None:
    source = BASES[base]()
    slots = np.flatnonzero(source.tokens.kinds == TokenKind.RESERVED)
    options = ExtensionOptions(
        size=120, minimum_frequency=4, control_tokens=("<|tool|>", "[CALL]"), reuse_reserved=reuse_reserved
    )
    result = extend_tokenizer(source, [korean()], english(), options)
    table, reused = result.segmenter.tokens, len(slots) if reuse_reserved else 0
    assert result.new_ids.tolist() == [*slots[:reused], *range(len(source.tokens), len(source.tokens) + 122 - reused)]
    assert [table.pieces[token] for token in result.new_ids[-2:]] == ["<|tool|>", "[CALL]"]
    assert (table.kinds[result.new_ids[-2:]] == TokenKind.CONTROL).all()
    assert [result.witnesses[token] for token in result.new_ids[-2:].tolist()] == ["<|tool|>", "[CALL]"]
    ids = result.segmenter.encode(["a<|tool|>b[CALL]"])[0]
    assert set(result.new_ids[-2:].tolist()) < set(ids)
    others = np.setdiff1d(np.arange(len(source.tokens)), slots)
    assert [table.pieces[token] for token in others] == [source.tokens.pieces[token] for token in others]
    assert result.segmenter.encode(english()) == source.encode(english())
    again = FastSegmenter(result.segmenter.backend, result.segmenter.roles)
    assert again.definition == result.segmenter.definition
    assert (again.tokens.pieces, again.tokens.surfaces) == (table.pieces, table.surfaces)
    assert again.tokens.kinds.tolist() == table.kinds.tolist()


@pytest.mark.parametrize("token", ["한국", "cat", "<two words>", "<>", "a<b>"])
def test_a_word_is_no_control_token(token: str) -> None:
    with pytest.raises(InputError, match=f"{re.escape(repr(token))} is no control token"):
        ExtensionOptions(size=9, control_tokens=(token,))


def test_a_control_token_that_is_there_already_is_refused() -> None:
    with pytest.raises(TokenizerError, match=r"The base has the token <\|end\|> already"):
        extend_tokenizer(byte_level(), [korean()], english(), ExtensionOptions(size=9, control_tokens=("<|end|>",)))


def test_what_the_filter_took_is_named_where_too_few_are_left() -> None:
    options = ExtensionOptions(size=9, minimum_frequency=2, exclude=".")
    with pytest.raises(TokenizerError, match=r"gives 0 new tokens, not 9\. .* were filtered: matches \.\."):
        extend_tokenizer(byte_level(), [korean()[:100]], english(), options)


def test_progress_is_told_in_words() -> None:
    told: list[str] = []
    options = ExtensionOptions(size=20, minimum_frequency=2)
    extend_tokenizer(byte_level(), [korean()[:100]], english(), options, progress=told.append)
    assert told[0] == "counting words: 100 lines"
    assert told[1].startswith("learning 87 merges from ")
    assert told[2] == "testing 20 new tokens, 0 dropped so far"


SCRIPT = """
import hashlib
from tests.tokenizer_tools.extend.test_search import extended
for base in ("byte-level", "like Llama 3"):
    for language in ("Korean", "invented"):
        result = extended(base, language)
        print(hashlib.sha256(result.segmenter.backend.to_str().encode()).hexdigest(), ascii(result.witnesses))
        print(ascii(result.tradeoffs), result.changed_lines)
"""


def run(seed: str) -> Sequence[str]:
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, check=True, text=True)
    return done.stdout.splitlines()


def test_two_processes_write_the_same_bytes() -> None:
    first = run("1")
    assert len(first) == 8
    assert first == run("2")

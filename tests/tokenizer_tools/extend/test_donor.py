from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tests.tokenizer_tools.toys import (
    ALPHABET,
    MORE_TOYS,
    TOYS,
    byte_level,
    cased_wordpiece,
    english,
    gemma_like,
    invented,
    korean,
    of_merges,
    t5_like,
    unigram,
    wordpiece,
)
from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.extend import extend_tokenizer
from vocabx.tokenizer_tools.extend.candidates import Corpus
from vocabx.tokenizer_tools.extend.donor import NO_ROAD, DonorCandidates
from vocabx.tokenizer_tools.extend.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.extend.options import ExtensionOptions
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.surfaces import Family, surface_to_piece
from vocabx.tokenizer_tools.words import count_words

BASES = TOYS | MORE_TOYS


@cache
def korean_wordpiece() -> FastSegmenter:
    """WordPiece of Korean, with syllables whole."""
    tokenizer = Tokenizer.from_str(cased_wordpiece().backend.to_str())
    trainer = trainers.WordPieceTrainer(vocab_size=1000, special_tokens=["[PAD]", "[UNK]"], show_progress=False)
    tokenizer.train_from_iterator(korean(), trainer)
    return FastSegmenter.from_backend(tokenizer, {"pad": 0, "unk": 1})


@cache
def korean_unigram() -> FastSegmenter:
    """Scores for Korean; a piece may hold spaces."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=1200, special_tokens=["<s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(korean(), trainer)
    return FastSegmenter.from_backend(tokenizer, {"unk": 1})


@cache
def korean_byte_level() -> FastSegmenter:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1200, initial_alphabet=ALPHABET, special_tokens=["<|end|>"], show_progress=False
    )
    tokenizer.train_from_iterator(korean(), trainer)
    return FastSegmenter.from_backend(tokenizer, {"eos": 0})


DONORS = {"WordPiece": korean_wordpiece, "Unigram": korean_unigram, "byte-level": korean_byte_level}


@cache
def extended(base: str, donor: str) -> ExtendedTokenizer:
    options = ExtensionOptions(size=None, minimum_frequency=2)
    return extend_tokenizer(BASES[base](), [korean()], english(), options, donor=DONORS[donor]())


EVERY = [(base, donor) for base in BASES for donor in DONORS]


@pytest.mark.parametrize(("base", "donor"), EVERY)
def test_every_token_taken_is_produced_by_a_text(base: str, donor: str) -> None:
    result = extended(base, donor)
    incomplete = {
        int(token)
        for token, piece in zip(result.new_ids, result.selection.pieces, strict=True)
        if piece in result.selection.needed_by
    }
    assert set(result.witnesses) == set(result.new_ids.tolist()) - incomplete
    for token, text in result.witnesses.items():
        assert token in result.segmenter.encode([text])[0]
    assert len(result.witnesses) > 100
    assert result.changed_lines == 0
    before, after = (segmenter.encode(english()) for segmenter in (result.source, result.segmenter))
    assert before == after


@pytest.mark.parametrize(("base", "donor"), EVERY)
def test_every_token_taken_is_one_of_the_donor_or_a_part_of_one(base: str, donor: str) -> None:
    result = extended(base, donor)
    tokens = DONORS[donor]().tokens
    normalizer = result.source.backend.normalizer
    decomposes = normalizer is not None and result.source.family in (Family.WORDPIECE, Family.UNIGRAM)
    texts = {surface.decode(errors="ignore").strip() for surface in tokens.surfaces}
    if decomposes:
        texts = {normalizer.normalize_str(text).strip("▁ ") for text in texts}
    for surface, complete in zip(result.new_tokens.surfaces, result.new_tokens.is_complete, strict=True):
        text = surface.decode(errors="ignore").strip()
        assert text in texts or len(text) <= 1 or not complete, text


@pytest.mark.parametrize(("base", "donor"), EVERY)
def test_what_was_not_taken_is_counted(base: str, donor: str) -> None:
    result = extended(base, donor)
    offered = len(DONORS[donor]().tokens)
    assert sum(result.filtered.values()) + sum(result.dropped.values()) < offered
    assert result.filtered["holds no letter"] > 0
    if result.source.family.has_merges:
        assert result.filtered.get(NO_ROAD, 0) < offered / 4
    else:
        assert NO_ROAD not in result.filtered


@pytest.mark.parametrize("base", ["byte-level", "like Llama 3", "like Gemma"])
def test_the_first_tokens_taken_save_most(base: str) -> None:
    donor = korean_wordpiece()
    before, whole = extended(base, "WordPiece").corpus_tokens
    options = ExtensionOptions(size=len(extended(base, "WordPiece").new_ids) // 2, minimum_frequency=2)
    half = extend_tokenizer(BASES[base](), [korean()], english(), options, donor=donor).corpus_tokens[1]
    assert whole < half < before - 0.7 * (before - whole)


def roads(base: FastSegmenter, donor: FastSegmenter, lines: Sequence[str] = ("x",)) -> tuple[list[str], dict[str, int]]:
    corpus = Corpus(base, count_words(base, [lines], compose=True), (), ExtensionOptions(size=None))
    candidates = DonorCandidates(corpus, donor, lambda message: None)(1)
    assert candidates.is_exhausted
    return [f"{merge.left} {merge.right}" for merge in candidates.merges], dict(candidates.filtered.counts)


def test_a_piece_is_joined_of_what_the_base_makes_of_it() -> None:
    base = of_merges(("b", "c"))
    assert roads(base, of_merges(("a", "b"), ("ab", "c"))) == (["a b", "a bc"], {})


def test_a_piece_waits_for_a_part_that_comes_later() -> None:
    # In the donor "abcd" is "ab" and "cd"; here "bc" is joined first, and "bcd" comes after "abcd".
    donor = of_merges(("a", "b"), ("c", "d"), ("ab", "cd"), ("b", "cd"))
    assert roads(of_merges(("b", "c")), donor) == (["a b", "c d", "bc d", "a bcd"], {})


def test_a_piece_that_cannot_be_joined_stays_out_and_is_counted() -> None:
    donor = of_merges(("a", "b"), ("c", "d"), ("ab", "cd"))
    assert roads(of_merges(("b", "c")), donor) == (["a b", "c d"], {NO_ROAD: 1})


def test_characters_of_several_bytes_get_merges_of_their_own() -> None:
    spell = [surface_to_piece(character.encode(), Family.BYTE_LEVEL) for character in "한국"]
    base, donor = of_merges(), cased_of("한국", "##한국", "한")
    found, counts = roads(base, donor)
    han, guk = spell
    first = [f"{han[0]} {han[1]}", f"Ġ {han[0]}", f"{han[:2]} {han[2]}", f"{guk[0]} {guk[1]}"]
    assert set(first[:1] + first[2:]) <= set(found)
    assert f"{han} {guk}" in found
    assert counts == {}
    corpus = [["한국 한국한국 한 대한국"] * 9]
    result = extend_tokenizer(base, corpus, ["abc"], ExtensionOptions(size=None), donor=donor)
    table = result.new_tokens
    texts = {text.decode() for text, whole in zip(table.surfaces, table.is_complete, strict=True) if whole}
    assert {" 한국", "한국", " 한"} <= texts
    assert set(result.selection.needed_by.values()) <= set(result.selection.pieces)
    assert result.segmenter.encode(["x 한국"])[0][1:] == [result.segmenter.tokens.pieces.index("Ġ" + han + guk)]


def cased_of(*pieces: str) -> FastSegmenter:
    definition = json.loads(cased_wordpiece().backend.to_str())
    definition["added_tokens"] = []
    definition["model"]["vocab"] = {piece: token for token, piece in enumerate(["[UNK]", *pieces])}
    return FastSegmenter.from_backend(Tokenizer.from_str(json.dumps(definition)), {"unk": 0})


def offered(base: FastSegmenter, donor: FastSegmenter) -> set[str]:
    words = count_words(base, [["x"]], compose=True)
    corpus = Corpus(base, words, (), ExtensionOptions(size=None))
    return {str(piece) for piece in DonorCandidates(corpus, donor, lambda message: None)._pieces()}


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        (byte_level, {"ĠQua", "qua", "Ġ가"}),
        (gemma_like, {"▁Qua", "qua", "▁가"}),
        (t5_like, {"▁Qua", "qua", "▁가"}),
        (cased_wordpiece, {"Qua", "##qua", "가"}),
        (wordpiece, {"qua", "##qua", unicodedata.normalize("NFD", "가")}),
    ],
)
def test_pieces_are_spelt_as_the_base_would(base: Callable[[], FastSegmenter], expected: set[str]) -> None:
    found = offered(base(), cased_of("Qua", "##qua", "가", "[unused1]"))
    spelt = {surface_to_piece(" 가".encode(), Family.BYTE_LEVEL) if piece == "Ġ가" else piece for piece in expected}
    assert found == spelt


def test_control_tokens_bytes_and_slots_of_the_donor_are_no_candidates() -> None:
    for donor in (gemma_like(), byte_level(), cased_wordpiece(), unigram()):
        found = offered(of_merges(), donor)
        controls = {donor.tokens.pieces[token] for token in donor.roles.values()}
        assert not found & controls
        assert not any("unused" in piece or piece.startswith("<0x") for piece in found)
        assert found


def test_a_donor_without_anything_new_is_refused() -> None:
    message = r"The other tokenizer has no piece that the base lacks and the filter lets through\."
    with pytest.raises(TokenizerError, match=message):
        extend_tokenizer(byte_level(), [korean()], english(), ExtensionOptions(size=None), donor=byte_level())


def test_a_donor_whose_pieces_cannot_be_joined_is_refused() -> None:
    message = r"No piece of the other tokenizer can be made of two tokens of the base\."
    with pytest.raises(TokenizerError, match=message):
        roads(of_merges(("b", "c")), cased_of("##abcd"))


letters = st.text("abc", min_size=2, max_size=5)


@given(st.lists(letters, max_size=5, unique=True), st.lists(letters, min_size=1, max_size=8, unique=True))
def test_a_piece_with_a_road_is_what_its_text_becomes(old: list[str], new: list[str]) -> None:
    base = of_merges(*((piece[:end], piece[end:]) for piece, end in chain_of(old)))
    donor = of_merges(*((piece[:end], piece[end:]) for piece, end in chain_of(new)))
    wanted = set(donor.tokens.pieces) - set(base.tokens.pieces)
    options = ExtensionOptions(size=None, source_change_limit=1.0)
    try:
        result = extend_tokenizer(base, [[*wanted, "abc"]], ["zzz"], options, donor=donor)
    except TokenizerError:  # there is nothing new, or no way to make it
        assert not any(len(ids) == 2 for ids in base.encode(sorted(wanted)))
        return
    taken = set(result.selection.pieces)
    assert taken <= wanted
    assert len(taken) + result.filtered.get(NO_ROAD, 0) == len(wanted)
    assert result.dropped == {}
    for piece in taken:
        assert [result.segmenter.tokens.pieces[i] for i in result.segmenter.encode([piece])[0]] == [piece]


def chain_of(pieces: Sequence[str]) -> list[tuple[str, int]]:
    """Make each piece by joining its letters from the left."""
    return list(dict.fromkeys((piece[: end + 1], end) for piece in pieces for end in range(1, len(piece))))


def test_a_donor_in_the_script_of_the_source_is_held_to_the_sample() -> None:
    tokenizer = Tokenizer.from_str(korean_byte_level().backend.to_str())
    tokenizer.train_from_iterator(
        [*invented(), *english()], trainers.BpeTrainer(vocab_size=900, initial_alphabet=ALPHABET, show_progress=False)
    )
    donor = FastSegmenter.from_backend(tokenizer)
    result = extend_tokenizer(byte_level(), [invented()], english(), ExtensionOptions(size=None), donor=donor)
    assert result.filtered["is a word of the source sample"] > 0
    before, after = (segmenter.encode(english()) for segmenter in (result.source, result.segmenter))
    changed = sum(a != b for a, b in zip(before, after, strict=True))
    assert changed == result.changed_lines <= 0.005 * len(english())

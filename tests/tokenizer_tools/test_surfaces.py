from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from tests.strategies import texts
from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.surfaces import Family, detect_family, is_reserved, piece_to_surface, surface_to_piece


@given(st.binary())
@example(bytes(range(256)))
def test_byte_level_pieces_spell_all_bytes(surface: bytes) -> None:
    piece = surface_to_piece(surface, Family.BYTE_LEVEL)
    assert len(piece) == len(surface)
    assert piece_to_surface(piece, Family.BYTE_LEVEL) == surface


@given(texts)
def test_byte_level_pieces_are_those_of_the_tokenizers_library(text: str) -> None:
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text)
    assert surface_to_piece(text.encode(), Family.BYTE_LEVEL) == "".join(piece for piece, _ in split)


@pytest.mark.parametrize("piece", ["<|한국|>", "two words", "\n\n", "▁the", "語"])
def test_a_byte_level_piece_outside_the_byte_alphabet_is_its_own_text(piece: str) -> None:
    assert piece_to_surface(piece, Family.BYTE_LEVEL) == piece.encode()


@pytest.mark.parametrize("family", [Family.METASPACE, Family.UNIGRAM])
@given(text=texts)
def test_metaspace_pieces_spell_whole_characters(family: Family, text: str) -> None:
    assert piece_to_surface(surface_to_piece(text.encode(), family), family) == text.encode()


@pytest.mark.parametrize("family", [Family.METASPACE, Family.UNIGRAM])
@pytest.mark.parametrize(
    ("piece", "surface"),
    [
        ("▁the", b" the"),
        ("▁▁", b"  "),
        ("<0xED>", b"\xed"),
        ("<0x0a>", b"\n"),
        ("<0x0A>b", b"<0x0A>b"),
        ("<0x1>", b"<0x1>"),
        ("", b""),
    ],
)
def test_metaspace_pieces_mark_spaces_and_single_bytes(family: Family, piece: str, surface: bytes) -> None:
    assert piece_to_surface(piece, family) == surface


@given(texts)
def test_wordpiece_surfaces_lose_the_mark_of_continuation(text: str) -> None:
    if not text.startswith("##"):
        assert piece_to_surface(text, Family.WORDPIECE) == text.encode()
    assert piece_to_surface("##" + text, Family.WORDPIECE) == text.encode()
    assert surface_to_piece(text.encode(), Family.WORDPIECE) == text


BYTE_LEVEL_STAGE = {"type": "Sequence", "pretokenizers": [{"type": "Digits"}, {"type": "ByteLevel"}]}


@pytest.mark.parametrize(
    ("definition", "family"),
    [
        ({"model": {"type": "BPE"}, "pre_tokenizer": BYTE_LEVEL_STAGE}, Family.BYTE_LEVEL),
        ({"model": {"type": "BPE"}, "pre_tokenizer": None, "decoder": {"type": "ByteLevel"}}, Family.BYTE_LEVEL),
        ({"model": {"type": "BPE", "end_of_word_suffix": ""}, "pre_tokenizer": None}, Family.METASPACE),
        ({"model": {"type": "Unigram"}}, Family.UNIGRAM),
        ({"model": {"type": "WordPiece"}}, Family.WORDPIECE),
    ],
)
def test_the_family_follows_from_the_model_and_the_stages(definition: dict[str, Any], family: Family) -> None:
    assert detect_family(definition) is family
    assert family.marks_spaces == (family in (Family.METASPACE, Family.UNIGRAM))


def test_another_kind_of_model_is_refused() -> None:
    with pytest.raises(TokenizerError, match=r"type WordLevel is not supported; expected BPE, Unigram or WordPiece\."):
        detect_family({"model": {"type": "WordLevel"}})
    with pytest.raises(TokenizerError, match="marks the ends of words is not supported"):
        detect_family({"model": {"type": "BPE", "end_of_word_suffix": "</w>"}, "pre_tokenizer": BYTE_LEVEL_STAGE})


@pytest.mark.parametrize(
    "piece",
    ["<|reserved_special_token_0|>", "<reserved_12>", "[unused0]", "<unused99>", "<|extra_7|>", "<|placeholder1|>"],
)
def test_names_of_reserved_slots_are_known(piece: str) -> None:
    assert is_reserved(piece)


@pytest.mark.parametrize("piece", ["", "reserved", "<s>", "[UNK]", "[unused]", "▁unused", "<mask>", "<|im_start|>"])
def test_other_names_are_not_reserved(piece: str) -> None:
    assert not is_reserved(piece)

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from tests.strategies import table, texts
from tests.tokenizer_tools.toys import (
    TOYS,
    byte_level,
    english,
    korean,
    llama3_like,
    metaspace,
    of_merges,
    unigram,
    wordpiece,
)
from vocabx.core.errors import TokenizerError
from vocabx.core.segmenter import Segmentation
from vocabx.core.tokens import TokenKind, TokenTable
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer, roles_of
from vocabx.tokenizer_tools.surfaces import Family

HARD_LINES = [
    "",
    " ",
    "  two  spaces and a tab\t ",
    "한국어 형태소",
    unicodedata.normalize("NFD", "한국어 형태소 café"),
    "가족 👨‍👩‍👧‍👦 이모지 😀\ufe0f",
    "\x00 \x07 \x1f \x7f\u0085 \u200b\ufeff",
    "line\r\nbreak\n",
    "## ##x <0x0A> ▁x Ġx \\u0120",
    "\U0010ffff \ud7ff \ue000",
]


def joined(tokens: TokenTable, segmentation: Segmentation, line: int) -> bytes:
    return b"".join(tokens.surfaces[token] for token in segmentation.ids[line])


def kinds(segmenter: FastSegmenter, *pieces: str) -> list[TokenKind]:
    table = segmenter.tokens
    return [TokenKind(int(table.kinds[table.pieces.index(piece)])) for piece in pieces]


# The law: surfaces join to the text.

lines_of_text = st.one_of(texts, st.text())


@pytest.mark.parametrize("toy", [byte_level, llama3_like], ids=["GPT-2", "Llama 3"])
@given(line=lines_of_text)
def test_byte_level_surfaces_join_to_the_normalised_text(toy: object, line: str) -> None:
    segmenter = byte_level() if toy is byte_level else llama3_like()
    segmentation = segmenter.segment_lines([line])
    expected = line if toy is byte_level else unicodedata.normalize("NFC", line)
    assert joined(segmenter.tokens, segmentation, 0) == segmentation.texts[0] == expected.encode()


@given(lines_of_text)
@example("<0x0A> ▁x")
def test_metaspace_surfaces_join_to_the_text_after_a_space(line: str) -> None:
    segmentation = metaspace().segment_lines([line])
    expected = " " + line.replace("▁", " ") if line else ""
    assert joined(metaspace().tokens, segmentation, 0) == segmentation.texts[0] == expected.encode()


@given(texts)
def test_unigram_surfaces_join_to_the_text_where_nothing_is_unknown(line: str) -> None:
    segmentation = unigram().segment_lines([line])
    if unigram().roles["unk"] not in segmentation.ids[0]:
        normal = unicodedata.normalize("NFKC", line)
        expected = normal if normal.startswith(" ") or not normal else " " + normal
        assert joined(unigram().tokens, segmentation, 0) == segmentation.texts[0] == expected.encode()


@given(texts)
def test_wordpiece_surfaces_join_to_the_text_without_its_white_space(line: str) -> None:
    segmentation = wordpiece().segment_lines([line])
    if wordpiece().roles["unk"] not in segmentation.ids[0]:
        normal = wordpiece().backend.normalizer.normalize_str(line)
        assert joined(wordpiece().tokens, segmentation, 0) == segmentation.texts[0] == "".join(normal.split()).encode()


@pytest.mark.parametrize("name", TOYS)
def test_the_law_holds_on_hard_lines_in_one_batch(name: str) -> None:
    segmenter = TOYS[name]()
    lines = [*HARD_LINES, *english()[:40], *korean()[:40]]
    segmentation = segmenter.segment_lines(lines)
    assert len(segmentation.ids) == len(segmentation.texts) == len(lines)
    known = [row for row in range(len(lines)) if segmenter.roles.get("unk", -1) not in segmentation.ids[row]]
    assert len(known) >= 40
    for row in known:
        assert joined(segmenter.tokens, segmentation, row) == segmentation.texts[row]
    assert segmenter.encode(lines) == [row.tolist() for row in map(segmentation.ids.__getitem__, range(len(lines)))]


def test_special_tokens_are_not_put_around_lines_nor_lines_cut_or_padded() -> None:
    backend = Tokenizer.from_str(llama3_like().backend.to_str())
    backend.enable_truncation(3)
    backend.enable_padding(length=8)
    segmenter = FastSegmenter.from_backend(backend, llama3_like().roles)
    assert segmenter.encode(list(english()[:3])) == llama3_like().encode(list(english()[:3]))
    assert llama3_like().roles["bos"] not in segmenter.encode([english()[0]])[0]
    assert len(backend.encode("a").ids) == 8  # the caller's own pipeline is left as it was


def test_added_tokens_are_kept_in_words_and_cut_out_of_plain_words() -> None:
    segmenter = llama3_like()
    assert "".join(segmenter.words("a<think>b")) == "a<think>b"
    assert segmenter.plain_words("a<think>b<|begin|>") == ["a", "b"]
    assert byte_level().plain_words("one two<pad> three") == ["one", "Ġtwo", "Ġthree"]
    assert of_merges().plain_words("one two") == of_merges().words("one two") == ["one", "Ġtwo"]


# The table.


def test_every_id_of_a_byte_level_vocabulary_has_a_kind() -> None:
    assert kinds(byte_level(), "<|end|>", "Ġ", "e", "Ġthe") == [
        TokenKind.CONTROL,
        TokenKind.BYTE,
        TokenKind.BYTE,
        TokenKind.NORMAL,
    ]
    assert (byte_level().tokens.kinds == TokenKind.BYTE).sum() == 256


def test_added_and_reserved_tokens_are_told_apart() -> None:
    found = kinds(llama3_like(), "<|begin|>", "<think>", "    ", "<|reserved_special_token_0|>")
    assert found == [TokenKind.CONTROL, TokenKind.ADDED, TokenKind.ADDED, TokenKind.RESERVED]


def test_a_reserved_slot_that_was_given_a_role_is_reserved_no_more() -> None:
    assert kinds(llama3_like(), "<|reserved_special_token_1|>") == [TokenKind.CONTROL]


def test_byte_pieces_of_a_metaspace_vocabulary_are_bytes() -> None:
    assert kinds(metaspace(), "<unk>", "<0x0A>", "e", "▁") == [
        TokenKind.CONTROL,
        TokenKind.BYTE,
        TokenKind.NORMAL,
        TokenKind.NORMAL,
    ]
    assert kinds(wordpiece(), "[CLS]", "[unused0]", "e", "##e") == [
        TokenKind.CONTROL,
        TokenKind.RESERVED,
        TokenKind.NORMAL,
        TokenKind.NORMAL,
    ]


def test_holes_are_absent_tokens_without_a_surface() -> None:
    backend = Tokenizer(models.Unigram([("a", 0.0)]))
    backend.add_tokens(["b"])
    definition = json.loads(backend.to_str())
    definition["model"] = {"type": "WordPiece", "vocab": {"a": 0, "##c": 3}, "unk_token": "a"} | {
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 9,
    }
    definition["added_tokens"] = []
    tokens = FastSegmenter.from_backend(Tokenizer.from_str(json.dumps(definition))).tokens
    assert tokens.pieces == ("a", "", "", "##c")
    assert tokens.surfaces == (b"a", b"", b"", b"c")
    assert tokens.kinds.tolist() == [TokenKind.NORMAL, TokenKind.ABSENT, TokenKind.ABSENT, TokenKind.NORMAL]
    assert tokens.word_initial.tolist() == [True, False, False, False]


@pytest.mark.parametrize("name", ["byte-level", "metaspace", "Unigram"])
def test_a_token_opens_a_word_when_it_begins_with_white_space(name: str) -> None:
    tokens = TOYS[name]().tokens
    assert tokens.word_initial.tolist() == [surface[:1].isspace() for surface in tokens.surfaces]
    assert tokens.word_initial.any()


def test_roles_are_those_given() -> None:
    tokens = llama3_like().tokens
    assert {role: tokens.pieces[token] for role, token in tokens.roles.items()} == {
        "bos": "<|begin|>",
        "eos": "<|end|>",
        "pad": "<|reserved_special_token_1|>",
    }
    assert len(tokens) == llama3_like().backend.get_vocab_size()


# Surfaces of another vocabulary.


@pytest.mark.parametrize("name", TOYS)
def test_most_tokens_give_themselves(name: str) -> None:
    segmenter = TOYS[name]()
    rows = segmenter.segment_surfaces(segmenter.tokens)
    text_ids = [token for token in range(len(segmenter.tokens)) if segmenter.tokens.is_text[token]]
    same = [token for token in text_ids if rows[token].tolist() == [token]]
    # A sum of scores may prefer two pieces to one, and `<0x41>` never stands for "A", which has a piece.
    assert len(same) == len(text_ids) if segmenter.family is Family.BYTE_LEVEL else len(same) > 0.6 * len(text_ids)


@pytest.mark.parametrize("name", TOYS)
@given(data=st.data())
def test_constituents_join_to_the_surface_in_any_vocabulary(name: str, data: st.DataObject) -> None:
    segmenter, other = TOYS[name](), TOYS[data.draw(st.sampled_from(sorted(TOYS)))]().tokens
    some = other.select([data.draw(st.integers(0, len(other) - 1))])
    ids = segmenter.segment_surfaces(some)[0].tolist()
    is_spelt = ids and segmenter.roles.get("unk", -1) not in ids
    if is_spelt and segmenter.family is not Family.UNIGRAM:
        surface = some.surfaces[0]
        expected = "".join(surface.decode().split()).encode() if segmenter.family is Family.WORDPIECE else surface
        assert b"".join(segmenter.tokens.surfaces[token] for token in ids) == expected
    if segmenter.family in (Family.BYTE_LEVEL, Family.METASPACE) and some.surfaces[0]:
        assert is_spelt


def test_parts_of_characters_are_spelt_in_bytes_or_not_at_all() -> None:
    part = of_merges(("í", "ķ")).tokens.select([256])
    assert part.surfaces == ("한".encode()[:2],)
    assert [byte_level().tokens.surfaces[i] for i in byte_level().segment_surfaces(part)[0]] == [b"\xed", b"\x95"]
    assert [metaspace().tokens.pieces[i] for i in metaspace().segment_surfaces(part)[0]] == ["<0xED>", "<0x95>"]
    assert unigram().segment_surfaces(part)[0].tolist() == []
    assert wordpiece().segment_surfaces(part)[0].tolist() == []


def test_wordpiece_segments_inside_a_word_and_at_its_start() -> None:
    tokens = wordpiece().tokens
    start, inside = tokens.pieces.index("re"), tokens.pieces.index("##re")
    rows = wordpiece().segment_surfaces(tokens.select([start, inside]))
    assert [row.tolist() for row in (rows[0], rows[1])] == [[start], [inside]]


def test_wordpiece_segments_pieces_of_other_families_word_by_word() -> None:
    pieces = wordpiece().tokens.pieces
    other = table([b" the", b" the re", b"re the", b"the \xff", b"the \xea\xb0\x80", b" "])
    rows = wordpiece().segment_surfaces(other)
    the, re, inside = pieces.index("the"), pieces.index("re"), pieces.index("##re")
    assert [rows[i].tolist() for i in range(6)] == [[the], [the, re], [inside, the], [], [], []]


# Errors.


def test_a_directory_must_exist_and_hold_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"nowhere is not a directory with a tokenizer\."):
        read_tokenizer(tmp_path / "nowhere")
    with pytest.raises(TokenizerError, match=r"holds no tokenizer \(no tokenizer\.json"):
        read_tokenizer(tmp_path)


@pytest.mark.parametrize("content", ["{not json", "[]", "{}", '{"model": {"type": "Other"}}', ""])
def test_a_file_that_is_no_tokenizer_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}', encoding="utf-8")
    with pytest.raises(TokenizerError, match=r"The tokenizer in .* cannot be opened: ") as caught:
        read_tokenizer(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_that_needs_code_of_its_own_is_refused_without_a_question(tmp_path: Path) -> None:
    settings = {"tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": ["mine.Mine", None]}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (tmp_path / "vocab.txt").write_text("a\n", encoding="utf-8")
    (tmp_path / "mine.py").write_text("raise SystemExit('was run')", encoding="utf-8")
    with pytest.raises(TokenizerError, match=r"cannot be opened: .* contains custom code"):
        read_tokenizer(tmp_path)


def test_a_tokenizer_without_a_fast_pipeline_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "ByT5Tokenizer"}', encoding="utf-8")
    (tmp_path / "vocab.txt").touch()
    with pytest.raises(TokenizerError, match=r"has no fast backend \(tokenizer\.json\); vocabx needs one\."):
        read_tokenizer(tmp_path)


def test_a_tokenizer_is_read_with_its_roles(tmp_path: Path) -> None:
    llama3_like().backend.save(str(tmp_path / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin|>", "eos_token": "<|end|>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    segmenter = read_tokenizer(tmp_path)
    assert segmenter.tokens.pieces == llama3_like().tokens.pieces
    assert segmenter.roles == {role: llama3_like().roles[role] for role in ("bos", "eos")}
    assert segmenter.encode(list(korean()[:20])) == llama3_like().encode(list(korean()[:20]))


def test_a_tokenizer_without_attributes_has_no_roles() -> None:
    assert roles_of(object()) == {}


def broken(segmenter: FastSegmenter, change: Callable[[dict[str, Any]], None]) -> FastSegmenter:
    definition = json.loads(segmenter.backend.to_str())
    change(definition["model"])
    return FastSegmenter(Tokenizer.from_str(json.dumps(definition)), segmenter.roles)


def test_two_tokens_of_one_id_are_refused() -> None:
    segmenter = broken(wordpiece(), lambda model: model["vocab"].update({"##ing": model["vocab"]["the"]}))
    with pytest.raises(TokenizerError, match=r"gives the id \d+ to \['##ing', 'the'\]. Every token needs one id"):
        _ = segmenter.tokens


def test_a_scored_token_that_stands_twice_is_refused() -> None:
    segmenter = broken(unigram(), lambda model: model["vocab"].append(model["vocab"][9]))
    with pytest.raises(TokenizerError, match=r"gives the token '.+' more than one id"):
        _ = segmenter.tokens


@pytest.mark.parametrize("written", [[["a", "b"], ["ab", "c"]], ["a b", "ab c"]], ids=["pairs", "strings"])
def test_merges_are_ids_of_both_parts_and_their_join_in_order(written: list[Any]) -> None:
    vocabulary = {"c": 0, "abc": 1, "a": 2, "ab": 3, "b": 4}
    definition = json.loads(Tokenizer(models.BPE(vocabulary, [])).to_str())
    definition["model"]["merges"] = written
    segmenter = FastSegmenter.from_backend(Tokenizer.from_str(json.dumps(definition)))
    assert segmenter.merges.tolist() == [[2, 4, 3], [3, 0, 1]]


def test_a_part_inside_a_word_is_joined_without_its_prefix() -> None:
    model = models.BPE({"a": 0, "##b": 1, "ab": 2}, [("a", "##b")], continuing_subword_prefix="##")
    assert FastSegmenter.from_backend(Tokenizer(model)).merges.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("name", TOYS)
def test_merges_join_the_bytes_of_their_parts_and_other_models_have_none(name: str) -> None:
    segmenter = TOYS[name]()
    surfaces = segmenter.tokens.surfaces
    assert all(surfaces[left] + surfaces[right] == surfaces[joined] for left, right, joined in segmenter.merges)
    assert bool(len(segmenter.merges)) == (segmenter.family in (Family.BYTE_LEVEL, Family.METASPACE))

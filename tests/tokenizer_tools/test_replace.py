"""Another tokenizer in the place of a model's own, between all families."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from tests.tokenizer_tools.toys import ALPHABET, TOYS, byte_level, english, korean, llama3_like, metaspace, wordpiece
from vocabx.core.errors import TokenizerError
from vocabx.core.plan import NEW
from vocabx.core.tokens import TokenKind
from vocabx.tokenizer_tools.around import rewrite_post_processor
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.replace import ReplacedTokenizer, replace_tokenizer

PAIRS = list(product(TOYS, TOYS))
LINES = [*english()[:10], *korean()[:10]]


def replaced(source: str, target: str) -> ReplacedTokenizer:
    return replace_tokenizer(TOYS[source](), TOYS[target]())


def spelling(segmenter: FastSegmenter, token: int) -> tuple[bytes, bool]:
    """Spell a token alike in all families: without the space that only some write where a word starts."""
    table = segmenter.tokens
    return table.surfaces[token].removeprefix(b" "), bool(table.word_initial[token])


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_text_is_segmented_as_the_target_does_it(source: str, target: str) -> None:
    result = replaced(source, target)
    assert result.segmenter.encode(LINES) == TOYS[target]().encode(LINES)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_exactly_the_tokens_of_the_same_text_are_copied(source: str, target: str) -> None:
    result, base = replaced(source, target), TOYS[source]()
    known = {spelling(base, token) for token in np.flatnonzero(base.tokens.is_text).tolist()}
    text = np.flatnonzero(result.segmenter.tokens.is_text).tolist()
    for token in text:
        origin = int(result.origins[token])
        assert (origin != NEW) == (spelling(result.segmenter, token) in known)
        assert origin == NEW or spelling(base, origin) == spelling(result.segmenter, token)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_role_and_special_token_of_the_base_is_there_once(source: str, target: str) -> None:
    result, base = replaced(source, target), TOYS[source]()
    origins = result.origins.tolist()
    for role, token in base.roles.items():
        assert origins[result.segmenter.roles[role]] == token
    for token in np.flatnonzero(base.tokens.kinds == TokenKind.CONTROL).tolist():
        assert origins.count(token) == 1
        assert result.segmenter.tokens.kinds[origins.index(token)] == TokenKind.CONTROL
    extra = result.segmenter.roles.keys() - base.roles.keys()
    assert {role: result.segmenter.roles[role] for role in extra} == {
        role: token for role, token in TOYS[target]().roles.items() if role in extra
    }


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_the_base_decides_what_stands_around_a_text(source: str, target: str) -> None:
    result, base = replaced(source, target), TOYS[source]()
    for texts in (("the cat",), ("the cat", "a dog")):
        encoded = [segmenter.backend.encode(*texts) for segmenter in (result.segmenter, base)]
        frames = [
            [
                (int(result.origins[token]) if own else token, kind)
                for token, kind, sequence in zip(e.ids, e.type_ids, e.sequence_ids, strict=True)
                if sequence is None
            ]
            for own, e in zip((True, False), encoded, strict=True)
        ]
        assert frames[0] == frames[1]
        order = [[key for key in dict.fromkeys(encoding.sequence_ids) if key is not None] for encoding in encoded]
        assert order[0] == order[1]


def framed(template: str, pair: str, **ids: int) -> FastSegmenter:
    from tokenizers import processors

    backend = Tokenizer.from_str(wordpiece().backend.to_str())
    special = [(piece.replace("_", "[", 1) + "]", token) for piece, token in ids.items()]
    backend.post_processor = processors.TemplateProcessing(single=template, pair=pair, special_tokens=special)
    return FastSegmenter.from_backend(backend, wordpiece().roles)


def test_a_frame_of_two_texts_keeps_its_types_and_its_order() -> None:
    roles = wordpiece().roles
    base = framed("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", _CLS=roles["cls"], _SEP=roles["sep"])
    result = replace_tokenizer(base, byte_level())
    encoding = result.segmenter.backend.encode("the", "cat")
    pieces = [result.segmenter.tokens.pieces[token] for token in encoding.ids]
    assert [pieces[0], pieces[-1], pieces.count("[SEP]")] == ["[CLS]", "[SEP]", 2]
    assert encoding.type_ids == sorted(encoding.type_ids)
    assert encoding.type_ids[-1] == 1
    assert result.segmenter.backend.encode("the").tokens[0] == "[CLS]"


def test_what_trims_offsets_stays_when_the_frame_goes() -> None:
    own = {
        "type": "Sequence",
        "processors": [
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
            {"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}},
        ],
    }
    assert rewrite_post_processor(byte_level(), own, {}, ()) == own["processors"][0]
    roberta = {"type": "RobertaProcessing", "sep": ["a", 1], "cls": ["b", 0], "trim_offsets": True}
    kept = rewrite_post_processor(byte_level(), {**roberta, "add_prefix_space": False}, {}, ())
    assert kept == {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    bert = {"type": "BertProcessing", "sep": ["a", 1], "cls": ["b", 0]}
    assert rewrite_post_processor(byte_level(), bert, {}, ()) is None


def chat_like() -> FastSegmenter:
    """GPT-2's kind with tokens of a chat, one of which is no special one, and a slot."""
    backend = Tokenizer.from_str(byte_level().backend.to_str())
    backend.add_special_tokens(["<|turn|>", AddedToken("<|over|>", rstrip=True), "<|reserved_0|>"])
    backend.add_tokens(["<think>"])
    return FastSegmenter.from_backend(backend, byte_level().roles)


def test_tokens_of_a_chat_are_carried_over_with_the_way_they_are_matched() -> None:
    base = chat_like()
    result = replace_tokenizer(base, metaspace())
    assert result.carried == ("<pad>", "<|turn|>", "<|over|>")
    text = "<|turn|>the cat<|over|>  sat"
    ids = result.segmenter.encode([text])[0]
    tokens = [result.segmenter.tokens.pieces[token] for token in ids]
    assert (tokens[0], tokens.count("<|over|>")) == ("<|turn|>", 1)
    added = {entry["content"]: entry for entry in result.segmenter.definition["added_tokens"]}
    assert (added["<|over|>"]["rstrip"], added["<|turn|>"]["special"]) == (True, True)
    assert result.segmenter.tokens.pieces[len(metaspace().tokens) :] == result.carried


def test_what_a_template_writes_is_carried_over_and_never_cast_in_a_role() -> None:
    base = chat_like()
    think, end = base.tokens.pieces.index("<think>"), base.roles["eos"]
    result = replace_tokenizer(base, metaspace(), spelt={end, think}, needed={think})
    assert result.by_role == ()
    assert {"<|end|>", "<think>"} <= set(result.carried)
    assert result.segmenter.tokens.pieces[result.segmenter.roles["eos"]] == "<|end|>"


def test_a_token_of_text_is_not_carried_over() -> None:
    the = byte_level().tokens.pieces.index("he")
    assert "he" not in replace_tokenizer(byte_level(), metaspace(), needed={the}).carried


def test_a_tag_of_one_tokenizer_is_not_the_beginning_of_a_text_in_the_other() -> None:
    backend = Tokenizer.from_str(byte_level().backend.to_str())
    backend.add_tokens(["<s>"])
    base = FastSegmenter.from_backend(backend, byte_level().roles)
    result = replace_tokenizer(base, metaspace())
    assert result.by_role == ("<|end|>",)
    begin = metaspace().roles["bos"]
    assert int(result.origins[begin]) == backend.token_to_id("<s>")
    taken = replace_tokenizer(base, FastSegmenter.from_backend(metaspace().backend, {"eos": begin}))
    assert int(taken.origins[begin]) == base.roles["eos"]


def test_special_tokens_and_slots_spell_nothing_and_words_start_with_a_space() -> None:
    result = replace_tokenizer(byte_level(), wordpiece())
    by_piece = dict(zip(result.new_tokens.pieces, result.new_tokens.surfaces, strict=True))
    assert by_piece["[CLS]"] == by_piece["[unused0]"] == b""
    words = [piece for piece in by_piece if piece.isalpha()]
    assert words
    assert all(by_piece[piece] == b" " + piece.encode() for piece in words)
    assert all(by_piece[piece] == piece[2:].encode() for piece in by_piece if piece.startswith("##"))


def test_a_tokenizer_replaced_by_itself_is_the_same() -> None:
    for toy in TOYS.values():
        result = replace_tokenizer(toy(), toy())
        assert result.origins.tolist() == [*range(len(toy().tokens))]
        assert not result.carried


def with_hole() -> FastSegmenter:
    definition: dict[str, Any] = json.loads(llama3_like().backend.to_str())
    added = definition["added_tokens"]
    for entry in added:
        definition["model"]["vocab"][entry["content"]] = entry["id"] = entry["id"] + 2
    definition["post_processor"] = None
    return FastSegmenter.from_backend(Tokenizer.from_str(json.dumps(definition)))


def test_holes_between_ids_become_slots() -> None:
    target = with_hole()
    holes = np.flatnonzero(target.tokens.kinds == TokenKind.ABSENT).tolist()
    assert len(holes) == 2
    result = replace_tokenizer(byte_level(), target)
    assert [result.segmenter.tokens.kinds[hole] for hole in holes] == [TokenKind.RESERVED] * 2
    assert result.segmenter.encode(LINES) == target.encode(LINES)
    assert result.segmenter.tokens.pieces[: holes[0]] == target.tokens.pieces[: holes[0]]


def test_a_target_without_text_is_refused() -> None:
    empty = Tokenizer(models.BPE())
    empty.add_special_tokens(["<s>"])
    with pytest.raises(TokenizerError, match="The target tokenizer has no tokens of text"):
        replace_tokenizer(byte_level(), FastSegmenter.from_backend(empty))


def test_a_base_that_encodes_no_character_has_no_frame() -> None:
    mute = Tokenizer(models.BPE({"\u0120": 0}, []))
    mute.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    with pytest.raises(TokenizerError, match="encodes no plain character"):
        replace_tokenizer(FastSegmenter.from_backend(mute), byte_level())


def test_a_byte_finds_its_byte() -> None:
    result = replace_tokenizer(byte_level(), metaspace())
    for byte in (0x80, 0xED, 0xFF):
        token = metaspace().backend.token_to_id(f"<0x{byte:02X}>")
        piece = byte_level().tokens.pieces[int(result.origins[token])]
        assert piece in ALPHABET
        assert byte_level().tokens.surfaces[int(result.origins[token])] == bytes([byte])

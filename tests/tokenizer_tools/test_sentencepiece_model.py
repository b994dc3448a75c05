from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer, sentencepiece_model_pb2
from tokenizers import Tokenizer

from tests.tokenizer_tools.toys import byte_level, english, korean, metaspace, unigram, wordpiece
from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer
from vocabx.tokenizer_tools.sentencepiece_model import build_model, differing_lines

Resources = Callable[[str], Path]
HARD = [
    "",
    "two  spaces   three",
    "a\ttab and a\nnewline",
    "trailing, not leading",
    "𠀀 rare 𐍈 漢字 ꙮ",
    "<0x0A> is text",
    "▁marks▁of▁spaces",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
]
LINES = [*english(), *korean()[:50], *HARD]
REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}


@cache
def trained(kind: str) -> bytes:
    """Train a model with SentencePiece itself: what it says is the oracle."""
    out = io.BytesIO()
    of_kind: dict[str, dict[str, Any]] = {
        "bpe": {"byte_fallback": True, "normalization_rule_name": "identity", "remove_extra_whitespaces": False},
        "unigram": {"normalization_rule_name": "nmt_nfkc"},
    }
    SentencePieceTrainer.train(
        sentence_iterator=iter(english() + korean()[:50]),
        model_writer=out,
        model_type=kind,
        vocab_size=900 if kind == "unigram" else 1300,
        user_defined_symbols=["<think>"],
        minloglevel=2,
        num_threads=1,
        **of_kind[kind],
    )
    return out.getvalue()


def parse(model: bytes) -> Any:
    parsed = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
    parsed.ParseFromString(model)
    return parsed


def all_splits(pieces_by_rank: list[str], vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """Every way to merge two pieces into another one, the results in their order."""
    splits = ((piece[:end], piece[end:]) for piece in pieces_by_rank for end in range(1, len(piece)))
    return [(left, right) for left, right in splits if left in vocabulary and right in vocabulary]


@cache
def fast(kind: str) -> FastSegmenter:
    """Spell SentencePiece's model as a pipeline of `tokenizers`."""
    proto = parse(trained(kind))
    added = [piece for piece in proto.pieces if piece.type in (2, 3, 4)]
    vocabulary = {piece.piece: token for token, piece in enumerate(proto.pieces)}
    definition: dict[str, Any] = {"version": "1.0", "truncation": None, "padding": None, "post_processor": None}
    definition["added_tokens"] = [
        {"id": vocabulary[piece.piece], "content": piece.piece, "special": piece.type != 4}
        | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        for piece in added
    ]
    definition["decoder"] = {"type": "Metaspace"} | METASPACE
    if kind == "unigram":
        charsmap = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
        definition["normalizer"] = {
            "type": "Sequence",
            "normalizers": [
                {"type": "Precompiled", "precompiled_charsmap": charsmap},
                {"type": "Strip", "strip_left": False, "strip_right": True},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
            ],
        }
        definition["pre_tokenizer"] = METASPACE
        scores = [(piece.piece, piece.score) for piece in proto.pieces]
        definition["model"] = {"type": "Unigram", "unk_id": 0, "vocab": scores, "byte_fallback": False}
    else:
        definition["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, REPLACE]}
        definition["pre_tokenizer"] = None
        ranked = sorted((piece for piece in proto.pieces if piece.type == 1), key=lambda piece: -piece.score)
        merges = all_splits([piece.piece for piece in ranked], {piece.piece: 0 for piece in ranked})
        model = {"vocab": vocabulary, "merges": merges, "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
        definition["model"] = {"type": "BPE"} | model
    backend = Tokenizer.from_str(json.dumps(definition))
    return FastSegmenter.from_backend(backend, {"unk": 0, "bos": 1, "eos": 2})


def changed(segmenter: FastSegmenter, change: Callable[[dict[str, Any]], object]) -> FastSegmenter:
    definition = json.loads(segmenter.backend.to_str())
    change(definition)
    return FastSegmenter.from_backend(Tokenizer.from_str(json.dumps(definition)), segmenter.roles)


@cache
def closed_metaspace() -> FastSegmenter:
    """The toy, with every split of its pieces as a merge."""

    def close(definition: dict[str, Any]) -> None:
        model = definition["model"]
        ranked = list(dict.fromkeys(left + right for left, right in model["merges"]))
        model["merges"] = all_splits(ranked, model["vocab"])

    return changed(metaspace(), close)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_model_that_sentencepiece_trained_comes_back(kind: str) -> None:
    original, rebuilt = parse(trained(kind)), parse(build_model(fast(kind)))
    assert [piece.piece for piece in rebuilt.pieces] == [piece.piece for piece in original.pieces]
    assert [piece.type for piece in rebuilt.pieces] == [piece.type for piece in original.pieces]
    if kind == "unigram":
        assert [piece.score for piece in rebuilt.pieces] == [piece.score for piece in original.pieces]
    for name in ("precompiled_charsmap", "add_dummy_prefix", "remove_extra_whitespaces", "escape_whitespaces"):
        assert getattr(rebuilt.normalizer_spec, name) == getattr(original.normalizer_spec, name)
    for name in ("model_type", "vocab_size", "byte_fallback", "unk_id", "bos_id", "eos_id", "pad_id", "eos_piece"):
        assert getattr(rebuilt.trainer_spec, name) == getattr(original.trainer_spec, name)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_sentencepiece_gives_the_ids_of_the_fast_tokenizer(kind: str) -> None:
    model = build_model(fast(kind))
    wanted = SentencePieceProcessor(model_proto=trained(kind)).encode(LINES)
    assert SentencePieceProcessor(model_proto=model).encode(LINES) == wanted == fast(kind).encode(LINES)
    assert differing_lines(fast(kind), model, LINES) == []


def test_a_toy_with_all_splits_as_merges_has_the_same_ids() -> None:
    assert differing_lines(closed_metaspace(), build_model(closed_metaspace()), LINES) == []


def test_a_split_that_is_no_merge_is_reported() -> None:
    def learn(definition: dict[str, Any]) -> None:
        vocabulary = definition["model"]["vocab"]
        vocabulary |= {piece: len(vocabulary) + i for i, piece in enumerate(("qz", "zq", "qzq"))}
        definition["model"]["merges"] += [("q", "z"), ("z", "q"), ("q", "zq")]

    segmenter = changed(closed_metaspace(), learn)
    assert differing_lines(segmenter, build_model(segmenter), ["qz zq", "qzq", "zqz"]) == [1]


def test_scores_of_merged_pieces_fall_strictly_and_characters_are_last() -> None:
    proto = parse(build_model(closed_metaspace()))
    merges = closed_metaspace().definition["model"]["merges"]
    merged = dict.fromkeys(left + right for left, right in merges)
    score = {piece.piece: piece.score for piece in proto.pieces}
    scores = [score[piece] for piece in merged]
    assert scores == sorted(set(scores), reverse=True)
    assert max(score[piece] for piece in score if len(piece) == 1) < min(scores)


def test_a_leading_space_that_metaspace_swallows_is_reported() -> None:
    segmenter = changed(fast("bpe"), lambda definition: definition.update(normalizer=None, pre_tokenizer=METASPACE))
    lines = ["no space", " one space", "none again"]
    assert differing_lines(segmenter, build_model(segmenter), lines) == [1]


def test_special_tokens_in_text_are_text_and_other_added_tokens_are_not() -> None:
    first = METASPACE | {"prepend_scheme": "first", "split": False}
    segmenter = changed(fast("bpe"), lambda definition: definition.update(normalizer=None, pre_tokenizer=first))
    model = build_model(segmenter)
    lines = ["a <think> b</s>", "<s>"]
    assert differing_lines(segmenter, model, lines) == []
    ids = SentencePieceProcessor(model_proto=model).encode(lines[0])
    assert fast("bpe").backend.token_to_id("<think>") in ids
    assert fast("bpe").roles["eos"] not in ids


def test_a_piece_without_merges_is_never_made() -> None:
    def cut(definition: dict[str, Any]) -> None:
        merges = definition["model"]["merges"]
        definition["model"]["merges"] = [merge for merge in merges if "".join(merge) != "▁the"]

    segmenter = changed(fast("bpe"), cut)
    assert fast("bpe").encode(["the the"]) != segmenter.encode(["the the"])
    assert differing_lines(segmenter, build_model(segmenter), LINES) == []


def test_absent_ids_become_unused_pieces() -> None:
    def move(definition: dict[str, Any]) -> None:
        vocabulary = definition["model"]["vocab"]
        vocabulary[max(vocabulary, key=lambda piece: vocabulary[piece])] += 2

    segmenter = changed(fast("bpe"), move)
    proto = parse(build_model(segmenter))
    assert len(proto.pieces) == len(segmenter.tokens) == len(fast("bpe").tokens) + 2
    assert [token for token, piece in enumerate(proto.pieces) if piece.type == 5] == [1299, 1300]
    assert differing_lines(segmenter, proto.SerializeToString(), LINES) == []


def test_a_template_keeps_what_it_says_of_training_but_not_what_changes_ids() -> None:
    template = parse(trained("bpe"))
    template.normalizer_spec.add_dummy_prefix = False
    template.trainer_spec.model_prefix = "somebody's"
    rebuilt = parse(build_model(fast("bpe"), template.SerializeToString()))
    assert rebuilt.trainer_spec.model_prefix == "somebody's"
    assert rebuilt.normalizer_spec.add_dummy_prefix
    assert len(rebuilt.pieces) == len(template.pieces)
    with pytest.raises(TokenizerError, match=r"The base's SentencePiece model cannot be read"):
        build_model(fast("bpe"), b"\xff\xff no model")


@pytest.mark.parametrize(
    ("segmenter", "message"),
    [
        (byte_level, "A byte-level BPE tokenizer cannot be written as a SentencePiece model"),
        (wordpiece, "A WordPiece tokenizer cannot be written as a SentencePiece model"),
        (unigram, "cannot express the step NFKC"),
        (lambda: changed(metaspace(), lambda d: d["model"].update(ignore_merges=True)), "the setting ignore_merges"),
        (
            lambda: changed(metaspace(), lambda d: d["model"].update(byte_fallback=False, fuse_unk=False)),
            "always fuses unknown characters",
        ),
        (
            lambda: FastSegmenter.from_backend(
                changed(metaspace(), lambda d: d["model"].update(unk_token=None)).backend
            ),
            "has no unknown token",
        ),
    ],
)
def test_what_sentencepiece_cannot_express_is_refused(segmenter: Callable[[], FastSegmenter], message: str) -> None:
    with pytest.raises(TokenizerError, match=message):
        build_model(segmenter())


def mixed_lines(resources: Resources, size: int) -> list[str]:
    files = [resources("texts") / name for name in ("docs.ko.txt", "pydocs.en.txt", "docs.sw.txt")]
    files += [resources("help-texts") / f"help.{language}.txt" for language in ("en-us", "ko", "de", "ja", "hi")]
    lines: list[str] = []
    for file in files:
        lines += random.Random(1).sample(file.read_text(encoding="utf-8").splitlines(), size // len(files))
    return lines


@pytest.mark.parametrize("name", ["tokenizers/llama2", "mistral", "gemma3", "tokenizers/gemma3", "e5"])
def test_ids_agree_on_real_text(name: str, resources: Resources) -> None:
    segmenter = read_tokenizer(resources(name))
    lines = mixed_lines(resources, 5000)
    assert differing_lines(segmenter, build_model(segmenter), lines) == []
    runs = [line.replace(" ", " " * (row % 40 + 1)) for row, line in enumerate(lines[:1000])]
    assert differing_lines(segmenter, build_model(segmenter), runs) == []


def test_a_real_model_as_template_keeps_its_pieces(resources: Resources) -> None:
    original = (resources("mistral") / "tokenizer.model").read_bytes()
    segmenter = read_tokenizer(resources("mistral"))
    rebuilt = parse(build_model(segmenter, original))
    pieces = [(piece.piece, piece.type) for piece in rebuilt.pieces]
    assert pieces == [(piece.piece, piece.type) for piece in parse(original).pieces]
    assert rebuilt.trainer_spec == parse(original).trainer_spec

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer

from tests.strategies import texts
from tests.tokenizer_tools.toys import (
    MORE_TOYS,
    TOYS,
    cased_wordpiece,
    english,
    gemma_like,
    invented,
    korean,
    llama3_like,
    of_merges,
    t5_like,
    unigram,
    wordpiece,
)
from vocabx.core.tokens import TokenKind
from vocabx.tokenizer_tools.extend import extend_tokenizer
from vocabx.tokenizer_tools.extend.append import BONUS, PREFERENCE, Appender, free_ids
from vocabx.tokenizer_tools.extend.extended import ExtendedTokenizer
from vocabx.tokenizer_tools.extend.merges import Merge
from vocabx.tokenizer_tools.extend.options import ExtensionOptions
from vocabx.tokenizer_tools.extend.selection import Selection
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.sentencepiece_model import build_model, differing_lines
from vocabx.tokenizer_tools.surfaces import CONTINUATION, Family
from vocabx.tokenizer_tools.words import count_words

BASES = TOYS | MORE_TOYS
SIZES = {
    ("Unigram", "Korean"): 240,
    ("WordPiece", "Korean"): 160,
    ("metaspace without bytes", "Korean"): 480,
    ("like T5", "Korean"): 480,
    ("cased WordPiece", "Korean"): 640,
}
SLOTS = {"like Gemma": 40, "like Llama 3": 1, "WordPiece": 1, "cased WordPiece": 5}


@cache
def extended(base: str, language: str = "Korean", reuse: bool = False) -> ExtendedTokenizer:
    lines = korean() if language == "Korean" else invented()
    size = SIZES.get((base, language), 120)
    options = ExtensionOptions(size=size, minimum_frequency=2, reuse_reserved=reuse)
    return extend_tokenizer(BASES[base](), [lines], english(), options)


EVERY = [(base, language) for base in BASES for language in ("Korean", "invented")]


def of_family(*families: Family) -> list[tuple[str, str]]:
    return [(base, language) for base, language in EVERY if BASES[base]().family in families]


def words_of(segmenter: FastSegmenter) -> tuple[str, ...]:
    """Native words of every language that the segmenter can spell."""
    words = count_words(segmenter, [[*english(), *korean(), *invented()]], compose=True).words
    unknown = segmenter.roles.get("unk", -1)
    rows = segmenter.encode_words(words)
    return tuple(word for row, word in enumerate(words) if unknown not in rows[row])


@pytest.mark.parametrize(("base", "language"), EVERY)
def test_only_the_model_changes_and_old_tokens_keep_their_ids(base: str, language: str) -> None:
    result = extended(base, language)
    old, new = result.source.definition, result.segmenter.definition
    assert {name: new[name] for name in old if name != "model"} == {name: old[name] for name in old if name != "model"}
    kept = ("vocab", "merges")
    assert {k: v for k, v in new["model"].items() if k not in kept} == {
        k: v for k, v in old["model"].items() if k not in kept
    }
    assert result.segmenter.tokens.pieces[: len(result.source.tokens)] == result.source.tokens.pieces
    if result.source.family is Family.UNIGRAM:
        assert new["model"]["vocab"][: len(old["model"]["vocab"])] == old["model"]["vocab"]


@pytest.mark.parametrize(("base", "language"), EVERY)
def test_what_is_known_of_the_result_is_what_is_read_back(base: str, language: str) -> None:
    result = extended(base, language)
    again = FastSegmenter(result.segmenter.backend, result.segmenter.roles)
    assert result.segmenter.definition == again.definition
    known, read = result.segmenter.tokens, again.tokens
    assert (known.pieces, known.surfaces, known.roles) == (read.pieces, read.surfaces, read.roles)
    assert known.kinds.tolist() == read.kinds.tolist()
    assert known.word_initial.tolist() == read.word_initial.tolist()


@pytest.mark.parametrize(("base", "language"), EVERY)
def test_every_new_piece_has_a_witness_and_no_source_line_changes_unseen(base: str, language: str) -> None:
    result = extended(base, language)
    assert set(result.witnesses) | {
        int(token)
        for token, piece in zip(result.new_ids, result.selection.pieces, strict=True)
        if piece in result.selection.needed_by
    } == set(result.new_ids.tolist())
    before, after = result.source.encode(english()), result.segmenter.encode(english())
    assert sum(a != b for a, b in zip(before, after, strict=True)) == result.changed_lines


@pytest.mark.parametrize(("base", "language"), EVERY)
@given(line=st.one_of(texts, st.text(), st.sampled_from(korean() + english())))
def test_text_that_round_trips_with_the_base_still_does(base: str, language: str, line: str) -> None:
    result = extended(base, language)
    old, new = (s.backend.decode(s.encode([line])[0]) for s in (result.source, result.segmenter))
    if result.source.roles.get("unk") not in result.source.encode([line])[0]:
        assert new == old


# Merges


def test_old_merges_come_first_and_stay_in_their_order() -> None:
    for base, language in of_family(Family.BYTE_LEVEL):
        old, new = (
            s.definition["model"]["merges"]
            for s in (extended(base, language).source, extended(base, language).segmenter)
        )
        assert new[: len(old)] == old
    for base, language in of_family(Family.METASPACE):
        result = extended(base, language)
        old, new = result.source.definition["model"]["merges"], result.segmenter.definition["model"]["merges"]
        pieces = set(result.selection.pieces)
        assert [merge for merge in new if not pieces & {*merge, "".join(merge)}] == old


@pytest.mark.parametrize("language", ["Korean", "invented"])
@given(line=texts)
def test_sentencepiece_gives_the_same_ids_as_extended_merges(language: str, line: str) -> None:
    result, model = gemma_model(language)
    assert not differing_lines(result.segmenter, model, [line])


@cache
def gemma_model(language: str) -> tuple[ExtendedTokenizer, bytes]:
    result = extended("like Gemma", language)
    return result, build_model(result.segmenter)


@pytest.mark.parametrize("language", ["Korean", "invented"])
def test_sentencepiece_gives_the_same_ids_on_mixed_lines(language: str) -> None:
    result, model = gemma_model(language)
    lines = [*english(), *korean(), *invented()]
    assert not differing_lines(result.source, build_model(result.source), lines)
    assert not differing_lines(result.segmenter, model, lines)
    assert sum(map(len, result.segmenter.encode(lines))) < sum(map(len, result.source.encode(lines)))


def metaspace_of(pieces: Sequence[str], *merges: tuple[str, str]) -> FastSegmenter:
    """Make Gemma's pipeline with these pieces and merges only."""
    definition = json.loads(gemma_like().backend.to_str())
    definition["added_tokens"] = []
    everything = dict.fromkeys(["<unk>", "▁", *pieces, *(left + right for left, right in merges)])
    definition["model"] |= {
        "vocab": {piece: token for token, piece in enumerate(everything)},
        "merges": list(merges),
        "byte_fallback": False,
    }
    return FastSegmenter.from_backend(Tokenizer.from_str(json.dumps(definition)), {"unk": 0})


def test_every_split_of_a_new_piece_becomes_a_merge() -> None:
    base = metaspace_of("abcd", ("a", "b"))
    merges = (Merge("b", "c"), Merge("c", "d"), Merge("ab", "c"))
    new = Appender(base)(Selection(("bc", "cd", "abc"), merges))
    assert new.definition["model"]["merges"] == [["a", "b"], ["b", "c"], ["c", "d"], ["ab", "c"], ["a", "bc"]]


def test_a_new_piece_completes_an_old_one_at_the_rank_of_the_old_one() -> None:
    # "abc" is made of "ab" and "c"; once there is "bc", SentencePiece makes it of "a" and "bc" too.
    base = metaspace_of("abcdx", ("a", "b"), ("ab", "c"), ("x", "d"))
    new = Appender(base)(Selection(("bc",), (Merge("b", "c"),)))
    assert new.definition["model"]["merges"] == [["a", "b"], ["ab", "c"], ["a", "bc"], ["x", "d"], ["b", "c"]]
    assert not differing_lines(new, build_model(new), ["abc", "xabcd", "bc", "bcbc", "aabc"])


letters = st.text("abc", min_size=2, max_size=4)


@given(
    st.lists(letters, min_size=1, max_size=6, unique=True),
    st.lists(letters, min_size=1, max_size=6, unique=True),
    st.lists(st.text("abc", max_size=12), min_size=1, max_size=8),
)
def test_any_closed_merges_agree_with_sentencepiece(old: list[str], new: list[str], lines: list[str]) -> None:
    base = metaspace_of("abc", *closed([], old))
    pieces = [piece for piece in made(new, base.tokens.pieces) if piece not in base.tokens.pieces]
    merges = [Merge(*split) for split in closed(base.tokens.pieces, pieces)]
    result = Appender(base)(Selection(tuple(pieces), tuple(merges)))
    assert not differing_lines(result, build_model(result), lines)


def made(pieces: Sequence[str], known: Sequence[str]) -> list[str]:
    """Keep the pieces that can be made of two others that are there."""
    found = {"a", "b", "c", *known}
    kept = []
    for piece in pieces:
        if any(piece[:end] in found and piece[end:] in found for end in range(1, len(piece))):
            found.add(piece)
            kept.append(piece)
    return kept


def closed(known: Sequence[str], pieces: Sequence[str]) -> list[tuple[str, str]]:
    kept = made(pieces, known)
    there = {"a", "b", "c", *known, *kept}
    splits = ((piece[:end], piece[end:]) for piece in kept for end in range(1, len(piece)))
    return [(left, right) for left, right in splits if left in there and right in there]


# Scores


def best_score(word: str, scores: Mapping[str, float], longest: int = 40) -> float:
    """Find the log-probability of the best path, by the definition."""
    best = [0.0] + [float("-inf")] * len(word)
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - longest), end):
            best[end] = max(best[end], best[start] + scores.get(word[start:end], float("-inf")))
    return best[-1]


def scores_of(segmenter: FastSegmenter) -> dict[str, float]:
    vocabulary = segmenter.definition["model"]["vocab"]
    text = segmenter.tokens.is_text
    return {piece: score for token, (piece, score) in enumerate(vocabulary) if text[token]}


def alphabet_of(result: ExtendedTokenizer) -> FastSegmenter:
    """Give the source every character that stands in a new piece."""
    missing = dict.fromkeys("".join(result.selection.pieces)).keys() - set(result.source.tokens.pieces)
    return Appender(result.source)(Selection(tuple(sorted(missing))))


@pytest.mark.parametrize(("base", "language"), of_family(Family.UNIGRAM))
def test_a_new_piece_scores_what_its_parts_do_and_a_little_more(base: str, language: str) -> None:
    result = extended(base, language)
    old, new = scores_of(alphabet_of(result)), scores_of(result.segmenter)
    lowest, count = min(scores_of(result.source).values()), len(result.selection.pieces)
    for place, piece in enumerate(result.selection.pieces):
        if len(piece) == 1:
            assert new[piece] == lowest
        else:
            extra = new[piece] - best_score(piece, old) - PREFERENCE * (1 - place / count)
            assert extra / BONUS == pytest.approx(round(extra / BONUS), abs=1e-6)
            assert 1 <= round(extra / BONUS) <= len(piece) - 1


@pytest.mark.parametrize(("base", "language"), of_family(Family.UNIGRAM))
def test_the_new_path_joins_neighbours_of_a_best_path_into_the_fewest_tokens(base: str, language: str) -> None:
    result = extended(base, language)
    alphabet, pieces = alphabet_of(result), result.segmenter.tokens.pieces
    old, words = scores_of(alphabet), words_of(result.segmenter)
    parts = {
        piece: [alphabet.tokens.pieces[token] for token in row]
        for piece, row in zip(result.selection.pieces, rows(alphabet, result.selection.pieces), strict=True)
    }
    joined = 0
    for word, row in zip(words, rows(result.segmenter, words), strict=True):
        path = [pieces[token] for token in row]
        refined = [part for piece in path for part in parts.get(piece, [piece])]
        assert "".join(refined) == word
        saved = len(refined) - len(path)
        within = BONUS * saved + PREFERENCE * sum(piece in parts for piece in path)
        assert sum(old[part] for part in refined) >= best_score(word, old) - within - 1e-9
        assert len(path) == fewest(refined, parts)
        joined += saved
    assert joined > 100


def rows(segmenter: FastSegmenter, words: Sequence[str]) -> list[list[int]]:
    ragged = segmenter.encode_words(words)
    return [ragged[row].tolist() for row in range(len(ragged))]


def fewest(parts: Sequence[str], joins: Mapping[str, Sequence[str]]) -> int:
    """Count the fewest pieces that neighbours can be joined into."""
    least = [0] + [len(parts)] * len(parts)
    for end in range(1, len(parts) + 1):
        for start in range(end):
            if start + 1 == end or joins.get("".join(parts[start:end])) == parts[start:end]:
                least[end] = min(least[end], least[start] + 1)
    return least[-1]


@pytest.mark.parametrize("language", ["Korean", "invented"])
def test_sentencepiece_gives_the_same_ids_as_extended_scores(language: str) -> None:
    result = extended("like T5", language)
    lines = [*english(), *korean(), *invented()]
    assert not differing_lines(result.segmenter, build_model(result.segmenter), lines)


def test_of_two_ways_to_join_as_many_tokens_the_first_piece_is_taken() -> None:
    base = unigram()
    for pieces in [("qj", "jx"), ("jx", "qj")]:
        new = Appender(base)(Selection(pieces))
        assert [new.tokens.pieces[token] for token in new.encode_words(["qjx"])[0]] in (
            [["qj", "x"]] if pieces[0] == "qj" else [["q", "jx"]]
        )


def test_a_character_without_a_token_is_worth_as_much_as_the_rarest() -> None:
    base = t5_like()
    lowest = min(scores_of(base).values())
    new = scores_of(Appender(base)(Selection(("가", "가나", "e나"))))
    assert new["가"] == lowest
    assert new["가나"] == pytest.approx(2 * lowest + BONUS + PREFERENCE * 2 / 3)
    assert new["e나"] == pytest.approx(scores_of(base)["e"] + lowest + BONUS + PREFERENCE / 3)


@given(st.lists(st.sampled_from(["ꙮ", "the", " the", "ꙮa", "in", " ", "𐍈", "ction"]), max_size=8).map("".join))
def test_low_scores_of_new_pieces_leave_text_around_unknown_characters_alone(line: str) -> None:
    result = extended("Unigram", "Korean")
    assert result.segmenter.encode([line]) == result.source.encode([line])


# Longest match


@pytest.mark.parametrize(("base", "language"), of_family(Family.WORDPIECE))
def test_the_longest_piece_is_taken_each_time(base: str, language: str) -> None:
    result = extended(base, language)
    vocabulary, pieces = set(result.segmenter.definition["model"]["vocab"]), result.segmenter.tokens.pieces
    words = count_words(result.segmenter, [[*english(), *korean(), *invented()]], compose=True).words
    for word, ids in zip(words, rows(result.segmenter, words), strict=True):
        assert [pieces[token] for token in ids] == longest_match(word, vocabulary), word


def longest_match(word: str, vocabulary: set[str]) -> list[str]:
    found, rest = list[str](), word
    while rest:
        prefix = CONTINUATION if found else ""
        ends = (end for end in range(len(rest), 0, -1) if prefix + rest[:end] in vocabulary)
        end = next(ends, 0)
        if not end:
            return ["[UNK]"]
        found.append(prefix + rest[:end])
        rest = rest[end:]
    return found


def test_a_lowercasing_wordpiece_learns_the_letters_that_it_takes_syllables_apart_into() -> None:
    characters = {piece.removeprefix(CONTINUATION)[:1] for piece in extended("WordPiece").selection.pieces}
    assert all("\u1100" <= character <= "\u11ff" for character in characters)
    whole = {piece.removeprefix(CONTINUATION)[:1] for piece in extended("cased WordPiece").selection.pieces}
    assert all("가" <= character <= "힣" for character in whole)
    assert extended("WordPiece").segmenter.backend.encode("한국어").tokens == [
        piece for piece in extended("WordPiece").segmenter.backend.encode("한국어").tokens if piece != "[UNK]"
    ]


# Slots


@pytest.mark.parametrize("base", SLOTS)
def test_reserved_slots_are_taken_before_the_vocabulary_grows(base: str) -> None:
    result = extended(base, reuse=True)
    source, slots = result.source, SLOTS[base]
    reserved = [token for token, kind in enumerate(source.tokens.kinds) if kind == TokenKind.RESERVED]
    assert len(reserved) == slots
    count = len(result.selection.pieces)
    assert result.new_ids.tolist() == [*reserved, *range(len(source.tokens), len(source.tokens) + count - slots)]
    table = result.segmenter.tokens
    assert [table.pieces[token] for token in result.new_ids] == list(result.selection.pieces)
    assert len(table) == len(source.tokens) + count - slots
    for token, piece in enumerate(source.tokens.pieces):
        assert (table.pieces[token] == piece) == (token not in reserved)
    assert (table.kinds[result.new_ids] == TokenKind.NORMAL).all()
    contents = {added["content"] for added in result.segmenter.definition["added_tokens"]}
    assert contents == {a["content"] for a in source.definition["added_tokens"] if a["id"] not in reserved}
    line = "국어 " + source.tokens.pieces[reserved[0]] + " 한"
    again = FastSegmenter.from_backend(Tokenizer.from_str(result.segmenter.backend.to_str()), source.roles)
    assert again.tokens.pieces == table.pieces
    assert again.encode([line]) == result.segmenter.encode([line])
    assert reserved[0] not in result.segmenter.encode(["x " + source.tokens.pieces[reserved[0]]])[0]
    assert [token for token in result.witnesses if token in reserved] == [
        token
        for token, piece in zip(result.new_ids.tolist(), result.selection.pieces, strict=True)
        if token in reserved and piece not in result.selection.needed_by
    ]


def test_free_ids_ascend_whatever_slots_there_are() -> None:
    base = llama3_like()
    size = len(base.tokens)
    assert free_ids(base, 2).tolist() == [size, size + 1]
    slot = base.tokens.pieces.index("<|reserved_special_token_0|>")
    assert free_ids(base, 0, reuse_reserved=True).tolist() == []
    assert free_ids(base, 1, reuse_reserved=True).tolist() == [slot]
    assert free_ids(base, 3, reuse_reserved=True).tolist() == [slot, size, size + 1]
    assert base.roles["pad"] not in free_ids(base, 3, reuse_reserved=True)  # a slot with a role is not free


@pytest.mark.parametrize("base", [t5_like, gemma_like, wordpiece, cased_wordpiece])
@pytest.mark.parametrize("reuse", [False, True])
def test_control_tokens_have_the_ids_after_the_pieces(base: Callable[[], FastSegmenter], reuse: bool) -> None:
    source = base()
    appender = Appender(source, reuse_reserved=reuse, control_tokens=("<|a|>", "<|b|>"))
    selection = Selection(("zq",), (Merge("z", "q"),))
    new = appender(selection)
    ids = [*appender.ids(selection), *appender.control_ids(selection)]
    assert [new.tokens.pieces[token] for token in ids] == ["zq", "<|a|>", "<|b|>"]
    assert ids == free_ids(source, 3, reuse_reserved=reuse).tolist()
    assert set(ids[1:]) <= set(new.encode(["the <|a|> zq <|b|>"])[0])


def test_added_tokens_of_a_unigram_do_not_fire_inside_words() -> None:
    backend = Tokenizer.from_str(unigram().backend.to_str())
    backend.add_tokens([AddedToken("they", single_word=True)])
    base = FastSegmenter.from_backend(backend, unigram().roles)
    new = Appender(base)(Selection(("qz",)))
    for line in ["xtheyx they", "theyx", "the theys"]:
        assert new.encode([line]) == base.encode([line])


# Processes

SCRIPT = """
import hashlib, pathlib, sys
from tokenizers import Tokenizer
from tests.tokenizer_tools.extend import test_append
from vocabx.tokenizer_tools.read import FastSegmenter

def read(name, source):
    backend = Tokenizer.from_file(str(pathlib.Path(sys.argv[1], name)))
    return lambda: FastSegmenter.from_backend(backend, source().roles)

test_append.BASES = {name: read(name, source) for name, source in test_append.BASES.items()}
for base, language in test_append.EVERY:
    result = test_append.extended(base, language)
    print(hashlib.sha256(result.segmenter.backend.to_str().encode()).hexdigest(), ascii(result.witnesses))
    print(ascii((result.filtered, result.dropped, result.unseen_share, result.tradeoffs)))
"""


def run(seed: str, bases: Path) -> Sequence[str]:
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SCRIPT, str(bases)]
    return subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout.splitlines()


def test_two_processes_extend_every_family_to_the_same_bytes(tmp_path: Path) -> None:
    for name, source in BASES.items():  # read by both, because training a Unigram gives other scores each time
        (tmp_path / name).write_text(source().backend.to_str(), encoding="utf-8")
    first = run("1", tmp_path)
    assert len(first) == 2 * len(EVERY)
    assert first == run("2", tmp_path)


def test_merges_of_a_byte_level_extension_follow_in_the_order_they_were_learned() -> None:
    base = of_merges(("a", "b"))
    new = Appender(base)(Selection(("bc", "abc"), (Merge("b", "c"), Merge("ab", "c"))))
    merges = new.definition["model"]["merges"]
    assert merges == [["a", "b"], ["b", "c"], ["ab", "c"]]
    assert [new.tokens.pieces[i] for i in new.encode(["abc"])[0]] == ["abc"]
    assert all(left + right in new.tokens.pieces for left, right in pairwise("abc"))

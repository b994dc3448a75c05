"""The contract that every trained tokenizer keeps, whatever its family."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, pre_tokenizers

from tests.tokenizer_tools.toys import TOYS, metaspace, unigram, wordpiece
from tests.tokenizer_tools.train.tokenizers import FAMILY_NAMES, LIKE_NAMES, NAMES, SIZE, lines, trained
from vocabx.core.errors import CorpusError, InputError, TokenizerError, UnknownNameError
from vocabx.core.tokens import TokenKind
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer
from vocabx.tokenizer_tools.surfaces import CHARACTER_OF_BYTE, Family
from vocabx.tokenizer_tools.train.directory import check_directory, check_model_file, write_trained
from vocabx.tokenizer_tools.train.options import TrainingOptions
from vocabx.tokenizer_tools.train.train import train_tokenizer
from vocabx.tokenizer_tools.train.trained import TrainedTokenizer

WITH_BYTES = [name for name in NAMES if trained(name).segmenter.has_byte_fallback]
MARKED = [name for name in NAMES if trained(name).segmenter.family.marks_spaces]
LOSSLESS = [name for name in FAMILY_NAMES if name != "wordpiece"]

any_text = st.text(max_size=20)
"""Any characters at all, surrogates excepted."""


def decoded(result: TrainedTokenizer, text: str) -> str:
    return result.segmenter.backend.decode(result.segmenter.encode([text])[0], skip_special_tokens=False)


def normalised(result: TrainedTokenizer, text: str) -> str:
    normalizer = result.segmenter.backend.normalizer
    return normalizer.normalize_str(text) if normalizer else text


@pytest.mark.parametrize("name", NAMES)
def test_the_size_is_exact_and_every_id_has_a_token(name: str) -> None:
    tokens = trained(name).segmenter.tokens
    assert len(tokens) == SIZE == len(set(tokens.pieces))
    assert "" not in tokens.pieces
    assert TokenKind.ABSENT not in tokens.kinds


@pytest.mark.parametrize("name", LOSSLESS)
@given(text=any_text)
def test_every_text_comes_back_as_the_normaliser_gives_it(name: str, text: str) -> None:
    result = trained(name)
    if any(token.text in text for token in result.blueprint.special):
        return
    assert decoded(result, text) == normalised(result, text).replace("▁", " ")


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_the_tokens_of_a_text_of_covered_characters_join_to_it(name: str, data: st.DataObject) -> None:
    result = trained(name)
    tokens = result.segmenter.tokens
    alphabet = st.sampled_from("abcdefgh 가나다라마. ,!12" if result.blueprint.is_byte_level else "aeiou 가이다. ,")
    text = "".join(data.draw(st.lists(alphabet, max_size=20)))
    (ids,) = result.segmenter.encode([text])
    words = "".join(result.segmenter.words(text))
    assert result.segmenter.roles.get("unk") not in ids
    surfaces = b"".join(tokens.surfaces[token] for token in ids)
    expected = result.segmenter.segment_lines([text]).texts[0]
    assert surfaces == expected, words


@pytest.mark.parametrize("name", WITH_BYTES)
def test_all_256_bytes_have_tokens(name: str) -> None:
    tokens = trained(name).segmenter.tokens
    single = {surface for surface, kind in zip(tokens.surfaces, tokens.kinds, strict=True) if kind == TokenKind.BYTE}
    assert single == {bytes([byte]) for byte in range(256)}


@pytest.mark.parametrize("name", WITH_BYTES)
@given(text=any_text)
def test_no_text_becomes_unknown_where_there_are_bytes(name: str, text: str) -> None:
    segmenter = trained(name).segmenter
    unknown = segmenter.roles.get("unk")
    if unknown is None or segmenter.tokens.pieces[unknown] not in text:
        assert unknown not in segmenter.encode([text])[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_character_of_the_alphabet_has_its_tokens(name: str) -> None:
    result = trained(name)
    pieces = set(result.segmenter.tokens.pieces)
    assert pieces.issuperset(result.material.alphabet)
    if result.segmenter.family is Family.WORDPIECE:
        assert pieces.issuperset(f"##{character}" for character in result.material.alphabet)
    if result.blueprint.is_byte_level:
        assert set(result.material.alphabet) == set(CHARACTER_OF_BYTE.values())


@pytest.mark.parametrize("name", MARKED)
def test_no_token_crosses_a_space(name: str) -> None:
    tokens = trained(name).segmenter.tokens
    normal = [piece for piece, kind in zip(tokens.pieces, tokens.kinds, strict=True) if kind == TokenKind.NORMAL]
    assert [piece for piece in normal if re.search("[^▁]▁|▁▁[^▁]", piece)] == []


@pytest.mark.parametrize("name", [name for name in FAMILY_NAMES if name != "wordpiece"])
def test_new_tokenizers_split_digits_singly_and_keep_line_breaks_out_of_words(name: str) -> None:
    tokens = trained(name).segmenter.tokens
    normal = [tokens.surfaces[token] for token in trained(name).learned]
    assert [surface for surface in normal if re.search(rb"[0-9][0-9]|[^\s]\s*\n\s*[^\s]", surface)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_token_of_whole_characters_has_a_witness_or_is_reported(name: str) -> None:
    result = trained(name)
    texts = list(result.witnesses.values())
    for token, ids in zip(result.witnesses, result.segmenter.encode(texts), strict=True):
        assert token in ids
    assert {*result.witnesses, *result.unreached.tolist()} == set(result.complete.tolist())
    # What WordPiece splits off as a word of its own, such as a comma, never stands inside one.
    limit = len(result.material.alphabet) if result.segmenter.family is Family.WORDPIECE else 0.01 * SIZE
    assert len(result.unreached) <= limit


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_opens_and_encodes_equally(name: str, tmp_path: Path) -> None:
    result = trained(name)
    write_trained(result, tmp_path)
    check_directory(result, tmp_path, [*lines(), "", "👩‍👩‍👧", "\t x\n", unicodedata.normalize("NFD", "한국")])
    opened = read_tokenizer(tmp_path)
    assert opened.tokens.kinds.tolist() == result.segmenter.tokens.kinds.tolist()
    assert {opened.tokens.pieces[token] for token in opened.roles.values()} == set(result.blueprint.roles.values())


@pytest.mark.parametrize("name", ["sentencepiece-bpe", "sentencepiece-unigram"])
def test_a_sentencepiece_model_gives_the_same_ids(name: str) -> None:
    compared = check_model_file(trained(name), lines())
    assert compared.lines == len(lines())
    assert compared.ties <= 2


def test_a_sentencepiece_model_of_another_vocabulary_is_noticed() -> None:
    good, other = trained("sentencepiece-bpe"), trained("sentencepiece-unigram")
    wrong = TrainedTokenizer(good.segmenter, good.blueprint, good.material, other.files)
    with pytest.raises(TokenizerError, match=r"lines get other ids from tokenizer.model than from tokenizer.json"):
        check_model_file(wrong, lines()[:50])


SCRIPT = """
import sys
from pathlib import Path
from tests.tokenizer_tools.train.tokenizers import trained
from vocabx.tokenizer_tools.train.directory import write_trained
for name in sys.argv[2:]:
    folder = Path(sys.argv[1], name)
    folder.mkdir(parents=True)
    write_trained(trained(name), folder)
"""


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    names = [*FAMILY_NAMES, "like metaspace", "like Unigram", "like WordPiece"]
    for place, threads in (("one", "true"), ("two", "false")):
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path / place), *names],
            check=True,
            cwd=Path(__file__).parents[3],
            env={"TOKENIZERS_PARALLELISM": threads, "PATH": "", "PYTHONIOENCODING": "utf-8"},
        )
    files = [file.relative_to(tmp_path / "one") for file in sorted((tmp_path / "one").rglob("*.*"))]
    assert len(files) == 2 * len(names) + 2
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def naive_merges(words: Counter[tuple[str, ...]], count: int) -> list[tuple[str, str]]:
    """Merge the most frequent pair, of equally frequent ones that of the lowest ids, again and again."""
    ids = {letter: number for number, letter in enumerate(sorted(CHARACTER_OF_BYTE.values()))}
    merges = list[tuple[str, str]]()
    while len(merges) < count:
        pairs = Counter[tuple[str, str]]()
        for word, times in words.items():
            for pair in pairwise(word):
                pairs[pair] += times
        left, right = min(pairs, key=lambda pair: (-pairs[pair], ids[pair[0]], ids[pair[1]]))
        merges.append((left, right))
        ids.setdefault(left + right, len(ids))
        merged = Counter[tuple[str, ...]]()
        for word, times in words.items():
            rest, new = list(word), list[str]()
            while rest:
                if rest[:2] == [left, right]:
                    new.append(left + right)
                    del rest[:2]
                else:
                    new.append(rest.pop(0))
            merged[tuple(new)] += times
        words = merged
    return merges


def test_byte_level_merges_are_those_of_a_naive_trainer() -> None:
    result = train_tokenizer([lines()[:60]], TrainingOptions(family="byte-level-bpe", size=259 + 150))
    words = Counter(tuple(word) for line in lines()[:60] for word in result.segmenter.words(line))
    merges = [tuple(pair) for pair in result.segmenter.definition["model"]["merges"]]
    assert merges == naive_merges(words, 150)


@pytest.mark.parametrize("name", LIKE_NAMES)
def test_all_but_the_vocabulary_is_that_of_the_model(name: str) -> None:
    source, result = TOYS[name.removeprefix("like ")](), trained(name)
    for part in ("normalizer", "pre_tokenizer", "decoder"):
        assert result.segmenter.definition[part] == source.definition[part]
    settings = [
        {key: value for key, value in segmenter.definition["model"].items() if key not in ("vocab", "merges")}
        for segmenter in (source, result.segmenter)
    ]
    assert settings[0].pop("unk_id", None) is None or settings[1].pop("unk_id") == result.segmenter.roles["unk"]
    assert settings[0] == settings[1]
    assert {role: source.tokens.pieces[token] for role, token in source.roles.items()} == result.blueprint.roles
    assert result.segmenter.family is source.family


def added(segmenter: FastSegmenter) -> dict[str, dict[str, bool]]:
    return {
        token["content"]: {key: value for key, value in token.items() if key not in ("id", "content")}
        for token in segmenter.definition["added_tokens"]
    }


@pytest.mark.parametrize("name", LIKE_NAMES)
def test_special_tokens_are_kept_with_their_flags_and_unused_slots_are_not(name: str) -> None:
    source, result = TOYS[name.removeprefix("like ")](), trained(name)
    wanted = {text: flags for text, flags in added(source).items() if text != "<|reserved_special_token_0|>"}
    assert added(result.segmenter) == wanted


def test_the_ids_in_the_post_processor_are_the_new_ones() -> None:
    source, result = TOYS["like Llama 3"](), trained("like like Llama 3")
    begin = result.segmenter.roles["bos"]
    assert begin != source.roles["bos"]
    assert result.segmenter.backend.encode("한국").ids[0] == begin
    assert result.segmenter.backend.token_to_id("<think>") in result.segmenter.encode(["한국<think>"])[0]


@pytest.mark.parametrize("kind", ["RobertaProcessing", "BertProcessing", "Sequence"])
def test_every_kind_of_post_processor_gets_the_new_ids(kind: str) -> None:
    from tokenizers import processors

    source = wordpiece()
    sep, cls = (("[SEP]", source.roles["sep"]), ("[CLS]", source.roles["cls"]))
    backend = Tokenizer.from_str(source.backend.to_str())
    roberta = processors.RobertaProcessing(sep, cls)
    backend.post_processor = {
        "RobertaProcessing": roberta,
        "BertProcessing": processors.BertProcessing(sep, cls),
        "Sequence": processors.Sequence([processors.ByteLevel(), roberta]),
    }[kind]
    like = FastSegmenter.from_backend(backend, source.roles)
    # The classifier now comes first, so that the ids are others.
    result = train_tokenizer([lines()], TrainingOptions(size=SIZE, special={"pad": "[CLS]"}), like=like)
    ids = result.segmenter.backend.encode("한국").ids
    assert (ids[0], ids[-1]) == (result.segmenter.roles["cls"], result.segmenter.roles["sep"])


def test_a_role_gets_the_token_it_is_given_wherever_the_old_one_stood() -> None:
    options = TrainingOptions(family="byte-level-bpe", size=SIZE, special={"bos": "<|start|>", "mask": "<mask>"})
    result = train_tokenizer([lines()], options)
    pieces, roles = result.segmenter.tokens.pieces, result.segmenter.roles
    assert (pieces[roles["bos"]], pieces[roles["mask"]]) == ("<|start|>", "<mask>")
    assert "<s>" not in pieces
    assert result.segmenter.backend.encode("한국").tokens[0] == "<|start|>"


def test_composing_is_done_for_decomposed_text_too() -> None:
    apart = unicodedata.normalize("NFD", "대한민국은")
    for name in ("byte-level-bpe", "metaspace-bpe", "unigram", "wordpiece"):
        segmenter = trained(name).segmenter
        assert segmenter.encode([apart]) == segmenter.encode(["대한민국은"])
    plain = train_tokenizer([lines()], TrainingOptions(family="byte-level-bpe", size=SIZE, compose=False))
    assert plain.segmenter.backend.normalizer is None


def test_a_normaliser_is_not_put_into_a_pipeline_that_has_none() -> None:
    apart = [unicodedata.normalize("NFD", line) for line in lines()]
    result = train_tokenizer([apart], TrainingOptions(size=SIZE), like=metaspace())
    assert result.segmenter.definition == trained("like metaspace").segmenter.definition


def test_a_lower_coverage_leaves_rare_characters_to_bytes() -> None:
    options = TrainingOptions(family="metaspace-bpe", size=SIZE, character_coverage=0.9)
    result = train_tokenizer([lines()], options)
    assert 0.9 <= result.material.coverage < 0.93
    assert len(result.material.alphabet) < len(trained("metaspace-bpe").material.alphabet)


def test_the_longest_token_is_as_long_as_allowed() -> None:
    for name in FAMILY_NAMES:
        result = train_tokenizer([lines()], TrainingOptions(family=name, size=SIZE, longest=4))
        shown = [result.segmenter.tokens.surfaces[token].decode(errors="ignore") for token in result.learned]
        assert max(map(len, shown)) == 4, name


def test_uses_are_counted_on_the_whole_corpus() -> None:
    result = trained("byte-level-bpe")
    counts = Counter(token for ids in result.segmenter.encode(lines()) for token in ids)
    assert {token: count for token, count in enumerate(result.uses.tolist()) if count} == dict(counts)
    assert result.tokens_per_byte == pytest.approx(counts.total() / sum(len(line.encode()) for line in lines()))
    assert result.tokens_per_character == pytest.approx(counts.total() / sum(map(len, lines())))


@pytest.mark.parametrize(("name", "least"), [("byte-level-bpe", 259), ("metaspace-bpe", None), ("wordpiece", None)])
def test_a_size_below_the_alphabet_is_an_error_that_says_how_large_that_is(name: str, least: int | None) -> None:
    with pytest.raises(TokenizerError, match=r"A vocabulary of 100 cannot hold the alphabet: .* special tokens take "):
        train_tokenizer([lines()], TrainingOptions(family=name, size=100))
    if least is not None:
        with pytest.raises(TokenizerError, match=rf"take {least}\. Ask for at least that many\.$"):
            train_tokenizer([lines()], TrainingOptions(family=name, size=least - 1))
        assert len(train_tokenizer([lines()], TrainingOptions(family=name, size=least)).segmenter.tokens) == least


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_corpus_that_is_too_small_is_an_error_whose_advice_holds(name: str) -> None:
    small = [*lines()[:40]]
    with pytest.raises(TokenizerError, match=r"The corpus gives only .* ask for at most [\d,]+ in all") as caught:
        train_tokenizer([small], TrainingOptions(family=name, size=50_000))
    most = int(re.search(r"at most ([\d,]+)", str(caught.value))[1].replace(",", ""))  # type: ignore[index]
    assert len(train_tokenizer([small], TrainingOptions(family=name, size=most)).segmenter.tokens) == most


def test_text_that_is_empty_or_that_the_normaliser_empties_is_an_error() -> None:
    with pytest.raises(CorpusError, match="The corpus holds no text"):
        train_tokenizer([], TrainingOptions(family="unigram", size=SIZE))
    with pytest.raises(CorpusError, match="Nothing is left of the corpus"):
        train_tokenizer([["\u200b\x01", " "]], TrainingOptions(family="wordpiece", size=SIZE))


def test_wrong_options_are_errors() -> None:
    with pytest.raises(UnknownNameError, match=r"no tokenizer family called 'unigrams'. Did you mean 'unigram'\?"):
        train_tokenizer([], TrainingOptions(family="unigrams", size=SIZE))
    with pytest.raises(UnknownNameError, match="no role of a special token called 'start'"):
        TrainingOptions(family="unigram", special={"start": "<s>"})
    with pytest.raises(InputError, match=r"has no text: write it as bos=TEXT"):
        TrainingOptions(family="unigram", special={"bos": ""})
    with pytest.raises(InputError, match="'the' is no control token, which is spelt like"):
        TrainingOptions(family="byte-level-bpe", size=SIZE, special={"bos": "the"})
    with pytest.raises(InputError, match="either a family"):
        train_tokenizer([], TrainingOptions(size=SIZE))
    with pytest.raises(InputError, match="either a family"):
        train_tokenizer([], TrainingOptions(family="unigram", size=SIZE), like=unigram())
    with pytest.raises(InputError, match="Say how large the vocabulary is to be"):
        train_tokenizer([], TrainingOptions(family="unigram"))
    for wrong in ({"size": 0}, {"longest": 0}, {"minimum_frequency": 0}, {"character_coverage": 1.5}):
        with pytest.raises(InputError, match=r"must be at least 1|is a share above 0"):
            TrainingOptions(**wrong)


def test_words_in_the_middle_marked_another_way_are_refused() -> None:
    from tokenizers import models

    backend = Tokenizer(models.BPE({"a": 0, "##b": 1}, [], continuing_subword_prefix="##"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(TokenizerError, match="that marks the insides of words is not supported"):
        train_tokenizer([lines()], TrainingOptions(), like=FastSegmenter.from_backend(backend))

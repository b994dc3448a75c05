from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from gensim.models import FastText, Word2Vec
from gensim.models.fasttext import load_facebook_vectors, save_facebook_model

from vocabx.aligners.spaces.read_vectors import read_vectors
from vocabx.aligners.spaces.vectors_file import read_npz, write_npz
from vocabx.aligners.spaces.word_vectors import NgramTable, WordVectors
from vocabx.core.errors import InputError

TEXT = [["hello", "world", "안녕", "세계"]] * 3 + [["hello"]]
UNKNOWN = ["helloworld", "세", "naïve"]


@cache
def fasttext() -> FastText:
    return FastText(TEXT, vector_size=5, min_count=1, bucket=300, seed=1, workers=1)


def save_text(path: Path) -> None:
    fasttext().wv.save_word2vec_format(str(path))


def save_binary(path: Path) -> None:
    fasttext().wv.save_word2vec_format(str(path), binary=True)


def packed(save: Callable[[Path], None]) -> Callable[[Path], None]:
    def save_packed(path: Path) -> None:
        save(path)
        path.write_bytes(gzip.compress(path.read_bytes()))

    return save_packed


def save_without_header(path: Path) -> None:
    save_text(path)
    path.write_bytes(path.read_bytes().split(b"\n", 1)[1])


def save_with_tabs(path: Path) -> None:
    save_text(path)
    path.write_bytes(path.read_bytes().replace(b" ", b"\t"))


def save_arrays(path: Path) -> None:
    wv = fasttext().wv
    with path.open("wb") as file:
        np.savez(file, words=np.array(wv.index_to_key), rows=wv.vectors)


SAVED: dict[str, Callable[[Path], None]] = {
    "fastText": lambda path: save_facebook_model(fasttext(), str(path)),
    "text": save_text,
    "packed text": packed(save_text),
    "text without a header": save_without_header,
    "text with tabs": save_with_tabs,
    "binary": save_binary,
    "packed binary": packed(save_binary),
    "arrays": save_arrays,
    "gensim's vectors": lambda path: fasttext().wv.save(str(path)),
    "gensim's model": lambda path: fasttext().save(str(path)),
}


@pytest.mark.parametrize("form", SAVED)
def test_every_form_gives_the_same_vectors(form: str, tmp_path: Path) -> None:
    SAVED[form](tmp_path / "vectors")
    words = read_vectors(tmp_path / "vectors", trust_pickle=True)
    expected = fasttext().wv
    assert words.words == tuple(expected.index_to_key)
    np.testing.assert_allclose(words.rows, expected.vectors, atol=1e-6)
    if words.counts is not None:
        assert words.counts.tolist() == [expected.get_vecattr(word, "count") for word in words.words]
    if words.ngrams is not None:
        np.testing.assert_allclose(words.vectors_of(UNKNOWN), [expected[word] for word in UNKNOWN], atol=1e-6)
    assert (words.ngrams is not None) == (form in ("fastText", "gensim's vectors", "gensim's model"))


@pytest.mark.parametrize("form", SAVED)
def test_a_limit_keeps_the_first_words(form: str, tmp_path: Path) -> None:
    SAVED[form](tmp_path / "vectors")
    words = read_vectors(tmp_path / "vectors", trust_pickle=True, limit=2)
    assert words.words == tuple(fasttext().wv.index_to_key[:2])
    np.testing.assert_allclose(words.rows, fasttext().wv.vectors[:2], atol=1e-6)


def test_a_fasttext_model_is_read_as_gensim_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    save_facebook_model(fasttext(), str(path))
    expected, words = load_facebook_vectors(str(path)), read_vectors(path)
    asked = [*TEXT[0], *UNKNOWN]
    np.testing.assert_allclose(words.vectors_of(asked), [expected[word] for word in asked], atol=1e-6)


def test_word2vec_models_have_no_ngrams(tmp_path: Path) -> None:
    Word2Vec(TEXT, vector_size=4, min_count=1, workers=1).save(str(tmp_path / "model"))
    words = read_vectors(tmp_path / "model", trust_pickle=True)
    assert words.ngrams is None
    assert words.counts is not None
    assert words.counts.tolist() == [4, 3, 3, 3]


def test_pickles_are_refused_unless_trusted(tmp_path: Path) -> None:
    fasttext().wv.save(str(tmp_path / "vectors"))
    with pytest.raises(InputError, match=r"vectors holds pickled objects, .* --trust-pickle"):
        read_vectors(tmp_path / "vectors")
    (tmp_path / "other").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(InputError, match="other cannot be opened by gensim"):
        read_vectors(tmp_path / "other", trust_pickle=True)
    (tmp_path / "cut").write_bytes(b"\x80\x04K")
    with pytest.raises(InputError, match="cut cannot be opened by gensim"):
        read_vectors(tmp_path / "cut", trust_pickle=True)


def test_a_numpy_file_with_pickled_objects_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "v.npz").open("wb") as file:
        np.savez(file, words=np.array(["a"], object), rows=np.ones((1, 2)))
    with pytest.raises(InputError, match=r"v\.npz cannot be read as word vectors without pickled objects"):
        read_vectors(tmp_path / "v.npz")


TEXTS = {
    "": "is empty",
    "2 3\na 1 2 3\nb 1 2\n": "line 3: expected a word and 3 numbers",
    "2 3\na 1 2 3\nb 1 2 3 4 x\n": "line 3: expected a word and 3 numbers",
    "2 3\na 1 2 3\nb 1 nan 3\n": "line 3: the vector holds NaN",
    "2 3\na 1 2 3\nb inf 2 3\n": "line 3: the vector holds NaN",
    "3 3\na 1 2 3\nb 1 2 3\n": "cut off at line 4: there are 2 vectors where line 1 says 3",
    "a 1 2 3\nb 1 2\n": "line 2: expected a word and 3 numbers",
    "a 1 2 3\n\nb 1 2 3\n": "line 2: expected a word and 3 numbers",
    "This is a text about something.\n": "no file of word vectors: line 1",
    "word\n": "no file of word vectors: line 1",
    '{"a": 1}\n': "no file of word vectors: line 1",
    "0 3\n": "holds no word vectors",
}


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_wrong_with_a_text_is_said_in_one_sentence_with_its_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "vectors.vec"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=TEXTS[text]) as raised:
        read_vectors(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_line_far_into_a_file_is_named(tmp_path: Path) -> None:
    lines = [f"w{number} 1 2" for number in range(9000)]
    lines[8765] = "w 1 2 3.x"
    (tmp_path / "v").write_text("9000 2\n" + "\n".join(lines))
    with pytest.raises(InputError, match="v, line 8767: "):
        read_vectors(tmp_path / "v")


@pytest.mark.parametrize("form", ["fastText", "binary", "packed text", "packed binary", "arrays"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_file_that_is_cut_off_is_refused_with_its_name(form: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    SAVED[form](path)
    data = path.read_bytes()
    if form == "fastText":  # the end is the output layer, which is not read
        data = data[: len(data) - 4 * 5 * 4 - 17]
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=str(path)) as raised:
        read_vectors(path)
    assert "\n" not in str(raised.value)


def test_nan_in_any_form_is_refused_with_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    save_binary(path)
    path.write_bytes(path.read_bytes()[:-4] + np.float32(np.nan).tobytes())
    with pytest.raises(InputError, match="vectors, vector 4: it holds NaN"):
        read_vectors(path)
    np.savez(tmp_path / "v.npz", words=np.array(["a"]), rows=np.array([[np.nan]]))
    with pytest.raises(InputError, match=r"v\.npz: .*NaN"):
        read_vectors(tmp_path / "v.npz")
    np.savez(tmp_path / "w.npz", words=np.array(["a"]))
    with pytest.raises(InputError, match=r"w\.npz holds no word vectors: it needs"):
        read_vectors(tmp_path / "w.npz")


def test_words_may_hold_spaces_and_the_first_of_two_equal_words_is_kept(tmp_path: Path) -> None:
    (tmp_path / "v").write_text("3 2\nnew york 1 2\na 3 4\na 5 6\n")
    words = read_vectors(tmp_path / "v")
    assert words.words == ("new york", "a")
    assert words.rows.tolist() == [[1, 2], [3, 4]]


def test_a_few_words_may_be_no_text_but_not_many(tmp_path: Path) -> None:
    lines = [f"w{number} 1 2".encode() for number in range(200)]
    (tmp_path / "few").write_bytes(b"\n".join([*lines, b"\xed\x95 1 2"]))
    assert len(read_vectors(tmp_path / "few")) == 200
    (tmp_path / "many").write_bytes("\n".join(f"ä{number} 1 2" for number in range(9)).encode("latin-1"))
    with pytest.raises(InputError, match=r"many: 9 words are not valid UTF-8|holds no word vectors"):
        read_vectors(tmp_path / "many")


def test_missing_and_quantised_and_packed_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent cannot be read as word vectors"):
        read_vectors(tmp_path / "absent")
    path = tmp_path / "model.bin"
    save_facebook_model(fasttext(), str(path))
    data = path.read_bytes()
    (tmp_path / "model.bin.gz").write_bytes(gzip.compress(data))
    with pytest.raises(InputError, match="Unpack it first: gunzip"):
        read_vectors(tmp_path / "model.bin.gz")
    shape = np.array([len(TEXT[0]) + 300, 5], np.int64).tobytes()
    path.write_bytes(data.replace(b"\x00" + shape, b"\x01" + shape))
    with pytest.raises(InputError, match=r"model\.bin is a quantised fastText model"):
        read_vectors(path)


def test_what_is_written_as_arrays_is_read_back(tmp_path: Path) -> None:
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    table = NgramTable(rows, 2, 5, 100, np.array([4, 7, 99]))
    words = WordVectors(("a\n", "안녕", ""), rows, np.array([3, 2, 1]), table)
    for name, written in (("a", words), ("b", words.rotated(np.eye(2)[::-1])), ("c", WordVectors(("x",), rows[:1]))):
        with (tmp_path / name).open("wb") as file:
            write_npz(written, file)
        read = read_npz(tmp_path / name)
        assert read.words == written.words
        texts = [*words.words, "unknown", "안녕하세요"]
        assert np.allclose(read.vectors_of(texts), written.vectors_of(texts), atol=1e-6)
        assert (read.counts is None) == (written.counts is None)

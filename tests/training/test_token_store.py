from __future__ import annotations

import gzip
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.eval.encoders import wordpiece
from tests.eval.models import tiny_tokenizer
from tests.training.tokens import BOS, EOS, framed_tokenizer, write_corpus
from vocabx.core.corpus import Corpus
from vocabx.core.errors import CorpusError, InputError, TokenizerError, UnknownNameError
from vocabx.training.sequences.encoded import Framing, share_out
from vocabx.training.sequences.token_store import TokenStore, open_store, store_tokens

LINES = ["first line", "", "한국어 둘째", "  ", "x"]


def documents_of(store: TokenStore) -> list[list[int]]:
    return [part.tolist() for part in np.split(np.asarray(store.ids), store.ends[:-1])]


def test_each_document_stands_between_bos_and_eos_as_the_tokenizer_encodes_it(tmp_path: Path) -> None:
    tokenizer = framed_tokenizer()
    store = store_tokens(write_corpus(tmp_path / "a.txt", LINES), tokenizer, tmp_path / "tokens")
    texts = [line for line in LINES if line.strip()]
    assert documents_of(store) == [[*tokenizer(text)["input_ids"], EOS] for text in texts]
    assert all(document[0] == BOS for document in documents_of(store))
    assert (store.documents, store.tokens) == (3, sum(len(text.encode()) + 2 for text in texts))
    assert store.bytes == sum(len(text.encode()) for text in texts) == store.sizes.sum()
    assert [array.dtype.name for array in (store.ids, store.sizes, store.ends)] == ["uint32", "uint32", "int64"]


def test_without_bos_and_eos_there_are_none_and_it_is_said_once(tmp_path: Path) -> None:
    said = list[str]()
    store = store_tokens(write_corpus(tmp_path / "a.txt", LINES), tiny_tokenizer(), tmp_path / "t", say=said.append)
    assert documents_of(store)[2] == tiny_tokenizer()("x")["input_ids"]
    assert sum("no end-of-text token" in message for message in said) == 1


def test_a_document_starts_with_what_the_tokenizer_puts_there_or_as_it_is_measured() -> None:
    assert Framing.of(tiny_tokenizer(bos_token="<s>", eos_token="</s>"), "causal") == Framing((BOS,), (EOS,))
    assert Framing.of(tiny_tokenizer(eos_token="</s>"), "causal") == Framing((EOS,), (EOS,))
    assert Framing.of(tiny_tokenizer(), "causal") == Framing()
    assert Framing.of(framed_tokenizer(), "causal") == Framing((BOS,), (EOS,))
    assert Framing.of(wordpiece(), "masked") == Framing((), (3,))
    with pytest.raises(UnknownNameError, match="no objective called 'mask'"):
        Framing.of(wordpiece(), "mask")


@pytest.mark.parametrize(("unit", "count"), [("line", 3), ("paragraph", 2), ("file", 1)])
def test_a_document_is_a_line_a_paragraph_or_a_file_and_a_record_always_one(
    tmp_path: Path, unit: str, count: int
) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"one\ntwo\n\n\nthree\n"))
    (tmp_path / "b.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in ("r\n\ns", "", "t")))
    corpus = Corpus.open([tmp_path])
    store = store_tokens(corpus, framed_tokenizer(), tmp_path / "tokens", unit=unit)
    assert store.documents == count + 2


@given(
    st.lists(
        st.tuples(st.integers(0, 2**20), st.lists(st.integers(0, 30), min_size=1, max_size=9)), min_size=1, max_size=9
    )
)
def test_shares_add_up_to_each_document_and_are_exact_where_tokens_spell_it(
    documents: list[tuple[int, list[int]]],
) -> None:
    spelt = np.array([size for _, sizes in documents for size in sizes])
    starts = np.cumsum([0, *(len(sizes) for _, sizes in documents)])
    shares = share_out(np.array([size for size, _ in documents]), spelt, starts)
    assert np.add.reduceat(shares, starts[:-1]).tolist() == [size for size, _ in documents]
    assert (shares >= 0).all()
    exact = share_out(np.array([sum(sizes) for _, sizes in documents]), spelt, starts)
    assert (exact == spelt).all()


def test_what_was_made_of_the_same_files_is_used_again(tmp_path: Path) -> None:
    file, directory = tmp_path / "a.txt", tmp_path / "tokens"
    corpus = write_corpus(file, LINES)
    store_tokens(corpus, framed_tokenizer(), directory)
    made = (directory / "ids").stat().st_mtime_ns
    os.utime(file, ns=(1, 1))
    tokenizer = framed_tokenizer()
    tokenizer("a", truncation=True, max_length=4)  # this stays in the pipeline, and changes no store
    for named in (True, False):
        store_tokens(corpus, tokenizer, directory, named=named)
    assert (directory / "ids").stat().st_mtime_ns == made


def changed(tmp_path: Path, what: str) -> tuple[Corpus, Any, dict[str, Any]]:
    lines = [*LINES[:-1], "y"] if what == "corpus" else LINES
    corpus = write_corpus(tmp_path / "a.txt", lines)
    tokenizer = tiny_tokenizer(eos_token="<s>") if what == "tokenizer" else framed_tokenizer()
    return corpus, tokenizer, {"unit": "paragraph"} if what == "options" else {}


@pytest.mark.parametrize("what", ["tokenizer", "corpus", "options"])
def test_what_was_made_otherwise_is_refused_if_it_was_named_and_else_made_anew(tmp_path: Path, what: str) -> None:
    directory = tmp_path / "tokens"
    before = documents_of(store_tokens(write_corpus(tmp_path / "a.txt", LINES), framed_tokenizer(), directory))
    corpus, tokenizer, options = changed(tmp_path, what)
    with pytest.raises(InputError, match=rf"tokens was made with (an)?other {what}\. Name another directory"):
        store_tokens(corpus, tokenizer, directory, **options, named=True)
    assert documents_of(open_store(directory)) == before
    said = list[str]()
    after = store_tokens(corpus, tokenizer, directory, **options, say=said.append)
    assert (documents_of(after) != before) == (what != "options")
    assert any("is made anew" in message for message in said)


def test_a_directory_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    corpus, directory = write_corpus(tmp_path / "a.txt", LINES), tmp_path / "mine"
    directory.mkdir()
    (directory / "thesis.tex").write_text("all of it")
    with pytest.raises(InputError, match="mine is not a token cache"):
        store_tokens(corpus, framed_tokenizer(), directory)
    assert (directory / "thesis.tex").exists()


def test_a_store_that_was_cut_short_is_a_sentence(tmp_path: Path) -> None:
    directory = tmp_path / "tokens"
    store_tokens(write_corpus(tmp_path / "a.txt", LINES), framed_tokenizer(), directory)
    os.truncate(directory / "sizes", 8)
    with pytest.raises(InputError, match="damaged: sizes is not whole"):
        open_store(directory)


def test_nothing_is_left_of_a_corpus_that_fails(tmp_path: Path) -> None:
    for name, content, message in (("e.txt", b"\n \n", "corpus is empty"), ("b.txt", b"a\n\xff\n", "not valid UTF-8")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CorpusError, match=message):
            store_tokens(Corpus.open([tmp_path / name]), framed_tokenizer(), tmp_path / "tokens")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.txt", "e.txt"]


def test_documents_that_the_tokenizer_makes_nothing_of_are_left_out_and_counted(tmp_path: Path) -> None:
    said = list[str]()
    corpus = write_corpus(tmp_path / "a.txt", ["\u200b", "ab"])
    tokenizer = wordpiece()
    from tokenizers import normalizers

    tokenizer.backend_tokenizer.normalizer = normalizers.Replace("\u200b", "")
    store = store_tokens(corpus, tokenizer, tmp_path / "tokens", objective="masked", say=said.append)
    assert (store.documents, store.bytes) == (1, 2)
    assert "1 documents were left out, because the tokenizer makes nothing of them" in said


def test_a_tokenizer_without_a_fast_form_is_a_sentence(tmp_path: Path) -> None:
    class Slow:
        eos_token_id = None

        def __call__(self, text: str, **_options: object) -> dict[str, list[int]]:
            return {"input_ids": [1], "special_tokens_mask": [0]}

    with pytest.raises(TokenizerError, match="no fast form"):
        store_tokens(write_corpus(tmp_path / "a.txt", LINES), Slow(), tmp_path / "tokens")


def test_another_process_is_sent_the_place_not_the_tokens(tmp_path: Path) -> None:
    lines = ["some text of a document"] * 1000
    store = store_tokens(write_corpus(tmp_path / "a.txt", lines), framed_tokenizer(), tmp_path / "tokens")
    assert store.ids[0] == BOS
    sent = pickle.dumps(store)
    assert len(sent) < 1000
    assert documents_of(pickle.loads(sent)) == documents_of(store)


MEASURE = """
import resource, sys
from pathlib import Path
from tests.training.tokens import framed_tokenizer
from vocabx.core.corpus import Corpus
from vocabx.training.sequences import token_store
from vocabx.training.sequences.packing import pack
token_store.CHARACTERS_AT_ONCE = 2**15
for file in map(Path, sys.argv[1:]):
    store = token_store.store_tokens(Corpus.open([file]), framed_tokenizer(), file.with_suffix(".tokens"))
    assert pack(store, 1024, 8, 0).text_read(0, 8).target
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, store.bytes)
"""


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    files = [tmp_path / "small.txt", tmp_path / "large.txt"]
    for file, size in zip(files, (1, 8), strict=True):
        file.write_text("a line of some text for the memory\n" * 20_000 * size)
    run = subprocess.run([sys.executable, "-c", MEASURE, *files], capture_output=True, text=True, check=True)
    (small, few), (large, many) = ([int(number) for number in line.split()] for line in run.stdout.splitlines())
    assert many - few > 4.5e6
    # Its tokens and their sizes would be 8 bytes for each of these.
    assert (large - small) * 1024 < 8 * (many - few) / 4


@pytest.mark.parametrize("name", ["smollm2", "gemma3", "e5", "small-bert"])
def test_real_tokenizers_encode_documents_as_they_do_alone(
    resources: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(resources(name))
    lines = (resources("texts") / "docs.ko.txt").read_text("utf-8").splitlines()
    texts = [line for line in lines if line.strip()][:500]
    corpus, objective = write_corpus(tmp_path / "a.txt", texts), "masked" if name == "small-bert" else "causal"
    store = store_tokens(corpus, tokenizer, tmp_path / "tokens", objective=objective)
    expected = [tokenizer(text)["input_ids"] for text in texts]
    if objective == "masked":
        assert documents_of(store) == [ids[1:] for ids in expected]
    else:
        end = tokenizer.eos_token_id
        assert documents_of(store) == [ids if ids[-1] == end else [*ids, end] for ids in expected]
    assert store.bytes == sum(len(text.encode()) for text in texts)

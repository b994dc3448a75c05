from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vocabx
from tests.data_scripts.small_bert import train_tiny_bert
from tests.source_tree import ROOT
from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError

pytestmark = pytest.mark.torch

TEXT = ROOT / "vocabx" / "demo" / "text"
SWAHILI = (
    *("habari", "za", "asubuhi", "karibu", "nyumbani", "kwetu", "leo"),
    *("tunajifunza", "kiswahili", "pamoja", "na", "marafiki", "wetu", "wapya"),
)


@pytest.fixture
def script() -> Any:
    return import_module("data_scripts.compare_encoders")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny_bert(tmp_path_factory.mktemp("small") / "bert")


def write(file: Path, *lines: str) -> Path:
    file.write_text("\n".join(lines), "utf-8")
    return file


def vocabulary_rows(directory: Path) -> tuple[Any, Any, Any]:
    """Return the tokenizer, the decoder's rows and its bias as a user opens them."""
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    head = AutoModelForMaskedLM.from_pretrained(directory).get_output_embeddings()
    rows, bias = (part.detach().numpy() for part in (head.weight, head.bias))
    return AutoTokenizer.from_pretrained(directory), rows, bias


def test_new_biases_are_means_of_old_biases_as_new_rows_are_of_old_rows(tmp_path: Path, bert: Path) -> None:
    lines = [" ".join(SWAHILI[start:] + SWAHILI[:start]) for start in range(len(SWAHILI))]
    out = tmp_path / "extended"
    vocabx.extend(bert, write(tmp_path / "corpus.txt", *lines * 5), out, size=20, method="constituents")
    old_tokenizer, old_rows, old_bias = vocabulary_rows(bert)
    new_tokenizer, rows, bias = vocabulary_rows(out)
    count = len(old_bias)
    assert rows.shape[0] == bias.shape[0] == count + 20
    np.testing.assert_array_equal(bias[:count], old_bias)
    checked = 0
    for token in range(count, count + 20):
        piece = new_tokenizer.convert_ids_to_tokens(token)
        if piece.startswith("##"):
            continue
        parts = old_tokenizer(piece, add_special_tokens=False)["input_ids"]
        assert len(parts) > 1
        np.testing.assert_allclose(bias[token], old_bias[parts].mean(), rtol=1e-5)
        np.testing.assert_allclose(rows[token], old_rows[parts].mean(axis=0), rtol=1e-4, atol=1e-6)
        checked += 1
    assert checked >= 5
    assert np.ptp(bias[count:]) > 0.1
    assert vocabx.verify(out, base=bert).passed


def test_a_masked_model_is_compared(
    tmp_path: Path, bert: Path, script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = write(tmp_path / "corpus.txt", *(TEXT / "corpus.ko.txt").read_text("utf-8").splitlines())
    command = f"compare_encoders.py {bert} --measure masked --corpus {corpus} --size 1500 --pairs 2"
    command += f" --target {TEXT / 'held-out.ko.txt'} --source {TEXT / 'held-out.en.txt'} --minimum-bytes 50"
    command += f" --methods mean constituents --json {tmp_path / 'result.json'}"
    monkeypatch.setattr("sys.argv", command.split())
    script.main()
    base, mean, constituents = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert [row["method"] for row in (base, mean, constituents)] == ["base", "mean", "constituents"]
    assert mean["failed checks"] == constituents["failed checks"] == []
    # The base spells no Korean; the extended tokenizers do.
    assert base["target unknown bytes"] > 50 > mean["target unknown bytes"]
    assert base["target bits/byte"]["estimate"] > mean["target bits/byte"]["estimate"]
    # New tokens take a part of what each prediction deals out; how much is what their biases say.
    assert 0 < mean["source minus base"]["estimate"] < 0.5
    assert base["source minus base"] is None is base["nats of a new token"]
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.strip().splitlines()[-3:]] == ["base", "mean", "constituents"]


def test_retrieval_is_compared_on_columns(
    tmp_path: Path, bert: Path, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = []
    for name in ("ko", "en"):
        lines = (TEXT / f"held-out.{name}.txt").read_text("utf-8").splitlines()[:12]
        rows = (f"{a}\t{b}\tneutral" for a, b in zip(lines[::2], lines[1::2], strict=True))
        sides.append(write(tmp_path / f"{name}.tsv", "sentence1\tsentence2\tlabel", *rows))
    command = f"compare_encoders.py {bert} --measure retrieval --corpus {TEXT / 'corpus.ko.txt'} --size 1500"
    command += f" --target {sides[0]} --source {sides[1]} --columns sentence1 sentence2 --methods random"
    monkeypatch.setattr("sys.argv", [*command.split(), "--prefix", "query: ", "--json", str(tmp_path / "result.json")])
    script.main()
    base, random = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert random["to_source top 10"] >= random["to_source top 1"]["estimate"]
    gained = random["to_target top 1"]["estimate"] - base["to_target top 1"]["estimate"]
    assert random["to_target top 1 minus base"]["estimate"] == pytest.approx(gained)


def test_a_sentence_of_the_corpus_is_found(tmp_path: Path, script: Any) -> None:
    corpus = Corpus.open([write(tmp_path / "corpus.txt", "moja", "mbili tatu")])
    script.check_unseen(["tatu"], corpus)
    with pytest.raises(InputError, match=r"in the tokenizer's training text.*mbili tatu"):
        script.check_unseen(["tatu", " mbili tatu"], corpus)


def test_a_shortage_of_pairs_is_a_sentence(script: Any) -> None:
    with pytest.raises(InputError, match="1 usable pairs of sentences, fewer than 2"):
        script.choose_pairs(script.Pairs(["moja", "mbili"], ["four", "two"]), 4, 2, 0)


@pytest.mark.slow
def test_the_bias_of_a_trained_head_is_carried_over(tmp_path: Path, resources: Callable[[str], Path]) -> None:
    base, corpus = resources("small-bert"), resources("texts") / "pydocs.ko.txt"
    vocabx.extend(base, corpus, tmp_path / "out", size=3000, method="constituents")
    assert vocabx.verify(tmp_path / "out", base=base).passed
    _, _, old = vocabulary_rows(base)
    _, _, bias = vocabulary_rows(tmp_path / "out")
    np.testing.assert_array_equal(bias[: len(old)], old)
    assert len(bias) == len(old) + 3000
    assert old.min() - 1e-4 <= bias.min() <= bias.max() <= old.max() + 1e-4
    assert np.isfinite(bias).all()

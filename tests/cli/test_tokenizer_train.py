from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from transformers import AutoTokenizer

from tests.checkpoint.models import checksums
from tests.cli.conftest import Place, Run
from tests.extension.bases import CHAT_TEMPLATE
from tests.tokenizer_tools.toys import english, korean
from vocabx.cli import main
from vocabx.tokenizer_tools.read import read_tokenizer
from vocabx.tokenizer_tools.train.families import FAMILIES
from vocabx.tokenizer_tools.train.mixture import Mixture
from vocabx.tokenizer_tools.train.options import TrainingOptions
from vocabx.training_tokenizer import open_mixture, train_tokenizer_only


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    (tmp_path / "ko.txt").write_text("\n".join(korean()), encoding="utf-8")
    (tmp_path / "en.txt").write_text("\n".join(english()), encoding="utf-8")
    return tmp_path


def train(texts: Path, *more: object) -> list[object]:
    return ["tokenizer", "train", "--corpus", texts / "ko.txt", "--out", texts / "new", *more]


def command() -> Any:
    group: Any = main.commands["tokenizer"]
    return group.commands["train"]


def test_the_defaults_are_those_of_the_library() -> None:
    given = command().make_context("train", ["--corpus", "a", "--out", "b"]).params
    for field, value in vars(TrainingOptions()).items():
        assert dict(given[field]) == value if field == "special" else given[field] == value
    assert (given["temperature"], given["seed"]) == (Mixture([]).temperature, Mixture([]).seed)


def test_the_help_names_every_family() -> None:
    text = " ".join(command().get_help(click.Context(command())).split())
    assert [name for name in FAMILIES if name not in text.replace("- ", "-")] == []


def test_a_new_tokenizer_is_written_and_reported(texts: Path, run: Run) -> None:
    ran = run(*train(texts, "--family", "byte-level-bpe", "--size", 900, "--special", "bos=<|start|>", "--json"))
    assert ran.status == 0, ran.err
    result = json.loads(ran.out)
    tokenizer = read_tokenizer(texts / "new")
    assert (result["family"], result["tokens"], len(tokenizer.tokens)) == ("byte-level-bpe", 900, 900)
    assert tokenizer.tokens.pieces[tokenizer.roles["bos"]] == "<|start|>"
    counts = sum(map(len, tokenizer.encode(korean())))
    assert result["tokens per character of the corpus"] == pytest.approx(counts / sum(map(len, korean())))
    assert result["tokens per byte of the corpus"] == pytest.approx(counts / sum(len(x.encode()) for x in korean()))
    assert result["corpora"] == [
        {
            "corpus": "ko",
            "lines": len(korean()),
            "bytes": sum(len(line.encode()) for line in korean()),
            "lines taken": len(korean()),
            "bytes taken": sum(len(line.encode()) for line in korean()),
            "share": 1.0,
        }
    ]
    assert "tokenizer" in ran.err.splitlines()


def test_a_tokenizer_like_a_models_keeps_settings_template_and_size(place: Place, run: Run) -> None:
    before, old = checksums(place.base), read_tokenizer(place.base)
    ran = run("tokenizer", "train", "--corpus", place.corpus, "--like", place.base, "--out", place.out)
    assert ran.status == 0, ran.err
    new = read_tokenizer(place.out)
    assert checksums(place.base) == before
    assert len(new.tokens) == len(old.tokens)
    assert new.roles.keys() == old.roles.keys()
    settings = json.loads((place.out / "tokenizer_config.json").read_text())
    assert "added_tokens_decoder" not in settings
    assert AutoTokenizer.from_pretrained(place.out).chat_template == CHAT_TEMPLATE


def test_a_sentencepiece_family_brings_its_model_file(texts: Path, run: Run) -> None:
    ran = run(*train(texts, "--family", "sentencepiece-bpe", "--size", 1500, "--json"))
    assert ran.status == 0, ran.err
    assert json.loads(ran.out)["lines compared with tokenizer.model"] == len(korean())
    assert (texts / "new" / "tokenizer.model").is_file()


def test_corpora_are_mixed_by_temperature_and_by_weight(texts: Path, run: Run) -> None:
    shares = {}
    cases: dict[str, list[object]] = {
        "plain": ["--corpus", f"en={texts / 'en.txt'}"],
        "warm": ["--corpus", f"en={texts / 'en.txt'}", "--temperature", 5],
    }
    for name, options in cases.items():
        ran = run(*train(texts, *options, "--family", "byte-level-bpe", "--size", 700, "--json", "--force"))
        assert ran.status == 0, ran.err
        shares[name] = {row["corpus"]: row["share"] for row in json.loads(ran.out)["corpora"]}
    assert abs(shares["warm"]["en"] - 0.5) < abs(shares["plain"]["en"] - 0.5)
    arguments = ["tokenizer", "train", "--family", "unigram", "--size", 1500, "--out", texts / "w", "--json"]
    ran = run(*arguments, "--corpus", f"ko:3={texts / 'ko.txt'}", "--corpus", f"en:1={texts / 'en.txt'}")
    assert ran.status == 0, ran.err
    assert json.loads(ran.out)["corpora"][0]["share"] == pytest.approx(0.75, abs=0.05)


def test_labels_paths_and_weights_are_told_apart(texts: Path) -> None:
    odd = texts / "a=b.txt"
    odd.write_text("odd")
    mixture, files = open_mixture([texts / "ko.txt", f"x={texts / 'en.txt'}", odd, f"x={odd}"])
    assert [(part.label, part.weight) for part in mixture.parts] == [("ko", None), ("x", None), ("a=b", None)]
    assert len(files) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--family", "unigrams", "--size", "99"], "There is no tokenizer family called 'unigrams'."),
        (["--size", "99"], "Say what the tokenizer is to be"),
        (["--family", "unigram"], "Say how large the vocabulary is to be (--size)"),
        (["--family", "unigram", "--size", "99"], "A vocabulary of 99 cannot hold the alphabet"),
        (["--family", "wordpiece", "--size", "99000"], "The corpus gives only"),
        (["--family", "unigram", "--size", "99", "--special", "x=y"], "no role of a special token called 'x'"),
        (["--family", "unigram", "--size", "99", "--special", "bos"], "has no text: write it as bos=TEXT"),
        (["--family", "unigram", "--size", "99", "--temperature", "0"], "The temperature must be"),
        (["--family", "unigram", "--size", "99", "--corpus", "a:b=c"], "The weight of the corpus 'a' is no number"),
        (["--family", "unigram", "--size", "99", "--corpus", "nothing.txt"], "There is no corpus file nothing.txt"),
        (["--like", "nowhere"], "nowhere is neither a model directory nor a hub id"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(
    arguments: list[str], message: str, texts: Path, run: Run
) -> None:
    ran = run(*train(texts, *arguments))
    assert ran.status == 1
    errors = [line for line in ran.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert sorted(path.name for path in texts.iterdir()) == ["en.txt", "ko.txt"]


def test_a_tokenizer_that_runs_code_is_refused(texts: Path, run: Run) -> None:
    custom = texts / "custom"
    custom.mkdir()
    settings = {"tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": ["mine.Mine", None]}}
    (custom / "tokenizer_config.json").write_text(json.dumps(settings))
    (custom / "vocab.txt").write_text("a")
    ran = run(*train(texts, "--like", custom))
    assert ran.status == 1
    assert "cannot be opened" in ran.err


def test_only_a_tokenizer_is_replaced_and_only_with_force(texts: Path, run: Run) -> None:
    arguments = train(texts, "--family", "byte-level-bpe", "--size", 700)
    assert run(*arguments).status == 0
    before = checksums(texts / "new")
    assert "exists already" in run(*arguments).err
    assert run(*arguments, "--force").status == 0
    assert checksums(texts / "new") == before
    (texts / "new" / "thesis.doc").touch()
    assert "holds more than a tokenizer" in run(*arguments, "--force").err


def test_the_corpus_is_not_replaced(texts: Path) -> None:
    from vocabx.core.errors import OutputError

    with pytest.raises(OutputError, match="which is in use"):
        train_tokenizer_only(texts / "ko.txt", texts, family="unigram", size=900, force=True)

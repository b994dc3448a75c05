"""Whatever is wrong with the input: one sentence, a status that is not 0, and nothing left behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.checkpoint.models import checksums, save_sharded
from tests.cli.conftest import Place, Ran, Run
from tests.extension.bases import llama_config, llama_tensors, save_tokenizer
from tests.tokenizer_tools.toys import byte_level, unigram, wordpiece

KEPT = len(byte_level().tokens)
SHARD = "model-00001-of-00001.safetensors"
Spoil = Callable[[Place], list[str]]


def assert_one_sentence(ran: Ran, pattern: str, status: int = 1) -> None:
    """The last line of stderr is the only one that is an error, and it says what is wrong."""
    assert ran.status == status, ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err
    *before, last = ran.err.strip().splitlines()
    assert last.startswith("Error: "), ran.err
    assert not [line for line in before if line.startswith("Error")]
    assert re.search(pattern, last), last


def assert_nothing_written(place: Place, run: Run, arguments: list[str], pattern: str) -> None:
    """Run a command that must fail and leave every byte and every name as it was."""
    before, names = checksums(place.root), sorted(place.root.rglob("*"))
    assert_one_sentence(run(*arguments), pattern)
    assert checksums(place.root) == before
    assert sorted(place.root.rglob("*")) == names


def text(content: bytes, name: str = "corpus.txt", *more: str) -> Spoil:
    """Give another corpus."""

    def spoil(place: Place) -> list[str]:
        (place.root / name).write_bytes(content)
        return place.extend(*more, corpus=place.root / name)

    return spoil


def options(*more: object, **changed: object) -> Spoil:
    """Give other options."""
    return lambda place: place.extend(*more, **changed)


def base_file(name: str, content: str | bytes) -> Spoil:
    """Overwrite a file of the base."""

    def spoil(place: Place) -> list[str]:
        (place.base / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return place.extend()

    return spoil


def cut(name: str, size: int) -> Spoil:
    """Keep only the beginning of a file of the base."""

    def spoil(place: Place) -> list[str]:
        (place.base / name).write_bytes((place.base / name).read_bytes()[:size])
        return place.extend()

    return spoil


def without(*names: str) -> Spoil:
    """Remove files of the base."""

    def spoil(place: Place) -> list[str]:
        for name in names:
            (place.base / name).unlink()
        return place.extend()

    return spoil


def config(**changed: Any) -> Spoil:
    """Change config.json."""

    def spoil(place: Place) -> list[str]:
        path = place.base / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changed))
        return place.extend()

    return spoil


def index(weight_map: dict[str, str]) -> Spoil:
    """Make the base a sharded one with this index."""

    def spoil(place: Place) -> list[str]:
        (place.base / "model.safetensors").unlink()
        save_sharded(place.base, {SHARD: llama_tensors(KEPT)}, llama_config(KEPT))
        path = place.base / "model.safetensors.index.json"
        content = json.loads(path.read_text())
        content["weight_map"] |= weight_map
        path.write_text(json.dumps(content))
        return place.extend()

    return spoil


def tokenizer(toy: Any) -> Spoil:
    """Give the base another tokenizer."""

    def spoil(place: Place) -> list[str]:
        save_tokenizer(place.base, toy())
        return place.extend()

    return spoil


def fewer_rows(place: Place) -> list[str]:
    from safetensors.numpy import save_file

    save_file(llama_tensors(KEPT - 1), place.base / "model.safetensors")
    return config(vocab_size=KEPT - 1)(place)


def directory_without_text(place: Place) -> list[str]:
    (place.root / "texts").mkdir()
    return place.extend(corpus=place.root / "texts")


def directory_without_a_model(place: Place) -> list[str]:
    (place.root / "empty").mkdir()
    return place.extend(base=place.root / "empty")


def existing_file(place: Place) -> list[str]:
    place.out.write_text("precious")
    return place.extend()


def existing_directory(place: Place) -> list[str]:
    place.out.mkdir()
    (place.out / "precious").write_text("kept")
    return place.extend()


def corpus_inside_the_output(place: Place) -> list[str]:
    place.out.mkdir()
    place.corpus.rename(place.out / "corpus.txt")
    return place.extend("--force", corpus=place.out)


def pickled(place: Place) -> list[str]:
    (place.base / "model.safetensors").rename(place.base / "pytorch_model.bin")
    return place.extend()


CASES: dict[str, tuple[Spoil, str]] = {
    "no such corpus": (options(corpus="nowhere.txt"), r"There is no corpus file nowhere\.txt\. Check the path"),
    "an empty corpus": (text(b""), r"The corpus is empty: there is no text in .*corpus\.txt"),
    "a blank corpus": (text(b" \n\t\n\xc2\xa0\n"), r"The corpus is empty"),
    "a directory without text": (directory_without_text, r"texts holds no corpus file"),
    "no UTF-8": (text("가\n나\n".encode() + b"abc\xff\n"), r"corpus\.txt is not valid UTF-8 at line 3, byte 3"),
    "UTF-16": (text("가나다".encode("utf-16")), r"not valid UTF-8 at line 1|is not text: line 1 holds a NUL"),
    "a binary file with a text's name": (text(bytes(range(256))), r"is not text: line 1 holds a NUL|not valid UTF-8"),
    "a binary file": (text(bytes(256), "image.png"), r"image\.png is not a corpus file: expected \.txt"),
    "cut compression": (text(b"\x1f\x8b\x08\x00", "corpus.txt.gz"), r"corpus\.txt\.gz cannot be read as \.gz"),
    "no compression": (text(b"plain text", "corpus.txt.zst"), r"cannot be read as \.zst"),
    "no JSON": (text(b"{\n", "corpus.jsonl"), r"corpus\.jsonl, line 1: not JSON"),
    "another field": (text(b'{"body": "x"}\n', "corpus.jsonl"), r"line 1: no text in the field 'text'"),
    "no Parquet": (text(b"PAR1", "corpus.parquet"), r"corpus\.parquet cannot be read as Parquet"),
    "a corpus without a new word": (text(b"the the the\n"), r"The corpus gives 0 new tokens, not 40\. Ask for fewer"),
    "no such sample": (options(sample="nowhere.txt"), r"There is no corpus file nowhere\.txt"),
    "size 0": (options(size=0), r"The number of new tokens must be at least 1, got 0"),
    "a negative size": (options(size=-5), r"at least 1, got -5"),
    "a size that the corpus cannot give": (
        options(size=50_000),
        r"The corpus gives [\d,]+ new tokens, not 50,000\. Ask",
    ),
    "tokens of no length": (
        options("--longest-token", 0),
        r"longest token and the minimum frequency must be at least 1",
    ),
    "no frequency": (options("--minimum-frequency", 0), r"the minimum frequency must be at least 1"),
    "a share above 1": (options("--source-change-limit", 2), r"a share from 0 to 1, got 2\.0"),
    "a share that is no number": (options("--source-change-limit", "nan"), r"a share from 0 to 1, got nan"),
    "a negative seed": (options("--seed", -1), r"seed must not be negative, got -1"),
    "padding to 0": (options("--pad-to-multiple", 0), r"padded to a multiple of at least 1, got 0"),
    "an unknown method": (
        options("--method", "constituants"),
        r"no method called 'constituants'\. Did you mean 'constituents'\?",
    ),
    "an unknown script": (options("--scripts", "Hangull"), r"no script called 'Hangull'\. Did you mean 'Hangul'\?"),
    "no script": (options("--scripts", ""), r"no script called ''"),
    "any and a script": (options("--scripts", "any,Hangul"), r"no script called 'any'"),
    "no such model": (options(base="nowhere"), r"nowhere is neither a model directory nor a hub id"),
    "a file as the model": (lambda place: place.extend(base=place.corpus), r"corpus\.txt is neither a model directory"),
    "a model of the hub without a network": (
        options(base="someone/something"),
        r"someone/something is not complete in the cache .*Download it once",
    ),
    "a directory without a model": (directory_without_a_model, r"is no model directory: it has no config"),
    "no weights": (without("model.safetensors"), r"base holds no weights: neither model\.safetensors nor"),
    "a pickle": (pickled, r"only as pytorch_model\.bin, a pickle, which is not opened"),
    "weights that are cut short": (cut("model.safetensors", 40_000), r"model\.safetensors is cut short"),
    "a header that is cut short": (cut("model.safetensors", 100), r"cut short: its header does not fit into 100 bytes"),
    "empty weights": (cut("model.safetensors", 0), r"model\.safetensors is cut short"),
    "a header that is no JSON": (
        base_file("model.safetensors", (8).to_bytes(8, "little") + b"{broken}"),
        r"header is not JSON",
    ),
    "an index of a missing file": (
        index({"x": "model-9.safetensors"}),
        r"index\.json names model-9\.safetensors, which is not",
    ),
    "an index of a file elsewhere": (index({"x": "../secret.safetensors"}), r"names a file outside its directory"),
    "an index of a missing tensor": (index({"x": SHARD}), r"places tensor x in .*, which does not hold it"),
    "settings that are no JSON": (base_file("config.json", "{"), r"config\.json is not JSON"),
    "settings that are a list": (base_file("config.json", "[]"), r"config\.json must hold one JSON object, not a list"),
    "empty settings": (base_file("config.json", ""), r"config\.json is not JSON"),
    "a quantised model": (config(quantization_config={"bits": 4}), r"is quantised"),
    "an unknown family": (
        config(model_type="strange", vocab_size=7),
        r"embedding of model type 'strange' cannot be found",
    ),
    "rows that are not the settings'": (
        config(vocab_size=999),
        r"has shape .* but the vocabulary has 999 rows by config",
    ),
    "fewer rows than tokens": (fewer_rows, rf"ids up to {KEPT - 1} but the embedding matrix has shape .{KEPT - 1}, 16"),
    "no tokenizer": (without("tokenizer.json", "tokenizer_config.json"), r"base holds no tokenizer"),
    "a tokenizer that is cut short": (cut("tokenizer.json", 500), r"tokenizer in .*base cannot be opened"),
    "an empty tokenizer": (base_file("tokenizer.json", ""), r"tokenizer in .*base cannot be opened"),
    "an empty object as the tokenizer": (base_file("tokenizer.json", "{}"), r"tokenizer in .*base cannot be opened"),
    "tokenizer settings that are no JSON": (
        base_file("tokenizer_config.json", "{"),
        r"tokenizer in .*base cannot be opened",
    ),
    "a Unigram tokenizer": (tokenizer(unigram), r"The tokenizer has ids|The base has a Unigram tokenizer"),
    "fewer tokens than characters": (tokenizer(wordpiece), r"The alphabet alone takes .* tokens, .*; 40 were asked"),
    "an output that is a file": (
        existing_file,
        r"out exists already\. Choose another place, or replace it with --force",
    ),
    "an output that exists": (existing_directory, r"out exists already\. Choose another place, or replace it"),
    "an output inside the base": (
        lambda place: place.extend(out=place.base / "out"),
        r"overlaps .*base, which is read",
    ),
    "the base as the output": (
        lambda place: place.extend("--force", out=place.base),
        r"overlaps .*base, which is read",
    ),
    "the corpus as the output": (lambda place: place.extend("--force", out=place.corpus), r"is or holds .*corpus\.txt"),
    "an output around the corpus": (corpus_inside_the_output, r"is or holds .*corpus\.txt, which is in use"),
    "an output below a file": (lambda place: place.extend(out=place.corpus / "out"), r"A part of the path is a file"),
    "an output with a long name": (lambda place: place.extend(out=place.root / ("x" * 300)), r"The name is too long"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_in_one_sentence_and_nothing_is_written(case: str, place: Place, run: Run) -> None:
    spoil, pattern = CASES[case]
    assert_nothing_written(place, run, spoil(place), pattern)


@pytest.mark.parametrize(
    "case", ["no such corpus", "a blank corpus", "no UTF-8", "size 0", "an unknown script", "no tokenizer"]
)
def test_a_dry_run_says_the_same(case: str, place: Place, run: Run) -> None:
    spoil, pattern = CASES[case]
    assert_nothing_written(place, run, [*spoil(place), "--dry-run"], pattern)


@pytest.mark.parametrize(
    "case",
    [
        "no such corpus",
        "an empty corpus",
        "no UTF-8",
        "a size that the corpus cannot give",
        "an output that exists",
        "no tokenizer",
    ],
)
def test_extending_a_tokenizer_alone_says_the_same(case: str, place: Place, run: Run) -> None:
    spoil, pattern = CASES[case]
    assert_nothing_written(place, run, ["tokenizer", *spoil(place)], pattern)


def test_a_blank_source_sample_is_no_sample(place: Place, run: Run) -> None:
    place.sample.write_text("\n \n")
    assert_nothing_written(place, run, place.extend(), r"The corpus is empty: there is no text in .*sample\.txt")


def test_the_current_directory_is_not_replaced(place: Place, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty name, as of a variable that is not set, is the current directory."""
    current = place.root / "outer" / "current"
    current.mkdir(parents=True)
    monkeypatch.chdir(current)
    for out in ("", ".", current, current.parent):
        pattern = r"is or holds .*current, which is in use\. Choose another place"
        assert_nothing_written(place, run, place.extend("--force", out=out), pattern)


@pytest.mark.parametrize("command", ["extend", "tokenizer", "verify"])
def test_a_current_directory_that_was_removed_is_a_sentence(
    command: str, place: Place, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"extend": place.extend(), "tokenizer": ["tokenizer", *place.extend()], "verify": ["verify", "out"]}
    gone = place.root / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert_nothing_written(place, run, arguments[command], r"The current directory is not there any more")


@pytest.mark.parametrize("kind", [existing_file, existing_directory])
def test_force_does_not_replace_what_others_made(kind: Spoil, place: Place, run: Run) -> None:
    assert_nothing_written(place, run, [*kind(place), "--force"], r"was not written by vocabx and is not replaced")


def test_force_replaces_an_earlier_output_and_an_empty_directory(place: Place, run: Run) -> None:
    place.out.mkdir()
    assert run(*place.extend("--force")).status == 0
    (place.out / "note").write_text("made later")
    ran = run(*place.extend("--force"))
    assert ran.status == 0, ran.err
    assert (place.out / "model.safetensors").is_file()
    assert not (place.out / "note").exists()
    assert sorted(path.name for path in place.root.iterdir()) == ["base", "corpus.txt", "out", "sample.txt"]


def test_force_keeps_what_is_there_when_the_extension_fails(place: Place, run: Run) -> None:
    assert run(*place.extend()).status == 0
    arguments = place.extend("--force")
    arguments[arguments.index("--size") + 1] = "50000"
    assert_nothing_written(place, run, arguments, "The corpus gives")


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (["--size", "many"], "'many' is not a valid integer"),
        (["--sise", "3"], "No such option '?--sise'?.*--size"),
        (["--longest-token", "x"], "'x' is not a valid integer"),
    ],
)
def test_a_mistake_in_the_options_is_a_usage_error(arguments: list[str], pattern: str, place: Place, run: Run) -> None:
    ran = run(*place.extend(*arguments))
    assert ran.status == 2
    assert re.search(pattern, ran.err)


@pytest.mark.parametrize(
    ("command", "pattern"),
    [
        (["explain", "{base}", "x"], r"base has no vocabx\.json: vocabx did not write it"),
        (["explain", "{root}/nowhere", "x"], r"There is no directory .*nowhere"),
        (["verify", "{base}"], r"base has no vocabx\.json"),
        (["tokenizer", "audit", "{base}", "--text", "{root}/nowhere.txt"], "There is no corpus file"),
        (["tokenizer", "audit", "{base}", "--text", "ko={root}/nowhere.txt"], "There is no corpus file"),
        (["tokenizer", "audit", "{root}/nowhere", "--text", "{corpus}"], "neither a model directory nor a hub id"),
        (["tokenizer", "audit", "{root}", "--text", "{corpus}"], "holds no tokenizer"),
    ],
)
def test_other_commands_say_what_is_wrong_in_one_sentence(
    command: list[str], pattern: str, place: Place, run: Run
) -> None:
    places = {"base": place.base, "root": place.root, "corpus": place.corpus}
    assert_one_sentence(run(*(part.format(**places) for part in command)), pattern)


def test_explaining_after_a_file_went_missing_says_which(place: Place, run: Run) -> None:
    run(*place.extend())
    (place.out / "vocabx-rows.npz").unlink()
    assert_one_sentence(run("explain", place.out, KEPT), r"vocabx-rows\.npz is not an alignment that vocabx wrote")

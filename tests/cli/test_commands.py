from __future__ import annotations

import dataclasses
import json
import shutil
from typing import Any

import click
import pytest

import vocabx
from tests.checkpoint.models import checksums
from tests.cli.conftest import Place, Run
from tests.extension.bases import WIDTH
from tests.tokenizer_tools.toys import byte_level
from vocabx.cli import main
from vocabx.cli.options import read_settings
from vocabx.factorization import Factorization
from vocabx.initializers.table import DEFAULT_METHOD, INITIALIZERS
from vocabx.manifest import Manifest
from vocabx.request import Request
from vocabx.tokenizer_tools.extend.options import ExtensionOptions

KEPT, SIZE = len(byte_level().tokens), 40


FACTORIZATION = {"factorize", "factorize_form", "balanced"}
HUB = {"revision", "token", "cache_dir", "offline"}
PUBLISHING = {"languages", "push_to_hub", "private"}
SETTINGS = {field.name for field in dataclasses.fields(Request)}


def parsed(*path: str) -> dict[str, Any]:
    """Return what a command gets when it is given only what it must be given."""
    command: Any = main
    for name in path:
        command = command.commands[name]
    arguments = ["base", "--corpus", "corpus", "--size", "1", "--out", "out"]
    return dict(command.make_context("vocabx", arguments).params)


@pytest.mark.parametrize("path", [("extend",), ("tokenizer", "extend")], ids=" ".join)
def test_the_defaults_are_those_of_the_library(path: tuple[str, ...]) -> None:
    given: dict[str, Any] = {name: value for name, value in parsed(*path).items() if name in SETTINGS | FACTORIZATION}
    assert given.keys() >= {field.name for field in dataclasses.fields(ExtensionOptions)}
    corpus, size = given.pop("corpus"), given.pop("size")
    assert Request(corpus, size, **read_settings(given)) == Request(("corpus",), 1)


def test_every_setting_of_the_library_is_an_option_and_the_rest_is_where_and_how() -> None:
    others = {"model", "out", "dry_run", "force", "as_json"} | FACTORIZATION | HUB | PUBLISHING
    assert parsed("extend").keys() - SETTINGS == others
    assert parsed("extend").keys() >= SETTINGS - {"factorization", "hub"}


def test_what_is_said_of_rows_reaches_the_library() -> None:
    more = ["--method", "wechsel", "--method-option", "neighbours=5", "--method-option", "how=incidence"]
    more += ["--method-option", "identical=yes", "--parallel", "en", "ko", "--factorize", "7", "--balanced"]
    given = dict(main.commands["extend"].make_context("vocabx", ["base", "--corpus", "c", "--size", "1", *more]).params)
    settings = read_settings(given)
    assert settings["method_options"] == {"neighbours": 5, "how": "incidence", "identical": True}
    assert settings["parallel"] == ("en", "ko")
    assert settings["factorization"] == Factorization(7, "folded", True)


def test_an_option_of_a_method_that_has_no_value_is_a_usage_error(place: Place, run: Run) -> None:
    ran = run(*place.extend(), "--method-option", "neighbours")
    assert ran.status == 2
    assert "'neighbours' is not NAME=VALUE" in ran.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--method", "wechsel"], "The method wechsel needs source words: give --source-vectors or --source-corpus."),
        (["--method", "clp"], "The method clp needs donor model: give --donor."),
        (["--method", "ramen", "--parallel", "nowhere.en", "nowhere.ko"], "There is no file nowhere.en."),
        (["--method-option", "neighbours=5"], "There is no option called 'neighbours'."),
        (["--method", "omp", "--method-option", "atoms=few"], "The option atoms is a whole number, got 'few'."),
    ],
)
def test_what_a_method_lacks_is_said_before_any_work(more: list[str], message: str, place: Place, run: Run) -> None:
    ran = run(*place.extend(), *more)
    assert ran.status == 1
    assert f"Error: {message}" in ran.err
    assert not place.out.exists()


@pytest.mark.parametrize("more", [["--factorize-form", "model"], ["--factorize-form", "folded"], ["--balanced"]])
def test_how_to_factorise_is_said_only_with_a_rank(more: list[str], place: Place, run: Run) -> None:
    ran = run(*place.extend(), *more)
    assert ran.status == 2
    assert "--factorize-form and --balanced say how to factorise: give --factorize K with them." in ran.err


def test_a_rank_that_cannot_be_is_refused_before_a_token_is_learned(place: Place, run: Run) -> None:
    ran = run(*place.extend(), "--factorize", "1000")
    assert ran.status == 1
    assert f"An embedding of {WIDTH} dimensions has factors of rank 1 to {WIDTH}, not 1000. Choose a number" in ran.err
    assert "with --factorize." in ran.err
    assert "tokenizer" not in ran.err
    assert not place.out.exists()


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_the_report_of_a_factorised_model_says_that_all_rows_changed(dry: list[str], place: Place, run: Run) -> None:
    ran = run(*place.extend(), "--factorize", "4", "--factorize-form", "model", "--json", *dry)
    assert ran.status == 0, ran.err
    report = json.loads(ran.out)
    assert report["factorized"].endswith("open it with from_pretrained(DIR, trust_remote_code=True)")
    assert report["loss of an old token rises by at most (nats)"] is None
    [first, *_] = [text for row in report["warnings"] for text in row.values()]
    assert first.startswith("All rows changed, old ones too: two factors of rank 4 keep ")
    if not dry:
        assert Manifest.load(place.out).diagnostics["warnings"][0] == first


def test_the_default_method_is_the_tables() -> None:
    assert parsed("extend")["method"] == DEFAULT_METHOD


def test_the_version_is_printed(run: Run) -> None:
    ran = run("--version")
    assert (ran.status, ran.out) == (0, f"vocabx, version {vocabx.__version__}\n")


def test_extend_writes_the_model_and_prints_the_result_on_stdout_and_progress_on_stderr(place: Place, run: Run) -> None:
    before = checksums(place.base)
    ran = run(*place.extend())
    assert ran.status == 0
    assert checksums(place.base) == before
    assert Manifest.load(place.out).plan.tokens == KEPT + SIZE
    facts = dict(line.split("  ", 1) for line in ran.out.splitlines() if "  " in line)
    assert facts["base"].strip() == "base"
    assert facts["new tokens"].strip() == str(SIZE)
    assert facts["scripts learned"].strip() == "Hangul"
    assert facts["rows after"].strip() == str(KEPT + SIZE)
    assert [line for line in ran.err.splitlines() if line in ("tokenizer", "checkpoint", "reopening")] == [
        "tokenizer",
        "checkpoint",
        "reopening",
    ]
    assert not set(ran.err.splitlines()) & set(ran.out.splitlines())


def test_extend_passes_every_option_on(place: Place, run: Run) -> None:
    options = ["--minimum-frequency", 7, "--longest-token", 4, "--scripts", "Hangul, Han", "--source-change-limit", 0.5]
    options += ["--exclude", "[a-z]", "--no-digits", "--no-punctuation", "--reuse-reserved"]
    options += ["--control-token", "<|listen|>"]
    options += ["--no-compose", "--method", "eeve", "--seed", 9, "--pad-to-multiple", 64]
    assert run(*place.extend(*options)).status == 0
    manifest = Manifest.load(place.out)
    assert manifest.tokenizer["options"] == {
        "size": SIZE,
        "minimum_frequency": 7,
        "longest": 4,
        "scripts": ["Hangul", "Han"],
        "source_change_limit": 0.5,
        "compose": False,
        "exclude": "[a-z]",
        "digits": False,
        "punctuation": False,
        "reuse_reserved": True,
        "control_tokens": ["<|listen|>"],
    }
    assert (manifest.method, manifest.seed, manifest.plan.rows_after) == ("eeve", 9, 768)
    assert max(len(token.text) for token in manifest.new_tokens if token.witness and token.piece[0] != "<") <= 4


def test_extend_reads_several_corpora_and_another_field(place: Place, run: Run) -> None:
    lines = place.corpus.read_text().splitlines()
    (place.root / "more.jsonl").write_text("".join(json.dumps({"body": line}) + "\n" for line in lines[:200]))
    place.corpus.write_text("\n".join(lines[200:]))
    ran = run(*place.extend("--corpus", place.root / "more.jsonl", "--text-field", "body"))
    assert ran.status == 0
    assert Manifest.load(place.out).corpus["files"] == ["corpus.txt", "more.jsonl"]


def test_extend_prints_json(place: Place, run: Run) -> None:
    ran = run(*place.extend("--json"))
    result = json.loads(ran.out)
    assert (ran.status, result["new tokens"], result["tokens before"]) == (0, SIZE, KEPT)
    assert [row["stage"] for row in result["stages"]][-1] == "reopening"


def test_a_dry_run_writes_nothing_and_needs_no_place_to_write(place: Place, run: Run) -> None:
    before = checksums(place.root)
    arguments = place.extend("--dry-run", "--json")
    del arguments[arguments.index("--out") :][:2]
    at = arguments.index("--out")
    without = arguments[:at] + arguments[at + 2 :]
    for given in (arguments, without):
        ran = run(*given)
        assert (ran.status, json.loads(ran.out)["rows after"]) == (0, KEPT + SIZE)
        assert checksums(place.root) == before


def test_extending_without_a_place_to_write_is_a_mistake(place: Place, run: Run) -> None:
    ran = run("extend", place.base, "--corpus", place.corpus, "--size", SIZE)
    assert ran.status == 2
    assert "Name the directory to write with --out, or use --dry-run." in ran.err


def test_tokenizer_extend_writes_a_tokenizer_alone(place: Place, run: Run) -> None:
    (place.base / "model.safetensors").unlink()
    (place.base / "config.json").unlink()
    ran = run("tokenizer", *place.extend("--json"))
    assert (ran.status, json.loads(ran.out)["new tokens"]) == (0, SIZE)
    written = {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "vocabx.json"}
    assert checksums(place.out).keys() <= written
    assert Manifest.load(place.out).command == "tokenizer extend"


def test_tokenizer_audit_compares_tokenizers_on_labelled_texts(place: Place, run: Run) -> None:
    run(*place.extend())
    ran = run("tokenizer", "audit", place.base, place.out, "--text", f"ko={place.corpus}", "--text", place.sample)
    assert (ran.status, ran.err) == (0, "")
    for name in ("base", "out", "ko", "sample"):
        assert name in ran.out
    ran = run("tokenizer", "audit", place.base, place.out, "--text", f"ko={place.corpus}", "--json")
    assert json.loads(ran.out)


def test_two_tokenizers_of_one_name_are_told_apart_by_their_paths(place: Place, run: Run) -> None:
    shutil.copytree(place.base, place.root / "other" / "base")
    ran = run("tokenizer", "audit", place.base, place.root / "other" / "base", "--text", place.sample)
    assert ran.status == 0
    assert str(place.root / "other" / "base") in ran.out


def test_explain_finds_a_token_by_its_text_its_piece_and_its_id(place: Place, run: Run) -> None:
    run(*place.extend())
    token = next(t for t in Manifest.load(place.out).new_tokens if t.text.startswith("␣") and t.witness)
    printed = [
        run("explain", place.out, name) for name in (token.text, token.text.replace("␣", " "), token.piece, token.id)
    ]
    assert [ran.status for ran in printed] == [0] * 4
    assert len({ran.out for ran in printed}) == 1
    for part in (
        token.text,
        str(token.id),
        "witness",
        "aligned",
        "row: weights of source tokens",
        "nearest source rows",
    ):
        assert part in printed[0].out


def test_explain_says_that_a_row_was_trained_since_it_was_made(place: Place, run: Run) -> None:
    run(*place.extend())
    before = run("explain", place.out, KEPT).out
    runs: list[dict[str, Any]] = [{"distilled": 3}, {"recipe": {"name": "redwhale"}}]
    dataclasses.replace(Manifest.load(place.out), training=runs).save(place.out)
    after = run("explain", place.out, KEPT).out
    assert "trained since" not in before
    assert "by distillation, the recipe redwhale" in after
    assert "row before training: weights of source tokens" in after


def test_explain_prints_json_for_several_tokens(place: Place, run: Run) -> None:
    run(*place.extend("--method", "constituents-position"))
    results = json.loads(run("explain", place.out, KEPT, KEPT + 1, "--json").out)
    assert [result["id"] for result in results] == [str(KEPT), str(KEPT + 1)]
    for matrix in ("row", "head row"):
        rows = results[0][f"{matrix}: weights of source tokens"]
        assert sum(row["weight"] for row in rows) == pytest.approx(1)


def test_explain_says_why_a_part_of_a_character_is_there(place: Place, run: Run) -> None:
    run(*place.extend())
    token = next(token for token in Manifest.load(place.out).new_tokens if token.needed_by is not None)
    assert "needed by" in run("explain", place.out, token.id).out


@pytest.mark.parametrize("method", ["univariate", "mean"])
def test_explain_serves_methods_without_weights_of_their_own(method: str, place: Place, run: Run) -> None:
    run(*place.extend("--method", method))
    ran = run("explain", place.out, KEPT)
    assert ran.status == 0
    assert ("mean of the usable rows" in ran.out) == (method == "mean")


def test_explain_serves_a_tokenizer_alone(place: Place, run: Run) -> None:
    run("tokenizer", *place.extend())
    assert run("explain", place.out, KEPT).status == 0


@pytest.mark.parametrize("name", ["the", "한국의 아침", ""])
def test_explaining_what_is_no_new_token_says_how_it_is_segmented(name: str, place: Place, run: Run) -> None:
    run(*place.extend())
    ran = run("explain", place.out, name)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith(f"Error: {name!r} is not a new token of ")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("name", ["0", "999999"])
def test_explaining_an_id_that_is_not_new_says_which_are(name: str, place: Place, run: Run) -> None:
    run(*place.extend())
    ran = run("explain", place.out, name)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == f"Error: {name} is no new id of {place.out}; those are {KEPT} to {KEPT + 39}.\n"


def test_methods_lists_the_table(run: Run) -> None:
    ran = run("methods")
    assert ran.status == 0
    assert [line.split()[0] for line in ran.out.splitlines()[3:]] == list(INITIALIZERS)
    listed = json.loads(run("methods", "--json").out)["methods"]
    assert [row["name"] for row in listed] == list(INITIALIZERS)


@pytest.mark.torch
def test_verify_proves_what_extend_wrote_and_fails_on_what_was_changed(place: Place, run: Run) -> None:
    run(*place.extend())
    arguments = ("verify", place.out, "--base", place.base, "--corpus", place.sample)
    ran = run(*arguments)
    assert ran.status == 0, ran.out
    content = bytearray((place.out / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (place.out / "model.safetensors").write_bytes(content)
    ran = run(*arguments, "--json")
    assert ran.status == 1
    assert json.loads(ran.out)


def test_a_command_without_help_or_summary_does_not_exist() -> None:
    def commands(group: Any) -> list[Any]:
        return [
            c
            for child in group.commands.values()
            for c in ([child] if not hasattr(child, "commands") else commands(child))
        ]

    for command in commands(main):
        assert command.get_short_help_str(), command.name
        assert [o.name for o in command.params if isinstance(o, click.Option) and not o.help] == []

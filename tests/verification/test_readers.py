"""What engines find beside the weights is the tokenizer's own, or is found out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from tests.tokenizer_tools.toys import metaspace
from tests.verification.damages import Damage, in_json, setting
from tests.verification.models import ENGLISH, damaged, write_json
from vocabx.manifest import Manifest
from vocabx.tokenizer_tools.sentencepiece_model import build_model
from vocabx.verification import Status
from vocabx.verification.finding import Outcome
from vocabx.verification.readers import check_readers
from vocabx.verification.subject import Subject

WEIGHTS = "model.safetensors"


def run(directory: Path, base: Path | None) -> Outcome:
    return check_readers(Subject(directory, Manifest.load(directory), base, ENGLISH))


def metadata(value: dict[str, str] | None) -> Damage:
    return lambda directory: save_file(load_file(directory / WEIGHTS), directory / WEIGHTS, metadata=value)


def hole(directory: Path) -> None:
    in_json("tokenizer.json", lambda data: data["model"]["vocab"].update({max(data["model"]["vocab"]): 1000}))(
        directory
    )


def stale_pieces(directory: Path) -> None:
    (directory / "vocab.txt").write_text("a\nb\n", encoding="utf-8")


CASES = {
    "hole": (hole, "ids below the last have no token"),
    "merges": (lambda d: (d / "merges.txt").write_text("#version: 0.2\nt h\n"), "merges.txt has 1 merges, which are"),
    "vocabulary": (lambda d: write_json(d / "vocab.json", {"a": 0}), "vocab.json has 1 pieces, which are not the"),
    "word pieces": (stale_pieces, "vocab.txt has 2 pieces, which are not the"),
    "renumbered": (lambda d: (d / "sentencepiece.bpe.model").write_bytes(b""), "sentencepiece.bpe.model is there"),
    "no model": (lambda d: (d / "tokenizer.model").write_bytes(b"?"), "tokenizer.model cannot be read"),
    "no pieces": (lambda d: (d / "spiece.model").write_bytes(b""), "spiece.model has 0 pieces; of the tokenizer's"),
    "no framework": (metadata(None), "the metadata of model.safetensors gives None as format, and must give 'pt'"),
    "another framework": (metadata({"format": "np"}), "the metadata of model.safetensors gives 'np' as format"),
    "type": (setting("config.json", "dtype", "bfloat16"), "config.json gives bfloat16 as dtype, and the embedding is"),
}


@pytest.mark.parametrize(("damage", "sentence"), CASES.values(), ids=CASES)
def test_what_an_engine_would_stumble_on_is_found(
    damage: Damage, sentence: str, untied: Path, untied_base: Path, tmp_path: Path
) -> None:
    outcome = run(damaged(untied, tmp_path / "out", damage), untied_base)
    assert outcome.status is Status.FAIL
    assert len(outcome.details) == 1
    assert sentence in outcome.details[0]


@pytest.mark.parametrize("name", ["hole", "no framework", "another framework", "type"])
def test_what_the_base_had_is_its_own_matter(name: str, untied: Path, untied_base: Path, tmp_path: Path) -> None:
    damage, _ = CASES[name]
    base, out = damaged(untied_base, tmp_path / "base", damage), damaged(untied, tmp_path / "out", damage)
    assert run(out, base).status is Status.PASS


def test_copies_that_say_the_same_are_welcome(untied: Path, untied_base: Path, tmp_path: Path) -> None:
    out = damaged(untied, tmp_path / "out")
    model = json.loads((out / "tokenizer.json").read_text("utf-8"))["model"]
    write_json(out / "vocab.json", model["vocab"])
    (out / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in model["merges"]), "utf-8")
    outcome = run(out, untied_base)
    assert (outcome.status, outcome.details) == (Status.PASS, ())
    assert outcome.evidence.endswith("vocab.json, merges.txt")


def test_a_sentencepiece_model_without_the_last_token_is_stale(untied: Path, tmp_path: Path) -> None:
    segmenter = metaspace()
    whole = build_model(segmenter)
    subject = Subject(damaged(untied, tmp_path / "out"), Manifest.load(untied), None, ENGLISH)
    subject.__dict__["segmenter"] = segmenter
    (subject.directory / "tokenizer.model").write_bytes(whole)
    assert check_readers(subject).status is Status.PASS

    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]  # the module makes it when imported
    model.ParseFromString(whole)
    del model.pieces[-1]
    (subject.directory / "tokenizer.model").write_bytes(model.SerializeToString())
    (detail,) = check_readers(subject).details
    assert detail.endswith("1 are not there")

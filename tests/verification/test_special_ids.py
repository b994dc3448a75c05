"""Files that name special tokens are held against the tokenizer, one by one, and against what the base said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.verification.damages import Damage, in_json, setting
from tests.verification.models import ENGLISH, damaged, write_json
from vocabx.manifest import Manifest
from vocabx.verification import Status
from vocabx.verification.finding import Outcome
from vocabx.verification.special_ids import check_special_ids
from vocabx.verification.subject import Subject

CONFIG, GENERATION, SETTINGS = "config.json", "generation_config.json", "tokenizer_config.json"


def run(directory: Path, base: Path) -> Outcome:
    return check_special_ids(Subject(directory, Manifest.load(directory), base, ENGLISH))


def write(name: str, data: dict[str, Any]) -> Damage:
    return lambda directory: write_json(directory / name, data)


def template(text: str) -> Damage:
    return lambda directory: (directory / "chat_template.jinja").write_text(text, encoding="utf-8")


def around(processor: dict[str, Any]) -> Damage:
    return setting("tokenizer.json", "post_processor", processor)


END = {"SpecialToken": {"id": "<|end|>", "type_id": 0}}
TEXT = {"Sequence": {"id": "A", "type_id": 0}}
ENDING = {"<|end|>": {"id": "<|end|>", "ids": [2], "tokens": ["<|end|>"]}}
AROUND = {"type": "TemplateProcessing", "single": [TEXT, END], "pair": [TEXT, END], "special_tokens": ENDING}

CASES = {
    "configuration": (
        setting(CONFIG, "eos_token_id", 3),
        "config.json gives eos as 3 '<|spare|>', and the tokenizer 0",
    ),
    "generation": (setting(GENERATION, "eos_token_id", [3, 2]), "generation_config.json gives eos as 3 '<|spare|>', 2"),
    "special tokens map": (
        write("special_tokens_map.json", {"unk_token": {"content": "<|spare|>"}}),
        "tokenizer_config.json names '<|end|>', id 0, as unk, and the tokenizer 3",  # which follows the map
    ),
    "added tokens of the settings": (
        in_json(SETTINGS, lambda data: data.update(added_tokens_decoder={"2": {"content": "<|spare|>"}})),
        "tokenizer_config.json gives the added token '<|spare|>' the id 2, and it is 3",
    ),
    "added tokens beside it": (
        write("added_tokens.json", {"<|spare|>": 1}),
        "added_tokens.json gives the added token '<|spare|>' the id 1, and it is 3",
    ),
    "around a text": (around(AROUND), "tokenizer.json puts id 2 around a text for '<|end|>', which is 0"),
    "around a text, in a row": (
        around({"type": "Sequence", "processors": [AROUND]}),
        "tokenizer.json puts id 2 around a text for '<|end|>', which is 0",
    ),
    "around a text, as in BERT": (
        around({"type": "BertProcessing", "sep": ["<|end|>", 2], "cls": ["<|end|>", 0]}),
        "tokenizer.json puts id 2 around a text for '<|end|>', which is 0",
    ),
    "mark": (template("<|system|>{{ messages[0]['content'] }}"), "the chat template writes '<|system|>', which is no"),
    "end of an answer": (
        template("{% for message in messages %}{{ message['content'] }}<|spare|>{% endfor %}"),
        "the chat template closes an answer with 3 '<|spare|>', and generation stops at 0 '<|end|>'",
    ),
}


@pytest.mark.parametrize(("damage", "sentence"), CASES.values(), ids=CASES)
def test_a_disagreement_that_is_ours_fails_and_one_that_was_there_is_told(
    damage: Damage, sentence: str, untied: Path, untied_base: Path, tmp_path: Path
) -> None:
    out = damaged(untied, tmp_path / "out", damage)
    outcome = run(out, untied_base)
    assert outcome.status is Status.FAIL
    assert any(detail.startswith(sentence) for detail in outcome.details), outcome.details
    told = run(out, damaged(untied_base, tmp_path / "base", damage))
    assert told.status is Status.PASS
    assert f"that the base has too: {sentence}" in told.evidence


def test_settings_disagree_on_a_role_that_the_tokenizer_lacks(untied: Path, untied_base: Path, tmp_path: Path) -> None:
    without = in_json(SETTINGS, lambda data: data.pop("bos_token"))
    out = damaged(
        untied, tmp_path / "out", without, setting(CONFIG, "bos_token_id", 1), setting(GENERATION, "bos_token_id", 2)
    )
    outcome = run(out, damaged(untied_base, tmp_path / "base", without))
    assert outcome.details == ("generation_config.json gives bos as 2 '<|assistant|>', and config.json 1 '<|user|>'",)


def test_another_disagreement_than_the_bases_is_ours(untied: Path, untied_base: Path, tmp_path: Path) -> None:
    base = damaged(untied_base, tmp_path / "base", setting(GENERATION, "eos_token_id", 2))
    outcome = run(damaged(untied, tmp_path / "out", setting(GENERATION, "eos_token_id", 3)), base)
    assert outcome.status is Status.FAIL


@pytest.mark.parametrize("name", ["untied", "tied", "replaced", "trimmed"])
def test_what_vocabx_writes_agrees(name: str, request: pytest.FixtureRequest) -> None:
    base = request.getfixturevalue("tied_base" if name == "tied" else "untied_base")
    outcome = run(request.getfixturevalue(name), base)
    assert (outcome.status, outcome.details) == (Status.PASS, ())
    assert outcome.evidence.startswith("0 disagreements")

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import vocabx
from tests.checkpoint.models import checksums, load_model
from tests.extension.bases import CHAT_TEMPLATE, HEAD, INPUT, NORM, save_base, save_tokenizer, transformers_model
from tests.tokenizer_tools.toys import TOYS, byte_level, english, llama3_like
from vocabx.core.errors import CorpusError, InputError, OutputError
from vocabx.manifest import COPIED, Manifest
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import read_tokenizer
from vocabx.trimming import ID_MAP, Trimming, TrimRequest, plan_trimming

LINES = english()[:20]


def write_text(directory: Path) -> Path:
    (directory / "kept.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return directory / "kept.txt"


def trim(directory: Path, base: Path | None = None, **options: Any) -> Trimming:
    """Trim the toy base to a few lines within a directory."""
    base = base or save_base(directory / "base")
    return vocabx.trim(base, write_text(directory), directory / "out", **options)


@pytest.mark.parametrize("shards", [False, True], ids=["one file", "shards"])
@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("toy", TOYS.values(), ids=TOYS)
def test_the_text_keeps_its_ids_by_the_map_and_every_id_its_row(
    toy: Any, dtype: Any, shards: bool, tmp_path: Path
) -> None:
    base = save_base(tmp_path / "base", dtype=dtype, shards=shards, padding=len(TOYS["Unigram"]().tokens))
    save_tokenizer(base, toy())
    plan = trim(tmp_path, base).plan
    assert plan.tokens < plan.tokens_before
    assert (plan.new, plan.rows_after) == (0, plan.tokens)
    before, after = load_model(base), load_model(tmp_path / "out")
    for name in (INPUT, HEAD):
        assert after[name].tobytes() == before[name][plan.origins].tobytes()
    assert after[NORM].tobytes() == before[NORM].tobytes()
    lines = list(LINES)
    ours, theirs = read_tokenizer(tmp_path / "out").encode(lines), toy().encode(lines)
    assert [plan.origins[ids].tolist() for ids in ours] == theirs


@pytest.mark.torch
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_the_model_computes_what_the_base_computes(tied: bool, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    base = save_base(tmp_path / "base", tied=tied)
    plan = trim(tmp_path, base, pad_to_multiple=64).plan
    old, new = (AutoModelForCausalLM.from_pretrained(directory) for directory in (base, tmp_path / "out"))
    ids = torch.tensor(read_tokenizer(tmp_path / "out").encode([LINES[0]]))[:, :40]
    origins = torch.tensor(plan.origins)
    with torch.no_grad():
        ours, theirs = (model(tokens, output_hidden_states=True) for model, tokens in ((new, ids), (old, origins[ids])))
    assert torch.equal(ours.hidden_states[-1], theirs.hidden_states[-1])
    torch.testing.assert_close(ours.logits[..., : plan.tokens], theirs.logits[..., origins], atol=1e-4, rtol=0)
    result = vocabx.verify(tmp_path / "out", base, LINES)
    assert result.strict_passed, str(result)


@pytest.mark.torch
def test_a_trimmed_model_generates_and_never_padding(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    plan = trim(tmp_path, pad_to_multiple=256).plan
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    inputs = tokenizer(LINES[0][:20], return_tensors="pt")
    made = model.generate(**inputs, do_sample=True, max_new_tokens=20)
    assert int(made.max()) < plan.tokens < plan.rows_after == model.config.vocab_size


def test_settings_name_the_new_ids_and_keep_what_they_name(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    rare = byte_level().tokens.pieces.index("ction")
    (base / "config.json").write_text(json.dumps({**config, "eos_token_id": [0, rare], "pad_token_id": None}))
    (base / "generation_config.json").write_text(json.dumps({"eos_token_id": rare, "suppress_tokens": [rare - 1, 0]}))
    trimming = trim(tmp_path, base)
    image = int(trimming.plan.images[rare])
    assert image >= 0
    written = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (written["eos_token_id"], written["pad_token_id"]) == ([0, image], None)
    assert written["vocab_size"] == trimming.plan.tokens
    assert json.loads((tmp_path / "out" / "generation_config.json").read_text())["eos_token_id"] == image


def test_a_setting_that_names_no_token_is_reported(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", padding=8)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "pad_token_id": 705}))
    trimming = trim(tmp_path, base)
    assert trimming.lost == ("pad_token_id 705 has no token any more",)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["pad_token_id"] is None
    assert trimming.report(Stages()).facts["settings without their token"] == trimming.lost[0]
    assert Manifest.load(tmp_path / "out").tokenizer["settings_without_token"] == list(trimming.lost)


def test_words_of_the_chat_template_stay(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    base = save_base(tmp_path / "base")
    save_tokenizer(base, chat_template="the function of" + CHAT_TEMPLATE)
    plan = trim(tmp_path, base).plan
    chat = [{"role": "user", "content": "1 + 1?"}]
    old, new = (AutoTokenizer.from_pretrained(directory) for directory in (base, tmp_path / "out"))
    texts = [tokenizer.apply_chat_template(chat, tokenize=False) for tokenizer in (new, old)]
    assert texts[0] == texts[1]
    ours, theirs = (tokenizer(texts[0], add_special_tokens=False)["input_ids"] for tokenizer in (new, old))
    assert plan.origins[ours].tolist() == theirs


def test_the_map_of_ids_is_written(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", padding=6)
    save_tokenizer(base, llama3_like())
    plan = trim(tmp_path, base).plan
    rows = [line.split("\t") for line in (tmp_path / "out" / ID_MAP).read_text(encoding="utf-8").splitlines()]
    assert rows[0] == ["new id", "old id", "piece"]
    pieces = read_tokenizer(tmp_path / "out").tokens.pieces
    assert [(int(new), int(old)) for new, old, _ in rows[1:]] == list(enumerate(plan.origins.tolist()))
    assert [piece for _, _, piece in rows[1:]] == [piece.replace("\\", "\\\\") for piece in pieces]


def test_the_manifest_says_what_was_done(tmp_path: Path) -> None:
    trimming = trim(tmp_path, minimum_frequency=2, pad_to_multiple=8)
    manifest = Manifest.load(tmp_path / "out")
    assert manifest.with_rows({}) == trimming.manifest
    assert (manifest.command, manifest.base, manifest.method, manifest.new_tokens) == ("trim", "base", "", ())
    assert manifest.rows == dict.fromkeys(("input", "head", "bias"), COPIED)
    assert manifest.tokenizer["options"] == {"minimum_frequency": 2, "pad_to_multiple": 8, "text_field": "text"}
    assert manifest.corpus == {"files": ["kept.txt"], "bytes": (tmp_path / "kept.txt").stat().st_size}
    assert not list((tmp_path / "out").glob("*.npz"))
    assert str(tmp_path) not in (tmp_path / "out" / "vocabx.json").read_text()


def test_the_report_says_what_stays(tmp_path: Path) -> None:
    trimming = trim(tmp_path)
    facts = trimming.report(Stages(), "done").facts
    assert (facts["tokens before"], facts["tokens after"]) == (len(byte_level().tokens), trimming.plan.tokens)
    assert facts["of these used by the text"] == len({i for ids in byte_level().encode(list(LINES)) for i in ids})
    assert facts["settings without their token"] == "none"


def test_a_plan_writes_nothing_and_is_what_is_done(tmp_path: Path) -> None:
    base, text = save_base(tmp_path / "base"), write_text(tmp_path)
    before = checksums(tmp_path)
    planned, _ = plan_trimming(base, TrimRequest(text), Stages())
    assert checksums(tmp_path) == before
    assert planned.manifest == vocabx.trim(base, text, tmp_path / "out").manifest


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    base, text = save_base(tmp_path / "base"), write_text(tmp_path)
    for name in ("one", "two"):
        vocabx.trim(base, text, tmp_path / name)
    assert checksums(tmp_path / "one") == checksums(tmp_path / "two")


def test_a_trimmed_model_can_be_extended(tmp_path: Path) -> None:
    from tests.extension.bases import learning

    trim(tmp_path)
    extension = vocabx.extend(tmp_path / "out", out=tmp_path / "extended", **learning(tmp_path))
    assert extension.plan.tokens_before == Manifest.load(tmp_path / "out").plan.tokens
    assert vocabx.verify(tmp_path / "extended", tmp_path / "out").passed


@pytest.mark.torch
def test_an_output_bias_is_trimmed_too(tmp_path: Path) -> None:
    base = tmp_path / "base"
    transformers_model("phi", len(byte_level().tokens), "bfloat16").save_pretrained(base)
    save_tokenizer(base)
    plan = trim(tmp_path, base).plan
    bias = [load_model(directory)["lm_head.bias"] for directory in (tmp_path / "out", base)]
    assert bias[0].tobytes() == bias[1][plan.origins].tobytes()
    assert vocabx.verify(tmp_path / "out", base, LINES).passed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minimum_frequency": 0}, "The minimum frequency must be at least 1"),
        ({"pad_to_multiple": 0}, "padded to a multiple of at least 1"),
    ],
)
def test_a_bad_setting_is_a_sentence(options: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        trim(tmp_path, **options)


def test_a_text_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="There is no corpus file"):
        vocabx.trim(save_base(tmp_path / "base"), tmp_path / "nothing.txt", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_output_must_not_hold_the_text(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    text = write_text(tmp_path / "out")
    with pytest.raises(OutputError, match="is in use"):
        vocabx.trim(save_base(tmp_path / "base"), text, tmp_path / "out", force=True)

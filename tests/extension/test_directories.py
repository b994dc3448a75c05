from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

import vocabx
import vocabx.extension as extension_module
from tests.checkpoint.models import checksums, load_model
from tests.extension.bases import (
    CHAT_TEMPLATE,
    HEAD,
    INPUT,
    SIZE,
    WIDTH,
    learning,
    save_base,
    save_tokenizer,
    transformers_model,
)
from tests.tokenizer_tools.toys import byte_level, english, invented, korean, llama3_like, metaspace, unigram, wordpiece
from vocabx.checkpoint import open_checkpoint
from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Floats, Matrix
from vocabx.core.corpus import Corpus
from vocabx.core.errors import CheckpointError, InputError, OutputError, TokenizerError
from vocabx.core.transfer import Materials
from vocabx.directories import extend_tokenizer_only, plan_extension
from vocabx.explanation import Explainer
from vocabx.extension import Extension
from vocabx.initializers.table import INITIALIZERS
from vocabx.manifest import FILE_NAME, Manifest, load_alignments
from vocabx.request import Request
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import read_tokenizer
from vocabx.tokenizer_tools.write import TOKENIZER_FILES, check_reopened

KEPT = len(byte_level().tokens)
DTYPES = [np.float32, np.float16, ml_dtypes.bfloat16]


def extend(directory: Path, base: Path | None = None, **settings: Any) -> tuple[Path, Path, Extension]:
    """Extend the toy base within a directory; return base, output and extension."""
    base = base or save_base(directory / "base")
    extension = vocabx.extend(base, out=directory / "out", **(learning(directory) | settings))  # type: ignore[arg-type]
    return base, directory / "out", extension


def usable_rows(base: Path, name: str) -> NDArray[np.float64]:
    """Rows that may take part in a mean, in float64."""
    table = read_tokenizer(base).tokens
    return np.asarray(load_model(base)[name][: len(table)][table.is_text].astype(np.float64))


def input_rows(extension: Extension, matrix: Matrix) -> Floats:
    assert isinstance(extension.initialization.input, Alignment)
    return extension.initialization.input.apply(matrix)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize("shards", [False, True], ids=["one file", "shards"])
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_old_rows_stay_bit_for_bit_and_new_rows_are_made_of_rows_of_the_same_matrix(
    tied: bool, shards: bool, dtype: Any, tmp_path: Path
) -> None:
    base, out, extension = extend(tmp_path, save_base(tmp_path / "base", tied=tied, shards=shards, dtype=dtype))
    before, after = load_model(base), load_model(out)
    assert after.keys() == before.keys()
    rule = extension.initialization.input
    assert isinstance(rule, Alignment)
    for name, old in before.items():
        assert after[name].dtype == old.dtype
        if name not in (INPUT, HEAD):
            assert after[name].tobytes() == old.tobytes()
            continue
        assert after[name].shape == (KEPT + SIZE, WIDTH)
        assert after[name][:KEPT].tobytes() == old.tobytes()
        assert after[name][KEPT:].tobytes() == rule.apply(old).astype(dtype).tobytes()
    assert [name for name in (INPUT, HEAD) if name in after] == ([INPUT] if tied else [INPUT, HEAD])


@pytest.mark.torch
@pytest.mark.parametrize(
    ("family", "config"),
    [("llama", {"tie_word_embeddings": True}), ("llama", {"tie_word_embeddings": False}), ("gpt2", {}), ("phi", {})],
    ids=["tied llama", "untied llama", "gpt2", "phi with an output bias"],
)
def test_the_directory_opens_with_plain_auto_classes(family: str, config: dict[str, Any], tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = tmp_path / "base"
    transformers_model(family, KEPT, "bfloat16", **config).save_pretrained(base)
    save_tokenizer(base)
    _, out, extension = extend(tmp_path, base)
    tokenizer = AutoTokenizer.from_pretrained(out)
    old, new = (AutoModelForCausalLM.from_pretrained(directory, dtype="auto") for directory in (base, out))
    assert new.dtype == torch.bfloat16
    assert new.config.vocab_size == len(tokenizer) == KEPT + SIZE
    lines = [*korean()[:20], *english()[:20]]
    assert tokenizer(lines, add_special_tokens=False)["input_ids"] == extension.tokenizer.segmenter.encode(lines)
    ids = torch.tensor([tokenizer(korean()[0])["input_ids"][:32]])
    assert (ids >= KEPT).any()
    assert torch.isfinite(new(ids).logits).all()
    english_ids = torch.tensor([byte_level().encode([english()[0]])[0][:32]])
    assert torch.equal(new(english_ids).logits[..., :KEPT], old(english_ids).logits)
    if family == "phi":
        old_bias, new_bias = (model.lm_head.bias.detach().float().numpy() for model in (old, new))
        assert new_bias[:KEPT].tobytes() == old_bias.tobytes()
        rule = extension.initialization.bias
        assert isinstance(rule, Alignment)
        expected = torch.from_numpy(rule.apply(old_bias[:, None])[:, 0]).to(torch.bfloat16)
        assert torch.equal(new.lm_head.bias[KEPT:], expected)


def test_the_methods_differ_between_input_and_head_as_the_table_says(tmp_path: Path) -> None:
    base, out, extension = extend(tmp_path, method="eeve")
    before, after = load_model(base), load_model(out)
    assert isinstance(extension.initialization.head, Alignment)
    assert after[HEAD][KEPT:].tobytes() == extension.initialization.head.apply(before[HEAD]).tobytes()
    assert not np.array_equal(extension.initialization.head.apply(before[HEAD]), input_rows(extension, before[HEAD]))


def test_rows_up_to_a_multiple_are_the_mean_and_are_suppressed(tmp_path: Path) -> None:
    base, out, extension = extend(tmp_path, pad_to_multiple=64)
    tokens, rows = KEPT + SIZE, 768
    assert (extension.plan.tokens, extension.plan.rows_after) == (tokens, rows)
    assert json.loads((out / "config.json").read_text())["vocab_size"] == rows
    for name in (INPUT, HEAD):
        padding = load_model(out)[name][tokens:]
        assert len(padding) == rows - tokens
        expected = usable_rows(base, name).mean(axis=0)
        np.testing.assert_allclose(padding, np.tile(expected, (rows - tokens, 1)), rtol=1e-5, atol=1e-6)
    generation = json.loads((out / "generation_config.json").read_text())
    assert generation == {
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 1,
        "suppress_tokens": [*range(tokens, rows)],
    }


@pytest.mark.torch
def test_padding_is_never_generated(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    _, out, _ = extend(tmp_path, pad_to_multiple=64)
    model = AutoModelForCausalLM.from_pretrained(out)
    with torch.no_grad():
        model.lm_head.weight[KEPT + SIZE :] *= 1e3
    ids = torch.tensor([[5, 6, 7]])
    generated = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=True, max_new_tokens=30)
    assert int(generated.max()) < KEPT + SIZE


@pytest.mark.parametrize(("padding", "rows_after"), [(10, KEPT + SIZE), (SIZE, KEPT + SIZE), (100, KEPT + 100)])
def test_padding_rows_of_the_base_are_taken_over_and_the_matrix_never_shrinks(
    padding: int, rows_after: int, tmp_path: Path
) -> None:
    base, out, extension = extend(tmp_path, save_base(tmp_path / "base", padding=padding))
    assert extension.plan.reused_padding == min(padding, SIZE)
    rows = load_model(out)[INPUT]
    assert len(rows) == rows_after
    assert rows[:KEPT].tobytes() == load_model(base)[INPUT][:KEPT].tobytes()
    assert rows[KEPT : KEPT + SIZE].tobytes() == input_rows(extension, load_model(base)[INPUT]).tobytes()
    mean = usable_rows(base, INPUT).mean(axis=0)
    np.testing.assert_allclose(rows[KEPT + SIZE :], np.tile(mean, (rows_after - KEPT - SIZE, 1)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", ["constituents", "eeve", "mean", "univariate"])
def test_two_runs_write_the_same_bytes_whatever_the_place(method: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        extend(tmp_path / name, method=method, seed=3, pad_to_multiple=64)
    one, two = (checksums(tmp_path / name / "out") for name in ("one", "two"))
    assert one == two
    assert {"model.safetensors", "config.json", "tokenizer.json", FILE_NAME} <= one.keys()


def test_another_seed_changes_what_is_drawn(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base")
    matrices = []
    for seed in (1, 2):
        _, out, _ = extend(tmp_path, base, method="univariate", seed=seed, force=True)
        matrices.append(load_model(out)[INPUT])
    assert matrices[0][:KEPT].tobytes() == matrices[1][:KEPT].tobytes()
    assert (matrices[0][KEPT:] != matrices[1][KEPT:]).all()


@pytest.mark.parametrize(
    "settings", [{}, {"scripts": ("Hangul",)}, {"method": "eeve"}, {"method": "random", "seed": 5}]
)
def test_the_manifest_is_read_back_as_it_was_written(settings: dict[str, Any], tmp_path: Path) -> None:
    _, out, extension = extend(tmp_path, **settings)
    manifest = Manifest.load(out)
    assert manifest.with_rows({}) == extension.manifest
    (tmp_path / "again").mkdir()
    manifest.save(tmp_path / "again")
    assert (tmp_path / "again" / FILE_NAME).read_bytes() == (out / FILE_NAME).read_bytes()


def test_the_manifest_says_what_was_done_and_proves_every_token(tmp_path: Path) -> None:
    _, out, extension = extend(tmp_path, seed=4, pad_to_multiple=64)
    manifest = Manifest.load(out)
    assert (manifest.command, manifest.base, manifest.method, manifest.seed) == ("extend", "base", "constituents", 4)
    assert manifest.convex
    assert manifest.plan == extension.plan
    assert manifest.plan.roles == {"bos": 0, "eos": 0, "pad": 1}
    assert manifest.corpus == {"files": ["corpus.txt"], "bytes": (tmp_path / "corpus.txt").stat().st_size}
    assert (manifest.tokenizer["sample_files"], manifest.tokenizer["sample_lines"]) == (["sample.txt"], len(english()))
    assert {"numpy", "scipy", "tokenizers", "transformers"} <= manifest.versions.keys()
    segmenter = read_tokenizer(out)
    assert [token.id for token in manifest.new_tokens] == [*range(KEPT, KEPT + SIZE)]
    for token in manifest.new_tokens:
        assert segmenter.tokens.pieces[token.id] == token.piece
        left, right = token.parts
        assert max(left, right) < token.id
        assert segmenter.tokens.surfaces[left] + segmenter.tokens.surfaces[right] == segmenter.tokens.surfaces[token.id]
        if token.witness is None:
            owner = segmenter.tokens.surfaces[token.needed_by or 0]
            assert segmenter.tokens.surfaces[token.id] in owner
            assert not segmenter.tokens.is_complete[token.id]
        else:
            assert token.id in segmenter.encode([token.witness])[0]
        assert token.origin == "aligned"
        assert token.evidence
    assert str(tmp_path) not in (out / FILE_NAME).read_text()


def test_the_weights_of_the_rows_are_stored_and_give_the_rows(tmp_path: Path) -> None:
    base, out, _ = extend(tmp_path, method="constituents-position")
    manifest = Manifest.load(out)
    assert manifest.rows == {"input": "vocabx-rows.npz", "head": "vocabx-rows-head.npz", "bias": "vocabx-rows-head.npz"}
    stored = load_alignments(manifest, out)
    for role, name in (("input", INPUT), ("head", HEAD)):
        assert load_model(out)[name][KEPT:].tobytes() == stored[role].apply(load_model(base)[name]).tobytes()


def test_a_draw_is_described_in_the_manifest(tmp_path: Path) -> None:
    _, out, _ = extend(tmp_path, method="univariate", seed=9)
    assert (
        Manifest.load(out).rows["head"]
        == f"GaussianDraw(distribution='univariate', count={SIZE}, seed=9, stream=1, scale=1.0)"
    )
    assert load_alignments(Manifest.load(out), out) == {}
    assert not list(out.glob("*.npz"))


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "[]",
        '"text"',
        "7",
        "null",
        "{}",
        '{"format": 2}',
        '{"format": 2, "plan": 5}',
        '{"format": 2, "plan": {"padding": 0}, "runs": []}',
        '{"format": 2, "runs": [[0, 0, 3]], "plan": {"tokens": 2, "tokens_before": 3}}',
    ],
)
def test_a_damaged_manifest_is_one_sentence(damage: str, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(damage)
    with pytest.raises(InputError, match=r"vocabx\.json is damaged: "):
        Manifest.load(tmp_path)


def test_a_manifest_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"format": 99}')
    with pytest.raises(InputError, match="written by another version of vocabx"):
        Manifest.load(tmp_path)


def test_a_directory_without_a_manifest_was_not_written_by_vocabx(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no vocabx\.json: vocabx did not write it"):
        Manifest.load(tmp_path)


def test_a_plan_writes_nothing_and_is_the_plan_of_the_extension(tmp_path: Path) -> None:
    base, settings = save_base(tmp_path / "base"), learning(tmp_path)
    before = checksums(tmp_path)
    planned, _ = plan_extension(base, Request(**settings), Stages())
    assert checksums(tmp_path) == before
    extension = vocabx.extend(base, out=tmp_path / "out", **settings)
    assert planned.plan == extension.plan
    assert planned.manifest == extension.manifest


def test_a_given_tokenizer_is_used_instead_of_training_one(tmp_path: Path) -> None:
    base, settings = save_base(tmp_path / "base"), learning(tmp_path)
    first, _ = plan_extension(base, Request(**settings), Stages())
    stages = Stages()
    second, _ = plan_extension(base, Request(**settings, method="mean"), stages, first.tokenizer)
    assert second.tokenizer is first.tokenizer
    assert second.manifest.method == "mean"
    assert "tokenizer" not in [stage.name for stage in stages.finished]


def test_settings_and_chat_templates_are_carried_and_stale_files_are_not(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base")
    save_tokenizer(base, chat_template=CHAT_TEMPLATE, auto_map={"AutoTokenizer": ["x.Y", None]})
    carried = {
        "chat_template.jinja": CHAT_TEMPLATE,
        "additional_chat_templates/tools.jinja": "tools",
        "LICENSE": "free",
        "preprocessor_config.json": "{}",
    }
    stale = {
        "vocab.json": "{}",
        "merges.txt": "",
        "tokenizer.model": "",
        "added_tokens.json": "{}",
        "model.gguf": "",
        "pytorch_model.bin.index.json": "{}",
        "vocabx.json": "{}",
        "README.md": "about the base",
        ".cache/huggingface/x.json": "{}",
    }
    for name, text in (carried | stale).items():
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text(text)
    before = checksums(base)
    _, out, _ = extend(tmp_path, base)
    assert checksums(base) == before
    for name, text in carried.items():
        assert (out / name).read_text() == text
    written = {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        FILE_NAME,
        "README.md",
        "vocabx-rows.npz",
    }
    assert checksums(out).keys() == written | carried.keys()
    assert "about the base" not in (out / "README.md").read_text()
    settings = json.loads((out / "tokenizer_config.json").read_text())
    assert (settings["model_max_length"], settings["tokenizer_class"]) == (64, "PreTrainedTokenizerFast")
    assert "auto_map" not in settings
    from transformers import AutoTokenizer

    assert AutoTokenizer.from_pretrained(out).get_chat_template() == CHAT_TEMPLATE


def test_an_extended_model_can_be_extended_again(tmp_path: Path) -> None:
    _, first, _ = extend(tmp_path)
    again = vocabx.extend(
        first, tmp_path / "corpus.txt", tmp_path / "second", size=20, source_sample=tmp_path / "sample.txt"
    )
    assert again.plan.kept == KEPT + SIZE
    assert load_model(tmp_path / "second")[INPUT][: KEPT + SIZE].tobytes() == load_model(first)[INPUT].tobytes()
    assert len(Manifest.load(tmp_path / "second").new_tokens) == 20


@pytest.mark.parametrize("model_type", ["llama", "qwen2"])
@pytest.mark.parametrize("named", ["PreTrainedTokenizerFast", "Qwen2Tokenizer", "GPT2Tokenizer"])
@pytest.mark.parametrize("toy", [byte_level, llama3_like], ids=lambda toy: toy.__name__)
def test_a_tokenizer_that_the_auto_class_rebuilds_is_written_as_its_users_see_it(
    toy: Any, named: str, model_type: str, tmp_path: Path
) -> None:
    """`AutoTokenizer` adds a token to some of these, and takes another class for Qwen 2 than the one that is named."""
    from transformers import AutoTokenizer

    base = save_base(tmp_path / "base", padding=20, model_type=model_type)
    save_tokenizer(base, toy(), tokenizer_class=named)
    _, out, extension = extend(tmp_path, base)
    opened_base, opened = (AutoTokenizer.from_pretrained(directory) for directory in (base, out))
    texts = ["The 12 things aren't   here.", "<|end|>", *english()[:10], *extension.probes()]
    assert [opened.encode(text) for text in texts[:12]] == [opened_base.encode(text) for text in texts[:12]]
    assert opened(texts, add_special_tokens=False)["input_ids"] == extension.tokenizer.segmenter.encode(texts)
    assert opened.decode(opened.encode("한국어 text", add_special_tokens=False)) == "한국어 text"
    assert extension.plan.kept == len(opened_base) == len(opened) - SIZE


def test_a_base_whose_opened_tokenizer_has_more_ids_than_rows_is_refused(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", model_type="qwen2")  # opened as Qwen 2's class it gets one more token
    with pytest.raises(InputError, match=f"ids up to {KEPT} but the embedding matrix has shape .{KEPT}, {WIDTH}"):
        extend(tmp_path, base)
    assert not (tmp_path / "out").exists()


def test_a_tokenizer_that_reopens_with_another_vocabulary_is_refused(tmp_path: Path) -> None:
    _, out, extension = extend(tmp_path)
    save_tokenizer(out)
    with pytest.raises(TokenizerError, match=r"not open the tokenizer with the vocabulary.*'llama'.*Nothing"):
        check_reopened(out, extension.tokenizer.segmenter, extension.probes())


def test_a_tokenizer_that_reopens_with_other_merges_is_refused(tmp_path: Path) -> None:
    _, out, extension = extend(tmp_path)
    definition = json.loads((out / "tokenizer.json").read_text())
    del definition["model"]["merges"][-5:]
    (out / "tokenizer.json").write_text(json.dumps(definition))
    with pytest.raises(TokenizerError, match=r"does not encode '.+' like the tokenizer that was written"):
        check_reopened(out, extension.tokenizer.segmenter, extension.probes())


def test_a_tokenizer_alone_is_written_without_weights(tmp_path: Path) -> None:
    save_tokenizer(tmp_path / "base", chat_template=CHAT_TEMPLATE)
    tokenizer = extend_tokenizer_only(tmp_path / "base", out=tmp_path / "out", **learning(tmp_path))
    assert checksums(tmp_path / "out").keys() == {"tokenizer.json", "tokenizer_config.json", FILE_NAME}
    reopened = read_tokenizer(tmp_path / "out")
    assert reopened.tokens.pieces == tokenizer.segmenter.tokens.pieces
    manifest = Manifest.load(tmp_path / "out")
    assert (manifest.command, manifest.method, manifest.rows) == ("tokenizer extend", "", {})
    assert [token.origin for token in manifest.new_tokens] == [None] * SIZE


def test_the_tokenizer_alone_and_the_model_learn_the_same(tmp_path: Path) -> None:
    base, out, _ = extend(tmp_path)
    extend_tokenizer_only(base, out=tmp_path / "alone", **learning(tmp_path))
    for name in TOKENIZER_FILES & checksums(out).keys():
        assert (tmp_path / "alone" / name).read_bytes() == (out / name).read_bytes()


def base_with_slots(directory: Path) -> Path:
    """Write a base whose tokenizer has a reserved slot, and one more row than tokens."""
    base = save_base(directory / "base", padding=len(llama3_like().tokens) - KEPT + 1)
    save_tokenizer(base, llama3_like())
    return base


def test_reserved_slots_are_taken_before_the_vocabulary_grows(tmp_path: Path) -> None:
    base, out, extension = extend(tmp_path, base_with_slots(tmp_path), reuse_reserved=True)
    plan, size = extension.plan, len(llama3_like().tokens)
    slot = llama3_like().backend.token_to_id("<|reserved_special_token_0|>")
    assert plan.new_ids.tolist() == [slot, *range(size, size + SIZE - 1)]
    assert (plan.keeps_ids, plan.dropped.tolist()) == (True, [slot])
    before, after = load_model(base), load_model(out)
    for name in (INPUT, HEAD):
        assert after[name][plan.kept_ids].tobytes() == before[name][plan.kept_ids].tobytes()
        assert after[name][plan.new_ids].tobytes() == input_rows(extension, before[name]).tobytes()
    manifest = Manifest.load(out)
    assert [token.id for token in manifest.new_tokens] == plan.new_ids.tolist()
    result = vocabx.verify(out, base)
    assert result.passed, str(result)


def test_a_reserved_slot_that_the_settings_name_is_not_taken(tmp_path: Path) -> None:
    base = base_with_slots(tmp_path)
    slot = llama3_like().backend.token_to_id("<|reserved_special_token_0|>")
    assert slot is not None
    set_pad(base / "config.json", slot)
    with pytest.raises(CheckpointError, match=rf"pad_token_id as id {slot}, a reserved slot .* --reuse-reserved"):
        extend(tmp_path, base, reuse_reserved=True)
    extend(tmp_path, base)


def set_pad(path: Path, token: int) -> None:
    settings = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**settings, "pad_token_id": token}))


@pytest.mark.parametrize("file", ["config.json", "generation_config.json"])
def test_an_id_in_the_settings_that_a_new_token_would_take_is_refused_before_the_training(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = save_base(tmp_path / "base", padding=64)
    set_pad(base / file, KEPT + SIZE - 1)
    with monkeypatch.context() as patch:
        patch.setattr(extension_module, "train", None)
        with pytest.raises(CheckpointError, match=f"{file} gives pad_token_id as id 739"):
            extend(tmp_path, base)
    assert not (tmp_path / "out").exists()
    set_pad(base / file, KEPT + SIZE)  # stays a padding row
    _, out, _ = extend(tmp_path, base)
    assert json.loads((out / file).read_text())["pad_token_id"] == KEPT + SIZE


def test_an_id_that_tokens_of_a_donor_would_take_is_refused_once_they_are_known(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", padding=8)
    extend_tokenizer_only(base, out=tmp_path / "donor", **learning(tmp_path))
    set_pad(base / "config.json", KEPT)
    with pytest.raises(CheckpointError, match="pad_token_id as id 700, which is none of the tokenizer's 700 tokens"):
        extend(tmp_path, base, size=None, tokenizer_donor=tmp_path / "donor")


def test_a_token_in_a_reserved_slot_is_explained(tmp_path: Path) -> None:
    _, out, extension = extend(tmp_path, base_with_slots(tmp_path), reuse_reserved=True)
    token = extension.manifest.new_tokens[0]
    report = Explainer.open(out).explain(str(token.id))
    assert (report.facts["token"], report.facts["id"]) == (token.text, str(token.id))
    assert isinstance(extension.initialization.input, Alignment)
    sources = extension.initialization.input.sources(0)
    assert [row[1] for row in report.tables[0].rows] == [str(source) for source, _ in sources]


@pytest.mark.parametrize("toy", [metaspace, unigram, wordpiece], ids=lambda toy: toy.__name__)
def test_a_base_of_another_family_is_extended(toy: Any, tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", padding=300)
    save_tokenizer(base, toy())
    _, out, extension = extend(tmp_path, base, size=150)
    assert extension.plan.new == 150
    result = vocabx.verify(out, base)
    assert result.passed, str(result)


def test_a_base_without_usable_rows_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    base = save_base(tmp_path / "base")
    tensors = load_model(base)
    tensors[INPUT][:] = 0
    save_file(tensors, base / "model.safetensors")
    with pytest.raises(InputError, match="no usable embedding row to take a mean of"):
        extend(tmp_path, base)


def test_the_output_is_refused_before_any_work_and_replaced_when_forced(tmp_path: Path) -> None:
    base, out, _ = extend(tmp_path)
    (out / "precious").write_text("kept")
    stages = Stages(lambda message: pytest.fail(f"worked: {message}"))
    with pytest.raises(OutputError, match="exists already"):
        extend(tmp_path, base, stages=stages)
    assert (out / "precious").read_text() == "kept"
    extend(tmp_path, base, force=True)
    assert not (out / "precious").exists()


@pytest.mark.parametrize("place", ["base", "base/inside", "."])
def test_the_output_may_not_touch_the_base(place: str, tmp_path: Path) -> None:
    base = save_base(tmp_path / "model" / "base")
    before = checksums(base)
    with pytest.raises(OutputError, match=r"overlaps .*base, which is read"):
        vocabx.extend(base, out=tmp_path / "model" / place, force=True, **learning(tmp_path))
    assert checksums(base) == before


def test_links_to_the_base_are_followed(tmp_path: Path) -> None:
    """The hub's cache is a directory of links."""
    base = save_base(tmp_path / "blobs")
    (tmp_path / "base").mkdir()
    for file in base.iterdir():
        (tmp_path / "base" / file.name).symlink_to(file)
    _, out, _ = extend(tmp_path, tmp_path / "base")
    assert not [file for file in out.iterdir() if file.is_symlink()]
    shutil.rmtree(base)
    assert open_checkpoint(out).rows == KEPT + SIZE


def test_what_other_limits_would_cost_is_reported_and_recorded(tmp_path: Path) -> None:
    """A language in the sample's own script touches the sample."""
    corpus = tmp_path / "latin.txt"
    corpus.write_text("\n".join(invented()))
    _, out, extension = extend(tmp_path, corpus=corpus, source_change_limit=0.1)
    assert extension.tokenizer.scripts == ()
    table = extension.report(Stages()).tables[0]
    assert table.title.startswith("What a limit on changed source lines costs (estimate; in force: 0.1).")
    manifest = Manifest.load(out)
    assert [tuple(row.values()) for row in manifest.tokenizer["tradeoffs"]] == [tuple(row) for row in table.rows]
    assert manifest.with_rows({}) == extension.manifest
    lines = english()
    pairs = zip(byte_level().encode(lines), read_tokenizer(out).encode(lines), strict=True)
    assert manifest.tokenizer["changed_lines"] == sum(before != after for before, after in pairs)
    assert manifest.tokenizer["changed_lines"] <= 0.1 * manifest.tokenizer["sample_lines"]


def test_every_stage_is_measured(tmp_path: Path) -> None:
    said: list[str] = []
    stages = Stages(said.append)
    _, _, extension = extend(tmp_path, stages=stages)
    names = [stage.name for stage in stages.finished]
    assert names == [
        "opening the base",
        "reading the base's rows",
        "tokenizer",
        "weights of the new rows",
        "diagnostics",
        "checkpoint",
        "reopening",
    ]
    assert [message for message in said if message in names] == names
    assert all(stage.seconds >= 0 and stage.peak_memory > 1e6 for stage in stages.finished)
    report = extension.report(stages)
    assert [row[0] for row in report.tables[-1].rows] == names
    assert report.facts["new tokens"] == SIZE
    assert report.facts["rows fallback"] == 0
    before, after = extension.tokenizer.corpus_tokens
    assert (report.facts["corpus tokens before"], report.facts["corpus tokens after"]) == (before, after)
    assert 0 < after < before


@pytest.mark.parametrize("method", [name for name in INITIALIZERS if not INITIALIZERS[name].needs])
def test_every_method_writes_a_model(method: str, tmp_path: Path) -> None:
    _, out, extension = extend(tmp_path, save_base(tmp_path / "base", dtype=ml_dtypes.bfloat16), method=method)
    assert extension.manifest.method == method
    for name in (INPUT, HEAD):
        rows = load_model(out)[name][KEPT:].astype(np.float32)
        assert np.isfinite(rows).all()
        assert rows.any(axis=1).all()


def test_what_methods_draw_on_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    materials = Request.materials

    def counted(request: Request, corpus: Corpus | None) -> Materials:
        opened.append(request)
        return materials(request, corpus)

    monkeypatch.setattr(Request, "materials", counted)
    extend(tmp_path)
    assert len(opened) == 1

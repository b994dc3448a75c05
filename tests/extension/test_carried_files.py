"""What an output takes over of its base besides the weights, and what would be stale there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.checkpoint.models import checksums
from vocabx.carried_files import carry_files

NEEDED = {
    "preprocessor_config.json": "{}",
    "processor_config.json": "{}",
    "video_preprocessor_config.json": "{}",
    "modules.json": '[{"path": ""}, {"path": "1_Pooling"}, {"path": "2_Dense"}]',
    "1_Pooling/config.json": "{}",
    "2_Dense/config.json": "{}",
    "2_Dense/model.safetensors": "weights of another matrix",
    "LICENSE": "",
    "licence.txt": "",
    "Notice": "",
    "USE_POLICY.md": "",
    "damaged.json": "{",
}
STALE = {
    "adapter_config.json": "{}",
    "adapter_model.safetensors": "",
    "consolidated.safetensors": "",
    "params.json": "{}",
    "tekken.json": "{}",
    "tokenizer.model": "",
    "model.gguf": "",
    "pytorch_model.bin": "",
    "pytorch_model.bin.index.json": "{}",
    "onnx/config.json": "{}",
    "onnx/model.onnx": "",
    "original/params.json": "{}",
    "original/consolidated.00.pth": "",
    "openvino/config.json": "{}",
    "trainer_state.json": "{}",
    ".cache/x.json": "{}",
}
CODE = {"modeling_own.py": "raise RuntimeError", "parts/layers.py": "raise RuntimeError"}


def base(directory: Path, files: dict[str, str], **settings: object) -> Path:
    for name, text in (files | {"config.json": json.dumps(settings)}).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


def carried(base: Path, out: Path) -> set[str]:
    out.mkdir()
    carry_files(base, out)
    assert checksums(out).items() <= checksums(base).items()
    return set(checksums(out))


def test_settings_are_carried_and_other_forms_of_the_weights_are_not(tmp_path: Path) -> None:
    assert carried(base(tmp_path / "base", NEEDED | STALE | CODE), tmp_path / "out") == NEEDED.keys()


def test_code_is_carried_for_a_model_that_is_opened_by_it(tmp_path: Path) -> None:
    named = {"AutoModelForCausalLM": "modeling_own.Own"}
    assert carried(base(tmp_path / "base", CODE, auto_map=named), tmp_path / "out") == CODE.keys()


@pytest.mark.parametrize("file", ["processor_config.json", "preprocessor_config.json"])
def test_code_is_carried_for_a_processor_that_is_opened_by_it(file: str, tmp_path: Path) -> None:
    files = CODE | {file: json.dumps({"auto_map": {"AutoProcessor": "modeling_own.Own"}})}
    assert carried(base(tmp_path / "base", files), tmp_path / "out") == files.keys()


@pytest.mark.parametrize("modules", ["{}", "[1]", '[{"path": "../else"}]', '[{"path": null}]', "["])
def test_a_list_of_modules_that_is_none_names_no_folder(modules: str, tmp_path: Path) -> None:
    files = {"modules.json": modules, "1_Pooling/weights.bin": ""}
    (tmp_path / "else").mkdir()
    assert carried(base(tmp_path / "base", files), tmp_path / "out") == {"modules.json"}

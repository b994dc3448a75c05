"""Files of a base that an output takes over as they are, and those that would be stale there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from vocabx.checkpoint.read import CONFIG, GENERATION_CONFIG
from vocabx.manifest import FILE_NAME
from vocabx.tokenizer_tools.write import TOKENIZER_FILES

__all__ = ["carry_files"]

SETTINGS = (".json", ".jinja")
CODE = ".py"
LEGAL = ("acceptable_use", "copying", "licence", "license", "notice", "use_policy")
STALE_FOLDERS = frozenset({"additional_chat_templates", "coreml", "gguf", "onnx", "openvino", "original"})
"""Weights in other formats, with settings that belong to these, and templates, which are written anew."""
STALE_FILES = frozenset(
    {"adapter_config.json", "params.json", "quantize_config.json", "tekken.json", "trainer_state.json"}
)
"""An adapter would be put on the model, and the others would open the old vocabulary or go on from the old weights."""
WRITTEN = TOKENIZER_FILES | {FILE_NAME}
MODEL_SETTINGS = (CONFIG, GENERATION_CONFIG)
"""Written by the checkpoint, config.json last of all: with it there, what a crash leaves behind might load."""
MODULES = "modules.json"
MODULE_FILES = (".json", ".safetensors", ".bin")


def carry_files(base: Path, out: Path) -> None:
    """Copy settings that the change does not concern; weights in other formats would be stale and are left out.

    Code is copied where a setting says that the model or its processor is opened by it (`auto_map`), and none is run.
    Folders that sentence-transformers lists in modules.json, such as a dense layer after the pooling, come whole.
    """
    paths = [PurePosixPath(file.relative_to(base)) for file in sorted(base.rglob("*")) if file.is_file()]
    shown = [path for path in paths if not any(part.startswith(".") for part in path.parts)]
    settings = [path for path in shown if _is_setting(path)]
    modules = _modules(base)
    wanted = {*settings, *(path for path in shown if path.parts[0] in modules and path.suffix in MODULE_FILES)}
    if _opened_by_code(base, [*settings, PurePosixPath(CONFIG)]):
        wanted |= {path for path in shown if path.suffix == CODE and path.parts[0] not in STALE_FOLDERS}
    for path in sorted(wanted):
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(base / path, out / path)


def _is_setting(path: PurePosixPath) -> bool:
    if path.name in WRITTEN or path.name in STALE_FILES or path.parts[0] in STALE_FOLDERS:
        return False
    if path.name.endswith(".index.json") or str(path) in MODEL_SETTINGS:
        return False
    return path.suffix in SETTINGS or path.name.lower().startswith(LEGAL)


def _modules(base: Path) -> set[str]:
    """Name the folders of what sentence-transformers puts after the model."""
    modules = _json(base / MODULES)
    paths = [module.get("path") for module in modules if isinstance(module, dict)] if isinstance(modules, list) else []
    return {path for path in paths if isinstance(path, str) and path and "/" not in path}


def _opened_by_code(base: Path, settings: Iterable[PurePosixPath]) -> bool:
    found = (_json(base / path) for path in settings if path.suffix == ".json")
    return any(isinstance(content, dict) and content.get("auto_map") for content in found)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it is not ours to judge, and is carried as it is
        return None

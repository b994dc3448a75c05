"""A tiny English base, and what an extension with Korean text makes of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import vocabx
from tests.checkpoint.models import save_sharded
from vocabx.core.alignment import Alignment
from vocabx.manifest import Manifest
from vocabx.request import Settings
from vocabx.verification import Status, Verification

ENGLISH = (
    "The model reads the text of the file and writes another text.",
    "Every table has rows, and every row of the table belongs to a token.",
    "When the file is read again, the rows are the same as the rows before.",
    "A token is a part of the text; a longer token is made of shorter tokens.",
    "It is the reader of the file who names the file and the table.",
    "1 + 1 = 2, and 2 + 2 = 4.",
)
KOREAN = (
    "모델은 파일의 글을 읽고 다른 글을 씁니다.",
    "모든 표에는 행이 있고 모든 행은 토큰에 속합니다.",
    "파일을 다시 읽으면 행은 그대로 있습니다.",
    "토큰은 글의 한 부분이고 긴 토큰은 짧은 토큰으로 이루어집니다.",
    "파일을 읽는 사람이 파일과 표의 이름을 짓습니다.",
)
SPECIAL = ("<|end|>", "<|user|>", "<|assistant|>", "<|spare|>")
TEMPLATE = "every{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
DIMENSIONS, INNER, HEADS = 16, 32, 2
INPUT, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def train_tokenizer() -> Tokenizer:
    """Train a byte-level BPE tokenizer on the English lines."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(ENGLISH * 5, trainer)
    return tokenizer


def save_tokenizer(directory: Path, template: str | None = TEMPLATE) -> int:
    """Write the tokenizer files; return the number of ids."""
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer()
    tokenizer.save(str(directory / "tokenizer.json"))
    roles = dict.fromkeys(("bos_token", "eos_token", "pad_token", "unk_token"), "<|end|>")
    write_json(directory / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **roles})
    if template:
        (directory / "chat_template.jinja").write_text(template)
    return tokenizer.get_vocab_size()


def llama_config(rows: int, tied: bool) -> dict[str, Any]:
    """Configure a model of one small layer."""
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": rows,
        "hidden_size": DIMENSIONS,
        "intermediate_size": INNER,
        "num_hidden_layers": 1,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "max_position_embeddings": 128,
        "tie_word_embeddings": tied,
        "dtype": "float32",
        "bos_token_id": None,
        "eos_token_id": 0,
        "pad_token_id": 0,
    }


def llama_tensors(rows: int, tied: bool) -> dict[str, NDArray[Any]]:
    """Draw every tensor of that model."""
    layer, square = "model.layers.0.", (DIMENSIONS, DIMENSIONS)
    shapes = {INPUT: (rows, DIMENSIONS)} | ({} if tied else {HEAD: (rows, DIMENSIONS)})
    shapes |= {f"{layer}self_attn.{name}_proj.weight": square for name in "qkvo"}
    shapes |= {f"{layer}mlp.{name}_proj.weight": (INNER, DIMENSIONS) for name in ("gate", "up")}
    shapes |= {f"{layer}mlp.down_proj.weight": (DIMENSIONS, INNER)}
    rng = np.random.default_rng(0)
    tensors: dict[str, NDArray[Any]] = {name: rng.normal(0, 0.5, s).astype(np.float32) for name, s in shapes.items()}
    norms = ("model.norm.weight", f"{layer}input_layernorm.weight", f"{layer}post_attention_layernorm.weight")
    return tensors | {name: np.ones(DIMENSIONS, np.float32) for name in norms}


def save_base(directory: Path, *, tied: bool, template: str | None = TEMPLATE, sharded: bool = False) -> Path:
    """Write a base model; two of its rows belong to no token."""
    rows = save_tokenizer(directory, template) + 2
    tensors, config = llama_tensors(rows, tied), llama_config(rows, tied)
    if sharded:
        first = {name: tensors.pop(name) for name in (INPUT, HEAD) if name in tensors}
        save_sharded(directory, {"one.safetensors": first, "two.safetensors": tensors}, config)
    else:
        save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
        write_json(directory / "config.json", config)
    write_json(directory / "generation_config.json", {"eos_token_id": 0, "pad_token_id": 0})
    return directory


def extend(base: Path, out: Path, **settings: Unpack[Settings]) -> Path:
    """Extend it with forty Korean tokens, some of which are parts of characters, and pad the rows."""
    for name, lines in (("korean.txt", KOREAN), ("english.txt", ENGLISH)):
        out.with_name(name).write_text("\n".join(lines * 5), encoding="utf-8")
    plain: Settings = {"source_sample": out.with_name("english.txt"), "minimum_frequency": 2, "pad_to_multiple": 16}
    plain.update(settings)
    vocabx.extend(base, out.with_name("korean.txt"), out, size=40, **plain)
    return out


def save_target(directory: Path) -> Path:
    """Write a tokenizer of other merges, with roles of its own, for Korean and English."""
    directory.mkdir()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*KOREAN, *ENGLISH[:3]] * 5, trainer)
    tokenizer.save(str(directory / "tokenizer.json"))
    roles = {"bos_token": "<s>", "eos_token": "</s>"}
    write_json(directory / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **roles})
    return directory


def replace(base: Path, out: Path, method: str = "constituents") -> Path:
    """Give it another tokenizer, and pad the rows."""
    target = save_target(out.with_name("target")) if not out.with_name("target").exists() else out.with_name("target")
    vocabx.replace(base, target, out, method=method, pad_to_multiple=16)
    return out


def trim(base: Path, out: Path) -> Path:
    """Keep what half of the English lines use, and pad the rows."""
    out.with_name("kept.txt").write_text("\n".join(ENGLISH[:3]), encoding="utf-8")
    vocabx.trim(base, out.with_name("kept.txt"), out, pad_to_multiple=16)
    return out


def damaged(extended: Path, to: Path, *damages: Callable[[Path], object]) -> Path:
    """Copy a directory and damage the copy."""
    shutil.copytree(extended, to)
    for damage in damages:
        damage(to)
    return to


def failing(verification: Verification) -> set[str]:
    """Names of the checks that failed."""
    return {finding.name for finding in verification.findings if finding.status is Status.FAIL}


def reasons(verification: Verification) -> dict[str, str]:
    """Names of the checks that were not run, and why."""
    return {f.name: f.evidence for f in verification.findings if f.status is Status.NOT_RUN}


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write one JSON object."""
    path.write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def edit_json(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file in place."""
    data = json.loads(path.read_text(encoding="utf-8"))
    edit(data)
    write_json(path, data)


def edit_tensor(directory: Path, name: str, edit: Callable[[NDArray[Any], Manifest], object]) -> None:
    """Change a stored tensor in place; `edit` is given the array and the manifest."""
    path = directory / "model.safetensors"
    tensors = load_file(path)
    edit(tensors[name], Manifest.load(directory))
    save_file(tensors, path, metadata={"format": "pt"})


def read_tensor(directory: Path, name: str) -> NDArray[Any]:
    """Read one tensor."""
    array: NDArray[Any] = load_file(directory / "model.safetensors")[name]
    return array


def stored_rows(directory: Path, role: str) -> Alignment:
    """Read the stored weights of a matrix."""
    return Alignment.load(directory / Manifest.load(directory).rows[role])

"""One way to break each promise."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_array

from tests.verification.models import HEAD, INPUT, edit_json, edit_tensor, read_tensor, stored_rows
from vocabx.core.alignment import Alignment
from vocabx.manifest import FILE_NAME, Manifest

Damage = Callable[[Path], object]


def in_json(file: str, edit: Callable[[dict[str, Any]], object]) -> Damage:
    """Edit a JSON file."""
    return lambda directory: edit_json(directory / file, edit)


def setting(file: str, key: str, value: Any) -> Damage:
    """Change one setting."""
    return in_json(file, lambda data: data.__setitem__(key, value))


def new_token(edit: Callable[[dict[str, Any], dict[str, Any]], object], *, whole: bool = True) -> Damage:
    """Change the manifest's entry of the last whole or incomplete new token; `edit` gets the first whole one too."""

    def apply(data: dict[str, Any]) -> None:
        complete = [token for token in data["new_tokens"] if "witness" in token]
        incomplete = [token for token in data["new_tokens"] if "witness" not in token]
        edit((complete if whole else incomplete)[-1], complete[0])

    return in_json(FILE_NAME, apply)


def flip_low_bit(name: str, row: Callable[[Manifest], int]) -> Damage:
    """Change a number of one row by as little as can be."""

    def edit(array: NDArray[Any], manifest: Manifest) -> None:
        array.reshape(len(array), -1)[row(manifest)].view(np.uint32)[0] ^= 1

    return lambda directory: edit_tensor(directory, name, edit)


def after_a_training(damage: Damage) -> Damage:
    """Do a damage to a model of which it is said that a training has changed its new rows and nothing else."""
    record = {"keeps_old_rows": True, "changed": ["model.embed_tokens.weight"]}

    def apply(directory: Path) -> None:
        in_json("vocabx.json", lambda data: data.update(training=[record]))(directory)
        damage(directory)

    return apply


def new_rows(name: str, edit: Callable[[NDArray[Any]], object]) -> Damage:
    """Change the new rows of a matrix."""

    def apply(array: NDArray[Any], manifest: Manifest) -> None:
        rows = array[manifest.plan.new_ids]
        edit(rows)
        array[manifest.plan.new_ids] = rows

    return lambda directory: edit_tensor(directory, name, apply)


def drop_last_merge(directory: Path) -> None:
    """Take away the road to a token."""
    edit_json(directory / "tokenizer.json", lambda data: data["model"]["merges"].pop())


def drop_merge(left: str, right: str) -> Damage:
    """Take away one merge."""
    return in_json("tokenizer.json", lambda data: data["model"]["merges"].remove([left, right]))


def swap_ids(one: str, other: str) -> Damage:
    """Give two pieces each other's ids."""

    def edit(data: dict[str, Any]) -> None:
        vocabulary = data["model"]["vocab"]
        vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]

    return in_json("tokenizer.json", edit)


def added_token(key: str, value: Any) -> Damage:
    """Change how a special token is matched."""
    return in_json("tokenizer.json", lambda data: data["added_tokens"][3].__setitem__(key, value))


def normalizer(old: str, new: str) -> Damage:
    """Replace a text before it is encoded."""
    return setting("tokenizer.json", "normalizer", {"type": "Replace", "pattern": {"String": old}, "content": new})


def decoder(old: str, new: str) -> Damage:
    """Replace a text after it was decoded."""

    def edit(data: dict[str, Any]) -> None:
        replacement = {"type": "Replace", "pattern": {"String": old}, "content": new}
        data["decoder"] = {"type": "Sequence", "decoders": [data["decoder"], replacement]}

    return in_json("tokenizer.json", edit)


def rebuilt_by_its_class(directory: Path) -> None:
    """Name a class that rebuilds the tokenizer, and store another pipeline than it builds."""
    edit_json(directory / "tokenizer_config.json", lambda data: data.update(tokenizer_class="GPT2Tokenizer"))
    edit_json(directory / "tokenizer.json", lambda data: data["pre_tokenizer"].update(add_prefix_space=True))


def cut(directory: Path) -> None:
    """Cut the weights off."""
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def remove(name: str) -> Damage:
    """Delete a file."""
    return lambda directory: (directory / name).unlink()


def add_tensor(directory: Path) -> None:
    """Store one tensor more."""
    path = directory / "model.safetensors"
    save_file(load_file(path) | {"model.extra": np.ones(3, np.float32)}, path, metadata={"format": "pt"})


def untie(directory: Path) -> None:
    """Store a head with values of its own in a model whose configuration ties it."""
    path = directory / "model.safetensors"
    tensors = load_file(path)
    save_file(tensors | {HEAD: tensors[INPUT] + 1}, path, metadata={"format": "pt"})


def head_of_input_rows(directory: Path) -> None:
    """Make the head's new rows of input rows."""
    size = Manifest.load(directory).plan.tokens_before
    rows = stored_rows(directory, "head").apply(read_tensor(directory, INPUT)[:size])
    new_rows(HEAD, lambda array: np.copyto(array, rows))(directory)


def winning_head_row(directory: Path) -> None:
    """Let one new row win wherever an old one did."""
    new_rows(HEAD, lambda array: np.multiply(array, 50, out=array))(directory)


def negative_weight_of_the_bias(directory: Path) -> None:
    """Store weights that are not convex for a bias, which the model does not have, so that no row is concerned."""
    rows = stored_rows(directory, "bias")
    weights = rows.weights.toarray()
    weights[0] = np.eye(1, weights.shape[1], 10) * 1.5 - np.eye(1, weights.shape[1], 11) * 0.5
    Alignment.build(csr_array(weights)).save(directory / "other.npz")
    edit_json(directory / FILE_NAME, lambda data: data["rows"].update(bias="other.npz"))


def weights_of_another_shape(directory: Path) -> None:
    """Store the weights of one row too few."""
    rows = stored_rows(directory, "input")
    fewer = replace(
        rows,
        weights=rows.weights[:-1],
        shared_weights=rows.shared_weights[:-1],
        origins=rows.origins[:-1],
        evidence=rows.evidence[:-1],
    )
    fewer.save(directory / Manifest.load(directory).rows["input"])


def index_total_size(directory: Path) -> None:
    """Let the index claim one byte too many."""
    path = directory / "model.safetensors.index.json"
    total = json.loads(path.read_text())["metadata"]["total_size"]
    edit_json(path, lambda data: data["metadata"].update(total_size=total + 1))


def unlisted_tensor(directory: Path) -> None:
    """Let the index forget one tensor."""
    edit_json(directory / "model.safetensors.index.json", lambda data: data["weight_map"].pop("model.norm.weight"))


def stale_merges(directory: Path) -> None:
    """Leave a list of merges behind that knows nothing of the new tokens."""
    (directory / "merges.txt").write_text("#version: 0.2\nt h\n", encoding="utf-8")

"""What can be said of arguments before the long work is said before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import vocabx
from tests.extension.bases import HEAD, INPUT, WIDTH, learning, save_base
from vocabx.core.errors import InputError
from vocabx.stages import Stages
from vocabx.trimming import TrimRequest


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": "300"}, "size: expected a whole number or None, got '300'."),
        ({"out": None}, "out: expected a path, got None."),
        ({"model": 5}, "model: expected a path, got 5."),
        ({"corpus": 123}, "corpus: expected a path or a list of paths, got 123."),
        ({"method": 5}, "method: expected a string, got 5."),
        ({"scripts": "Hangul"}, "scripts: expected a list of strings or None, got 'Hangul'."),
        ({"languages": "ko"}, "languages: expected a list of codes, such as [\"ko\"], got 'ko'."),
        ({"languages": 5}, 'languages: expected a list of codes, such as ["ko"], got 5.'),
        ({"method_options": "rank=3"}, "method_options: expected names with their values, got 'rank=3'."),
        ({"shards": ["copy"]}, "shards: expected a string, got ['copy']."),
        ({"dtype": 16}, "dtype: expected a string or None, got 16."),
    ],
)
def test_an_argument_of_a_wrong_type_is_one_sentence(wrong: dict[str, Any], message: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"model": save_base(tmp_path / "base"), "out": tmp_path / "out", **learning(tmp_path)}
    with pytest.raises(InputError) as caught:
        vocabx.extend(**given | wrong)
    assert str(caught.value) == message


def test_other_functions_say_it_alike(tmp_path: Path) -> None:
    base, wrong = save_base(tmp_path / "base"), r"expected a (path|whole number)"
    calls: list[Any] = [
        lambda: vocabx.replace(base, 5, tmp_path / "out"),  # type: ignore[arg-type]
        lambda: vocabx.replace(base, base, None),  # type: ignore[arg-type]
        lambda: vocabx.trim(base, 5, tmp_path / "out"),  # type: ignore[arg-type]
        lambda: vocabx.trim(base, tmp_path, None),  # type: ignore[arg-type]
        lambda: vocabx.trim(base, tmp_path, tmp_path / "out", minimum_frequency="2"),  # type: ignore[arg-type]
        lambda: vocabx.verify(None),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(InputError, match=wrong):
            call()


class Float16:
    """What torch's types are like, without torch."""

    def __str__(self) -> str:
        return "torch.float16"


@pytest.mark.parametrize("dtype", ["torch.float16", Float16()])
def test_a_type_of_torch_is_known_by_its_name(dtype: Any, tmp_path: Path) -> None:
    assert TrimRequest("corpus", dtype=dtype).storage.dtype == "float16"
    base = save_base(tmp_path / "base")
    made = vocabx.extend(base, out=tmp_path / "out", dtype=dtype, **learning(tmp_path))
    assert load_file(tmp_path / "out" / "model.safetensors")[INPUT].dtype == np.float16
    found = vocabx.rows(base, tmp_path / "out", dtype=dtype)
    assert found.input.dtype == np.float16
    assert len(found.new_ids) == made.plan.new
    with pytest.raises(InputError, match=r"dtype: expected the name of a type, such as 'float32', got 'half a float'"):
        vocabx.rows(base, tmp_path / "out", dtype="half a float")


ROWS = np.ones((1, WIDTH), np.float32)


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"input": ROWS[:, 1:], "ids": [700]}, "input has rows of 15 numbers, and the base's have 16"),
        ({"input": ROWS, "bias": np.ones(1), "ids": [700]}, "holds bias rows, and the base has no bias"),
        ({"input": ROWS}, "it needs ids or pieces"),
        ({"input": ROWS[0], "ids": [700]}, "must have one row per token"),
        ({"input": ROWS * np.nan, "ids": [700]}, "row 0 of input is not finite"),
        ({"input": ROWS.astype(int), "ids": [700]}, "rows are floats"),
    ],
)
@pytest.mark.parametrize("command", ["extend", "replace"])
def test_ready_made_rows_that_do_not_fit_are_refused_before_the_long_work(
    command: str, arrays: dict[str, Any], match: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, text = save_base(tmp_path / "base"), learning(tmp_path)
    np.savez(tmp_path / "rows.npz", **{name: np.array(array) for name, array in arrays.items()})  # type: ignore[arg-type]
    for name in ("vocabx.extension.extend_tokenizer", "vocabx.replacement.replace_tokenizer"):
        monkeypatch.setattr(name, lambda *_, **__: pytest.fail("the long work has begun"))
    given: dict[str, Any] = {**text} if command == "extend" else {"tokenizer": base}
    with pytest.raises(InputError, match=match):
        getattr(vocabx, command)(base, out=tmp_path / "out", rows=tmp_path / "rows.npz", **given)


@pytest.mark.parametrize("content", [np.arange(3), np.array([{}], dtype=object)])
def test_one_array_with_the_name_of_an_archive_is_refused_without_advice_to_unpickle_it(
    content: Any, tmp_path: Path
) -> None:
    from vocabx.ready_rows import ReadyRows

    with (tmp_path / "rows.npz").open("wb") as file:
        np.save(file, content)
    with pytest.raises(InputError, match=r"it is no archive of arrays, or cut short\. Use numpy\.savez\.$"):
        ReadyRows.open(tmp_path / "rows.npz")


def unknown(directory: Path, **settings: Any) -> Path:
    """Write a base whose model type is in no layout."""
    base = save_base(directory, **settings)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"model_type": "unheard-of"}))
    return base


@pytest.mark.parametrize("tied", [False, True])
def test_of_an_unknown_family_it_is_said_what_tensors_were_taken_for(tied: bool, tmp_path: Path) -> None:
    stages = Stages()
    made = vocabx.extend(
        unknown(tmp_path / "base", tied=tied), out=tmp_path / "out", stages=stages, **learning(tmp_path)
    )
    head = "none for an output head of its own" if tied else f"{HEAD} for the output head"
    assert made.report(stages).facts["family"] == (
        f"the model type 'unheard-of' is not known; {INPUT} was taken for the input embedding, {head}; see whether "
        "that is so, and verify the result"
    )


def test_of_a_known_family_nothing_is_said(tmp_path: Path) -> None:
    stages = Stages()
    made = vocabx.extend(save_base(tmp_path / "base"), out=tmp_path / "out", stages=stages, **learning(tmp_path))
    assert "family" not in made.report(stages).facts


def test_a_setting_that_names_no_token_says_what_to_do_when_a_model_is_trimmed(tmp_path: Path) -> None:
    base, text = save_base(tmp_path / "base"), learning(tmp_path)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"image_token_index": 32_000}))
    with pytest.raises(
        InputError, match=r"give image_token_index as id 32000, but the base has 700 tokens, none of it, .* Set it to"
    ):
        vocabx.trim(base, text["corpus"], tmp_path / "out")

"""Translation: lines that a model translates in lm-evaluation-harness, as a task file that is written for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vocabx.core.errors import InputError
from vocabx.eval.cost import Progress
from vocabx.eval.decoder import Decoder
from vocabx.eval.harness.quiet import quiet
from vocabx.eval.harness.reader import Reader
from vocabx.eval.harness.tasks import require_harness
from vocabx.eval.translated_pairs import Direction, Pairs

__all__ = ["Translations", "new_tokens_for", "translate", "write_task"]

TASK = "vocabx_translate"
METRICS = ("chrf", "bleu")
LONGER = 1.5
"""How much longer than the longest reference an answer may become."""


@dataclass(frozen=True)
class Translations:
    """What a model made of the lines, in their order.

    Attributes
    ----------
    answers : tuple of str
    scores : mapping of str to float
        The harness's own metrics of all lines, by the names it gives them.
    prompts : tuple of str
        What the harness had the model read.
    """

    answers: tuple[str, ...]
    scores: Mapping[str, float]
    prompts: tuple[str, ...]


def translate(
    decoder: Decoder,
    direction: Direction,
    *,
    new_tokens: int | None = None,
    batch_size: int = 1,
    progress: Progress | None = None,
) -> Translations:
    """Have a model translate lines, greedily, each up to the end of a line.

    Parameters
    ----------
    decoder : Decoder
    direction : Direction
    new_tokens : int, optional
        The most tokens of an answer; by default `new_tokens_for` this model.
    batch_size : int
    progress : callable, optional
        Told how many lines are translated, and how many there are.

    Raises
    ------
    InputError
        When the tokenizer has no EOS token, or a prompt leaves no room for the answer in the model's context.
    MissingExtraError
        When the harness is not installed.
    """
    require_harness()
    if decoder.tokenizer.eos_token_id is None:
        raise InputError("A tokenizer without an EOS token cannot end a text, and the harness needs that it can.")
    new_tokens = new_tokens_for(decoder, direction.pairs) if new_tokens is None else new_tokens
    _check_room(decoder, direction, new_tokens)
    with TemporaryDirectory() as folder, quiet():
        path = write_task(Path(folder), direction, new_tokens)
        return _read(_run(decoder, path, batch_size, len(direction.pairs), progress))


def _run(decoder: Decoder, path: Path, batch_size: int, lines: int, progress: Progress | None) -> Any:
    from lm_eval import evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    tasks = TaskManager(include_path=str(path.parent), include_defaults=False).load([TASK])
    model = HFLM(pretrained=decoder.model, tokenizer=decoder.tokenizer, batch_size=batch_size)
    model.generate_until = partial(model.generate_until, disable_tqdm=True)
    Reader(model).watch(lines, progress)
    return evaluate(model, tasks, bootstrap_iters=0, log_samples=True)


def write_task(folder: Path, direction: Direction, new_tokens: int) -> Path:
    """Write the lines and a task of the harness that has them translated; return the task's file."""
    folder.mkdir(parents=True, exist_ok=True)
    splits = {"test": direction.pairs, "train": direction.examples}
    files = {}
    for split, pairs in splits.items():
        if len(pairs):
            files[split] = str(folder / f"{split}.jsonl")
            Path(files[split]).write_text(_rows(direction, pairs), encoding="utf-8")
    task = {
        "task": TASK,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": files, "cache_dir": str(folder / "cache")},
        "output_type": "generate_until",
        "test_split": "test",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answer}}",
        "num_fewshot": len(direction.examples),
        "generation_kwargs": {"until": ["\n"], "do_sample": False, "max_gen_toks": new_tokens},
        "metric_list": [{"metric": metric} for metric in METRICS],
        "metadata": {"version": 1.0},
    }
    if "train" in files:
        task |= {"fewshot_split": "train", "fewshot_config": {"sampler": "first_n"}}
    path = folder / f"{TASK}.yaml"
    # JSON is YAML, and no quoting of a language's name can go wrong in it.
    path.write_text(json.dumps(task, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def new_tokens_for(decoder: Decoder, pairs: Pairs) -> int:
    """Return one and a half times the tokens of the longest reference, as this model's tokenizer segments it.

    A number of tokens that is the same for every model would let one with longer tokens say more.
    """
    encoded = decoder.tokenizer(list(pairs.target), add_special_tokens=False, verbose=False)["input_ids"]
    return int(LONGER * max(map(len, encoded))) + 1


def _rows(direction: Direction, pairs: Pairs) -> str:
    rows = zip(pairs.source, pairs.target, strict=True)
    return "".join(
        json.dumps({"question": direction.ask(source), "answer": target}, ensure_ascii=False) + "\n"
        for source, target in rows
    )


def _check_room(decoder: Decoder, direction: Direction, new_tokens: int) -> None:
    if decoder.context is None:
        return
    lengths = [len(ids) for ids in decoder.tokenizer(direction.prompts(), verbose=False)["input_ids"]]
    longest = max(range(len(lengths)), key=lengths.__getitem__)
    if lengths[longest] + new_tokens > decoder.context:
        raise InputError(
            f"The prompt of line {longest + 1} ({direction.name}) is {lengths[longest]:,} tokens, and with an answer "
            f"of {new_tokens:,} that is more than the {decoder.context:,} that the model reads. Take shorter lines, "
            "fewer examples, or fewer tokens with --new-tokens."
        )


def _read(results: Any) -> Translations:
    samples: Sequence[Any] = sorted(results["samples"][TASK], key=lambda sample: int(sample["doc_id"]))
    scores = results["results"][TASK]
    return Translations(
        tuple(str(sample["filtered_resps"][0]) for sample in samples),
        {metric: float(scores[f"{metric},none"]) for metric in METRICS},
        tuple(str(sample["arguments"][0][0]) for sample in samples),
    )

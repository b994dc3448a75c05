"""Made-up items in the layouts of the published files, the same as the hub has them, and small models to ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.eval.models import tiny_tokenizer

__all__ = ["HUB_COLUMNS", "KOBEST_FILES", "harness_task", "small_decoder", "write_kobest", "write_nli"]

KOBEST_FILES = {
    "BoolQ": "\ufeffID\tText\tQuestion\tAnswer\r\n"
    '1\t"강은 북쪽으로 흐른다.\t강은 북쪽으로 흐르는가?\tTRUE\r\n'
    "2\t그 다리는 나무로 지었다. \t그 다리는 돌로 지었는가?\tFalse\r\n",
    "COPA": "ID\tsentence\tquestion\t1\t2\tAnswer\r\n"
    "1\t비가 왔다.\t결과\t땅이 젖었다.\t땅이 말랐다.\t1\r\n"
    "2\t나는 늦었다.\t원인 \t일찍 일어났다.\t버스를 놓쳤다.\t2\r\n",
    "HellaSwag": "\ufeffcontext\tchoice1\tchoice2\tchoice3\tchoice4\tlabel\n"
    "물을 끓인다.\t차를 우린다.\t잠을 잔다.\t산에 오른다.\t눈이 온다.\t0\n"
    "공을 던진다.\t책을 덮는다.\t해가 진다.\t불을 끈다.\t공을 받는다.\t3\n",
    "SentiNeg": "ID\tText\tLabel\tText_origin\tLabel_origin\r\n"
    "1\t맛이 없지 않아요\t1\t맛이 없어요\t0\r\n2\t다시 사지 않을래요\t0\t다시 살래요\t1\r\n",
    "WiC": "ID\tTarget\tSENTENCE1\tDictionary 1\tLink 1\tSENTENCE2\tDictionary 2\tLink2\tANSWER\r\n"
    "1\t배\t[배]가 항구에 닿았다.\t1\tx\t[배]를 먹었다.\t2\ty\tFalse\r\n"
    "2\t손\t[손]을 씻었다.\t1\tx\t[손]이 차다.\t1\ty\tTRUE\r\n",
}
"""Two items of each task, with every trap of the real files: a byte order mark, a quotation mark alone, a space at the
end, truth in any case, answers from 1, a question with a space, other columns than in training."""

HUB_COLUMNS: Mapping[str, list[dict[str, Any]]] = {
    "boolq": [
        {"paragraph": '"강은 북쪽으로 흐른다.', "question": "강은 북쪽으로 흐르는가?", "label": 1},
        {"paragraph": "그 다리는 나무로 지었다. ", "question": "그 다리는 돌로 지었는가?", "label": 0},
    ],
    "copa": [
        {
            "premise": "비가 왔다.",
            "question": "결과",
            "alternative_1": "땅이 젖었다.",
            "alternative_2": "땅이 말랐다.",
            "label": 0,
        },
        {
            "premise": "나는 늦었다.",
            "question": "원인 ",
            "alternative_1": "일찍 일어났다.",
            "alternative_2": "버스를 놓쳤다.",
            "label": 1,
        },
    ],
    "hellaswag": [
        {
            "context": "물을 끓인다.",
            "ending_1": "차를 우린다.",
            "ending_2": "잠을 잔다.",
            "ending_3": "산에 오른다.",
            "ending_4": "눈이 온다.",
            "label": 0,
        },
        {
            "context": "공을 던진다.",
            "ending_1": "책을 덮는다.",
            "ending_2": "해가 진다.",
            "ending_3": "불을 끈다.",
            "ending_4": "공을 받는다.",
            "label": 3,
        },
    ],
    "sentineg": [{"sentence": "맛이 없지 않아요", "label": 1}, {"sentence": "다시 사지 않을래요", "label": 0}],
    "wic": [
        {"word": "배", "context_1": "[배]가 항구에 닿았다.", "context_2": "[배]를 먹었다.", "label": 0},
        {"word": "손", "context_1": "[손]을 씻었다.", "context_2": "[손]이 차다.", "label": 1},
    ],
}
"""The same items in the columns of ``skt/kobest_v1``."""


def write_kobest(folder: Path, split: str = "test") -> Path:
    """Write the items as the published files lie."""
    for name, text in KOBEST_FILES.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{split}.tsv").write_bytes(text.encode())
    return folder


def write_nli(path: Path, rows: Sequence[tuple[str, str, str]]) -> Path:
    """Write pairs and labels in KorNLI's layout."""
    lines = ["sentence1\tsentence2\tgold_label", *("\t".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def harness_task(name: str, folder: str, documents: Mapping[str, Sequence[Mapping[str, Any]]], **changes: Any) -> Any:
    """Build the harness's own task, by its own file and classes, on documents in memory."""
    import lm_eval.tasks
    from datasets import Dataset
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    config = load_yaml(Path(lm_eval.tasks.__file__).parent / folder / f"{name}.yaml")
    parts = {part: Dataset.from_list([dict(document) for document in some]) for part, some in documents.items()}
    unused = {f"{key}_split": None for key in ("training", "validation", "test")}
    known = {f"{'training' if part == 'train' else part}_split": part for part in parts}
    return ConfigurableTask(config={**config, **unused, **known, "custom_dataset": lambda **_: parts, **changes})


def small_decoder(folder: Path, context: int = 512, **roles: str) -> Path:
    """Write a random decoder that reads bytes."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny_tokenizer(**roles)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=context,
        initializer_range=0.5,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder

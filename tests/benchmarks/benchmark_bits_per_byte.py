"""Compare bits per byte with a plain loop: one document after the other, window by window, by the model's own loss.

Both run in the same process with the same threads, alternating; ratios are of medians. The plain loop is that of
transformers' guide to perplexity, with the documents' start token and the same windows. A masked model is compared with
one row for each masked token. Other work on the machine disturbs wall time, so the time of all cores is given too.
*Of a product* is how much of the rate of one large matrix product, in the same type and threads, our way reaches on the
multiplications that the model needs: nothing exact can be faster than 1, whatever the loop that it is compared with.

    python -m tests.benchmarks.benchmark_bits_per_byte --model DIR --documents 200
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.core.report import Table
from vocabx.eval.bits_per_byte import score_documents
from vocabx.eval.cost import Nats
from vocabx.eval.decoder import Decoder, load_decoder
from vocabx.eval.encoder import Encoder, load_masked_model
from vocabx.eval.masked_loss import mask_words, score_masked

RESOURCES = Path(os.environ.get("VOCABX_RESOURCES", Path.home() / ".cache" / "vocabx-resources"))
SHORT, LONG = (40, 200), (200, 1000)
WINDOW, STRIDE = 1024, 512


def paragraphs(file: Path, count: int, least: int, most: int) -> list[str]:
    """Draw different paragraphs of so many bytes."""
    lines = [line for line in dict.fromkeys(file.read_text().splitlines()) if least <= len(line.encode()) <= most]
    chosen = np.random.default_rng(0).choice(len(lines), min(count, len(lines)), replace=False)
    return [lines[index] for index in sorted(chosen)]


def plain_loop(decoder: Decoder, texts: Sequence[str], window: int, stride: int) -> Nats:
    """Read each document by itself, window after window."""
    import torch

    nats = np.zeros(len(texts))
    for document, text in enumerate(texts):
        ids = torch.tensor([decoder.encode([text]).values.tolist()])
        reached = 1
        for begin in range(0, ids.shape[1], stride):
            end = min(begin + window, ids.shape[1])
            part = ids[:, begin:end]
            labels = part.clone()
            labels[:, : reached - begin] = -100
            with torch.no_grad():
                nats[document] += float(decoder.model(input_ids=part, labels=labels).loss) * (end - reached)
            reached = end
            if end == ids.shape[1]:
                break
    return nats


def plain_masks(encoder: Encoder, texts: Sequence[str]) -> Nats:
    """Mask each token and what follows of its word, and read the document, for one token after the other."""
    import torch

    nats = np.zeros(len(texts))
    before, behind = encoder.around
    for document, text in enumerate(texts):
        masked = mask_words(encoder, [text])
        for place, wanted in enumerate(masked.ids.values.tolist()):
            shown = masked.ids.values.copy()
            shown[place : masked.word_ends[place]] = encoder.mask
            with torch.no_grad():
                logits = encoder.model(input_ids=torch.tensor([[*before, *shown.tolist(), *behind]])).logits[0]
            nats[document] -= float(logits[len(before) + place].log_softmax(0)[wanted])
            if wanted == encoder.tokenizer.unk_token_id:
                nats[document] += float(masked.sizes[place]) * math.log(256)
    return nats


def timed(work: Callable[[], Nats]) -> tuple[float, float, Nats]:
    """Seconds that a call takes, on the wall and of all cores, and what it returns."""
    wall, cores = time.perf_counter(), time.process_time()
    found = work()
    return time.perf_counter() - wall, time.process_time() - cores, found


def product_rate(dtype: str, size: int = 3072, runs: int = 5) -> float:
    """Multiplications and additions per second of one large matrix product, the best of some runs."""
    import torch

    matrix = torch.ones(size, size, dtype=getattr(torch, dtype))
    seconds = []
    for _ in range(runs):
        begin = time.perf_counter()
        torch.mm(matrix, matrix)
        seconds.append(time.perf_counter() - begin)
    return float(2 * size**3 / min(seconds))


def needed(model: Any, tokens: int) -> float:
    """Multiplications and additions that tokens need: two for each entry of a matrix that they go through."""
    inputs = {id(model.get_input_embeddings().weight)} - {id(model.get_output_embeddings().weight)}
    used = sum(weight.numel() for weight in model.parameters() if id(weight) not in inputs)
    return float(2 * used * tokens)


def compare(
    name: str,
    texts: Sequence[str],
    plain: Callable[[], Nats],
    own: Callable[[], Nats],
    runs: int,
    seconds_needed: float | None = None,
) -> list[Any]:
    """Time both, and find by how much they differ in bits per byte."""
    sizes = sum(len(text.encode()) for text in texts)
    both = [(timed(plain), timed(own)) for _ in range(runs)]
    walls = [statistics.median(run[kind][0] for run in both) for kind in (0, 1)]
    cores = [statistics.median(run[kind][1] for run in both) for kind in (0, 1)]
    medians = [*walls, *cores]
    gap = max(abs(first[2].sum() - second[2].sum()) / sizes / math.log(2) for first, second in both)
    ratios = [round(medians[0] / medians[1], 2), round(medians[2] / medians[3], 2)]
    share = None if seconds_needed is None else round(seconds_needed / medians[1], 2)
    return [name, len(texts), sizes, *(round(value, 2) for value in medians), *ratios, share, f"{gap:.1e}"]


def compare_decoder(decoder: Decoder, name: str, texts: Sequence[str], runs: int, rate: float) -> list[Any]:
    """Compare on a causal model."""
    seconds_needed = needed(decoder.model, len(decoder.encode(texts).values)) / rate
    return compare(
        name,
        texts,
        lambda: plain_loop(decoder, texts, WINDOW, STRIDE),
        lambda: score_documents(decoder.model, decoder.tokenizer, texts, window=WINDOW, stride=STRIDE).nats,
        runs,
        seconds_needed,
    )


def main() -> None:
    """Measure and print."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=RESOURCES / "smollm2")
    parser.add_argument("--masked-model", type=Path, default=RESOURCES / "small-bert")
    parser.add_argument("--texts", type=Path, default=RESOURCES / "help-texts")
    parser.add_argument("--documents", type=int, default=50)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--dtype", default="float32")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    clocks = ("plain s", "ours s", "plain core s", "ours core s", "faster", "of cores")
    columns = ("text", "documents", "bytes", *clocks, "of a product", "difference, bits per byte")
    rows = []
    if arguments.model.is_dir() and arguments.texts.is_dir():
        decoder = load_decoder(arguments.model, dtype=arguments.dtype)
        rate = product_rate(arguments.dtype)
        for language in ("en-us", "ko"):
            for what, sizes in (("short", SHORT), ("long", LONG)):
                texts = paragraphs(arguments.texts / f"help.{language}.txt", arguments.documents, *sizes)
                rows.append(compare_decoder(decoder, f"{language}, {what}", texts, arguments.runs, rate))
    if arguments.masked_model.is_dir() and arguments.texts.is_dir():
        encoder = load_masked_model(arguments.masked_model)
        texts = paragraphs(arguments.texts / "help.en-us.txt", arguments.documents, *SHORT)
        rows.append(
            compare(
                "en-us, masked model",
                texts,
                lambda: plain_masks(encoder, texts),
                lambda: score_masked(encoder, texts).nats,
                arguments.runs,
            )
        )
    title = f"bits per byte, {arguments.threads} threads, medians of {arguments.runs}"
    print(Table(title, columns, rows).to_text() if rows else "Left out: there are no models or texts.")


if __name__ == "__main__":
    main()

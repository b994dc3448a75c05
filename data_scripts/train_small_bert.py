"""Train a small BERT with its masked-language head: a tied decoder and an output bias that was really trained.

What    A WordPiece tokenizer of 8,192 tokens learnt from English, and `BertForMaskedLM` of about 3.4 million parameters
        (4 layers of 192) that fills in masked tokens. It is what a test of output biases needs: encoders are mostly
        published without the head that they were trained with.
From    English text, one paragraph a line: `pydocs.en.txt` of `$VOCABX_RESOURCES/texts` (default
        `~/.cache/vocabx-resources/texts`), the Python documentation (PSF License Agreement Version 2). Blocks of
        neighbouring lines are held out to measure on.
Out     A Hugging Face directory (config.json, model.safetensors in float32, tokenizer.json, tokenizer_config.json,
        vocab.txt), by default `$VOCABX_RESOURCES/small-bert`, where tests look for it. The same seed and machine give
        the same files; training takes one thread, so that this does not depend on how many there are.
Time    About 10 minutes on one CPU core with bfloat16 instructions. Needs torch (`pip install vocabx[torch]`).

    python data_scripts/train_small_bert.py            trains, writes and measures
    python data_scripts/train_small_bert.py --check    measures what is there already
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from transformers import AutoModelForMaskedLM, BertConfig, BertForMaskedLM

from vocabx.checkpoint import staged_directory
from vocabx.core.arrays import Ragged
from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError, VocabxError
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer
from vocabx.tokenizer_tools.train import TrainingOptions, train_tokenizer
from vocabx.tokenizer_tools.train.directory import check_directory, write_trained

logger = logging.getLogger("train_small_bert")

BFLOAT16_STEP = torch.autocast("cpu", torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every number that shapes the outcome."""

    seed: int = 0
    block_lines: int = 25
    """Neighbouring lines that stay together, so that a held-out line has few neighbours in the training text."""
    held_out_blocks: int = 24
    vocabulary: int = 8192
    layers: int = 4
    hidden: int = 192
    heads: int = 6
    context: int = 128
    initial_deviation: float = 0.06
    sharpness: float = 1.5
    """How sharply the first layer looks at neighbours when it starts."""
    lengths: tuple[int, ...] = (32, 64)
    """Tokens in the sequences of a step, drawn anew for each step; longer ones learn more slowly. They stand at any
    place of the context, so that all of its places are trained."""
    step_tokens: int = 1024
    masked: float = 0.2
    """Share of the tokens that are masked. All become [MASK]: filling it in is all that the model is measured on."""
    steps: int = 4000
    warmup_steps: int = 200
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05


# --- text ---------------------------------------------------------------------------------------------------------


def split_lines(lines: Sequence[str], recipe: Recipe, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Hold out blocks of neighbouring lines; a line that is also in the training text is in no held-out block."""
    blocks = [lines[first : first + recipe.block_lines] for first in range(0, len(lines), recipe.block_lines)]
    if len(blocks) <= recipe.held_out_blocks:
        raise InputError(
            f"The text has {len(blocks)} blocks of {recipe.block_lines} lines; holding out {recipe.held_out_blocks} "
            "leaves nothing to train on."
        )
    chosen = set(rng.choice(len(blocks), recipe.held_out_blocks, replace=False).tolist())
    training = [line for index, block in enumerate(blocks) if index not in chosen for line in block]
    known = set(training)
    return training, [line for index in sorted(chosen) for line in blocks[index] if line not in known]


def encode_lines(segmenter: FastSegmenter, lines: Sequence[str]) -> Ragged:
    """Return the ids of each line with [SEP] behind it."""
    ids = segmenter.segment_lines(lines).ids
    end = segmenter.roles["sep"]
    return Ragged.from_rows([[*ids[line].tolist(), end] for line in range(len(ids))])


def token_chances(lines: Ragged, vocabulary: int) -> NDArray[np.float64]:
    """Return how likely each token is by itself, each counted once too often so that none is impossible."""
    counts = np.bincount(lines.values, minlength=vocabulary) + 1.0
    return np.asarray(counts / counts.sum())


@dataclass(frozen=True)
class Masking:
    """How tokens are hidden: ids of [CLS] and [MASK], the special ids that never are, and the share that is."""

    begin: int
    mask: int
    special: NDArray[np.int64]
    share: float

    @classmethod
    def of(cls, segmenter: FastSegmenter, share: float) -> Masking:
        """Take the ids from a tokenizer."""
        roles = segmenter.roles
        return cls(roles["cls"], roles["mask"], np.array(sorted(roles.values())), share)

    def hide(self, ids: NDArray[np.int64], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the ids with [MASK] where a token is hidden, and where that is."""
        hidden = (rng.random(ids.shape) < self.share) & ~np.isin(ids, self.special)
        return np.where(hidden, self.mask, ids), hidden


def draw_batch(lines: Ragged, length: int, count: int, masking: Masking, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return sequences (count, length): [CLS], then a line drawn by chance and those that follow, cut off."""
    taken = length - 1
    last = len(lines.values) - taken
    starts = lines.starts[: np.searchsorted(lines.starts, last, side="right")]
    begins = rng.choice(starts, count)
    body = lines.values[begins[:, None] + np.arange(taken)]
    return np.concatenate([np.full((count, 1), masking.begin), body], axis=1)


# --- training -----------------------------------------------------------------------------------------------------


def make_model(recipe: Recipe, padding: int, chances: NDArray[np.float64]) -> Any:
    """Make the model.

    The output bias starts at the logarithm of each token's frequency, and is trained from there. The heads of the first
    layer start out looking at neighbours: left to find them, a model spends most of so short a training at the
    frequencies of tokens.
    """
    config = BertConfig(
        vocab_size=recipe.vocabulary,
        hidden_size=recipe.hidden,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        intermediate_size=4 * recipe.hidden,
        max_position_embeddings=recipe.context,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=recipe.initial_deviation,
        pad_token_id=padding,
        tie_word_embeddings=True,
    )
    model = BertForMaskedLM(config)
    with torch.no_grad():
        model.get_output_embeddings().bias.copy_(torch.from_numpy(np.log(chances)).float())
        look_at_neighbours(model.bert, recipe)
    return model


def look_at_neighbours(bert: Any, recipe: Recipe) -> None:
    """Let each head of the first layer attend to one of the next places to the left and to the right.

    As many dimensions as a head has are given to sines and cosines of the position. Keys are these as they are, and
    queries are turned by the head's offset, so that their product is largest there.
    """
    size = recipe.hidden // recipe.heads
    # Multiples of the golden ratio: no two distances, however long, look alike.
    frequencies = math.pi * (torch.arange(1, size // 2 + 1) * (math.sqrt(5) - 1) / 2 % 1)
    angles = torch.arange(recipe.context)[:, None] * frequencies
    embeddings, attention = bert.embeddings, bert.encoder.layer[0].attention.self
    embeddings.word_embeddings.weight[:, :size] = 0
    embeddings.position_embeddings.weight.zero_()
    waves = torch.cat([angles.cos(), angles.sin()], dim=1)
    embeddings.position_embeddings.weight[:, :size] = math.sqrt(2) * recipe.initial_deviation * waves
    for matrix in (attention.query.weight, attention.key.weight):
        matrix.zero_()
    for head in range(recipe.heads):
        offset = (head // 2 + 1) * (-1) ** head
        cosine, sine = ((frequencies * offset).cos().diag(), (frequencies * offset).sin().diag())
        turn = torch.cat([torch.cat([cosine, -sine], dim=1), torch.cat([sine, cosine], dim=1)])
        attention.query.weight[head * size : (head + 1) * size, :size] = recipe.sharpness * turn
        attention.key.weight[head * size : (head + 1) * size, :size] = torch.eye(size)


def learning_rate(step: int, recipe: Recipe) -> float:
    """Rise in a straight line, then fall along a cosine to a hundredth of the peak."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    share = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return recipe.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2)


def make_optimizer(model: Any, recipe: Recipe) -> torch.optim.Optimizer:
    """Decay matrices, but no bias and no norm."""
    parameters = list(model.parameters())  # a tied tensor comes once
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98), fused=True)


def hidden_nats(
    model: Any, ids: NDArray[np.int64], shown: NDArray[np.int64], hidden: NDArray[np.bool_], place: int = 0
) -> torch.Tensor:
    """Return the cost of every hidden token of sequences that begin at a place; only their logits are computed."""
    places = torch.arange(place, place + ids.shape[1])[None]
    states = model.bert(input_ids=torch.from_numpy(shown), position_ids=places).last_hidden_state
    logits = model.cls(states[torch.from_numpy(hidden)]).float()
    return torch.nn.functional.cross_entropy(logits, torch.from_numpy(ids[hidden]), reduction="none")


def train_model(model: Any, lines: Ragged, masking: Masking, recipe: Recipe, rng: np.random.Generator) -> None:
    """Train in place."""
    optimizer = make_optimizer(model, recipe)
    started, losses = time.monotonic(), list[float]()
    model.train()
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, recipe)
        length = int(rng.choice(recipe.lengths))
        # Half of the steps begin where text does begin when the model is used.
        place = int(rng.integers(recipe.context - length + 1)) if step % 2 else 0
        ids = draw_batch(lines, length, recipe.step_tokens // length, masking, rng)
        with BFLOAT16_STEP:
            loss = hidden_nats(model, ids, *masking.hide(ids, rng), place).mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % 100 == 0:
            logger.info("step %d  loss %.3f  %.0f s", step + 1, np.mean(losses[-100:]), time.monotonic() - started)
    model.eval()


# --- everything ---------------------------------------------------------------------------------------------------


def train(corpus: Sequence[str], out: Path, recipe: Recipe, *, force: bool) -> None:
    """Train the tokenizer and the model, and write both."""
    split_rng, batch_rng = np.random.default_rng(recipe.seed).spawn(2)
    lines, _ = split_lines(list(Corpus.open(corpus).lines()), recipe, split_rng)
    with staged_directory(out, force=force, protect=[]) as stage:
        trained = train_tokenizer([lines], TrainingOptions(family="wordpiece", size=recipe.vocabulary))
        segmenter = trained.segmenter
        encoded = encode_lines(segmenter, lines)
        torch.manual_seed(recipe.seed)
        model = make_model(recipe, segmenter.roles["pad"], token_chances(encoded, recipe.vocabulary))
        logger.info("%d parameters, %d tokens of text", model.num_parameters(), len(encoded.values))
        train_model(model, encoded, Masking.of(segmenter, recipe.masked), recipe, batch_rng)
        model.save_pretrained(stage)
        write_trained(trained, stage)
        (stage / "vocab.txt").write_text("".join(f"{piece}\n" for piece in segmenter.tokens.pieces), "utf-8")
        check_directory(trained, stage, lines[:2000])


@dataclass(frozen=True, slots=True)
class Check:
    """Nats for a token of held-out text: filled in by the model, and by its frequency in the training text alone."""

    tokens: int
    model: float
    unigram: float


def check(corpus: Sequence[str], written: Path, recipe: Recipe) -> Check:
    """Open what was written as a user would, and measure it on the lines that were held out."""
    split_rng, mask_rng = np.random.default_rng(recipe.seed).spawn(2)
    lines, held_out = split_lines(list(Corpus.open(corpus).lines()), recipe, split_rng)
    segmenter = read_tokenizer(written)
    model = AutoModelForMaskedLM.from_pretrained(written, use_safetensors=True).eval()
    masking = Masking.of(segmenter, recipe.masked)
    chances = token_chances(encode_lines(segmenter, lines), recipe.vocabulary)
    chances[masking.special] = 0  # they are never hidden
    chances /= chances.sum()
    nats, tokens = list[float](), list[int]()
    for ids in _sequences(encode_lines(segmenter, held_out), masking, recipe.context):
        shown, hidden = masking.hide(ids, mask_rng)
        with torch.inference_mode():
            nats += hidden_nats(model, ids, shown, hidden).tolist()
        tokens += ids[hidden].tolist()
    found = Check(len(nats), float(np.mean(nats)), float(-np.log(chances[tokens]).mean()))
    logger.info("held out: %d hidden tokens, %.3f nats each by the model, %.3f by frequency", *astuple(found))
    logger.info("output bias: %s", _spread(model.get_output_embeddings().bias))
    return found


def _sequences(lines: Ragged, masking: Masking, length: int) -> list[NDArray[np.int64]]:
    """Return every line as a sequence of its own (1, tokens), with [CLS] before it."""
    return [np.concatenate([[masking.begin], lines[line][: length - 1]])[None] for line in range(len(lines))]


def _spread(bias: torch.Tensor) -> str:
    return f"mean {bias.mean():.2f}, deviation {bias.std():.2f}, from {bias.min():.2f} to {bias.max():.2f}"


def default_resources() -> Path:
    """Where large inputs are looked for."""
    return Path(os.environ.get("VOCABX_RESOURCES") or Path.home() / ".cache" / "vocabx-resources")


def main() -> None:
    """Parse the command line, then train and check, or only check."""
    recipe, resources = Recipe(), default_resources()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", nargs="+", default=[str(resources / "texts" / "pydocs.en.txt")], help="text")
    parser.add_argument("--out", type=Path, default=resources / "small-bert", help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=recipe.steps, help="training steps (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=recipe.seed, help="seed of everything (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="measure what is there already and stop")
    parser.add_argument("--force", action="store_true", help="replace OUT")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)  # sums over more threads round differently
    recipe = replace(recipe, seed=options.seed, steps=options.steps)
    try:
        if not options.check:
            train(options.corpus, options.out, recipe, force=options.force)
        check(options.corpus, options.out, recipe)
    except VocabxError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()

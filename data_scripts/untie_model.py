"""Give a model with tied embeddings an output head of its own, by training the two matrices apart.

What    Copies the input embedding into the output head, then trains both, and nothing else, on short pieces of text.
        The result behaves like the model it came from, and its head is no longer its embedding: what a test of
        untied heads needs, where the models at hand are all tied.
From    Any causal model of the transformers kind in safetensors, and any text in a language it knows. Paragraphs are
        held out of the text to measure on.
Out     The model in bfloat16 with its tokenizer's files as they were. The same seed, machine and number of threads
        give the same files.
Time    200 steps of a model of 135 million parameters: a few minutes on one CPU core with bfloat16 instructions.
        Needs torch (`pip install vocabx[torch]`).

    python data_scripts/untie_model.py MODEL OUT --corpus pydocs.en.txt
"""

from __future__ import annotations

import argparse
import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from vocabx.checkpoint import staged_directory
from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError, VocabxError
from vocabx.eval.bits_per_byte import BitsPerByte, score_documents
from vocabx.eval.decoder import Decoder, load_decoder
from vocabx.tokenizer_tools.write import TOKENIZER_FILES

logger = logging.getLogger("untie_model")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every number that shapes the outcome."""

    seed: int = 0
    steps: int = 200
    batch: int = 2
    length: int = 96
    """Tokens in a training sequence, the start token among them."""
    learning_rate: float = 2e-4
    warmup_steps: int = 20
    held_out: int = 100
    held_out_bytes: int = 100
    """The fewest bytes of a held-out paragraph."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Mean training loss in nats per token, over the first and the last tenth of the steps."""

    first: float
    last: float


# --- text ---------------------------------------------------------------------------------------------------------


def split_lines(lines: Sequence[str], recipe: Recipe, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Draw the held-out paragraphs; the training text is every other line that repeats none of them."""
    long = list(dict.fromkeys(line for line in lines if len(line.encode()) >= recipe.held_out_bytes))
    if len(long) <= recipe.held_out:
        raise InputError(
            f"The text has {len(long)} different lines of at least {recipe.held_out_bytes} bytes; "
            f"holding out {recipe.held_out} leaves nothing to train on."
        )
    held_out = [long[index] for index in sorted(rng.choice(len(long), recipe.held_out, replace=False))]
    taken = set(held_out)
    return [line for line in lines if line not in taken], held_out


def token_stream(tokenizer: Any, lines: Sequence[str]) -> NDArray[np.int64]:
    """Join the lines' tokens, a line break between them."""
    ids = tokenizer([f"{line}\n" for line in lines], add_special_tokens=False, verbose=False)["input_ids"]
    return np.concatenate([np.array(row, dtype=np.int64) for row in ids])


def draw_batch(stream: NDArray[np.int64], start: int | None, recipe: Recipe, rng: np.random.Generator) -> torch.Tensor:
    """Cut sequences out of the stream at random places; each begins with the start token, if there is one."""
    first = [] if start is None else [start]
    taken = recipe.length - len(first)
    begins = rng.integers(len(stream) - taken, size=recipe.batch)
    return torch.tensor(np.array([[*first, *stream[begin : begin + taken]] for begin in begins]))


# --- model --------------------------------------------------------------------------------------------------------


def load_untied(directory: Path) -> Any:
    """Open a tied model in float32, with a head that is a copy of its embedding."""
    config = AutoConfig.from_pretrained(directory)
    if not config.get_text_config().tie_word_embeddings:
        raise InputError(f"{directory} has a head of its own already (tie_word_embeddings is false).")
    config.tie_word_embeddings = config.get_text_config().tie_word_embeddings = False
    model = AutoModelForCausalLM.from_pretrained(directory, config=config, dtype=torch.float32, use_safetensors=True)
    with torch.no_grad():
        model.get_output_embeddings().weight.copy_(model.get_input_embeddings().weight)
    return model


def two_matrices(model: Any) -> tuple[Any, Any]:
    """Return the input embedding and the head, which must be two tensors of one shape."""
    embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    if embedding.data_ptr() == head.data_ptr():
        raise SystemExit("the head is still the embedding: this architecture ties them whatever its configuration says")
    return embedding, head


def relative_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the Frobenius norm of ``a - b`` as a multiple of that of b."""
    a, b = a.detach().double(), b.detach().double()
    return float((a - b).norm() / b.norm())


def learning_rate(step: int, recipe: Recipe) -> float:
    """Rise in a straight line, then fall in one to a tenth of the peak."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    left = (recipe.steps - step) / max(1, recipe.steps - recipe.warmup_steps)
    return recipe.learning_rate * (0.1 + 0.9 * left)


def train_model(
    model: Any, stream: NDArray[np.int64], start: int | None, recipe: Recipe, rng: np.random.Generator
) -> Losses:
    """Train the embedding and the head in place, with bfloat16 products; every other weight stays as it is."""
    matrices = two_matrices(model)
    model.requires_grad_(False)
    for matrix in matrices:
        matrix.requires_grad_(True)
    # Without weight decay, which would also shrink the rows of the input that no batch holds.
    optimizer = torch.optim.AdamW(matrices, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    losses: list[float] = []
    started = time.monotonic()
    model.train()
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, recipe)
        ids = draw_batch(stream, start, recipe, rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(matrices, 1.0)
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % 10 == 0:
            apart, seconds = relative_difference(matrices[1], matrices[0]), time.monotonic() - started
            logger.info(
                "step %d  loss %.3f  |H - E| / |E| %.4f  %.0f s", step + 1, np.mean(losses[-10:]), apart, seconds
            )
    model.eval()
    tenth = max(1, recipe.steps // 10)
    return Losses(float(np.mean(losses[:tenth])), float(np.mean(losses[-tenth:])))


# --- everything ---------------------------------------------------------------------------------------------------


def describe(measured: BitsPerByte, seed: int) -> str:
    """Spell bits per byte with its 95 % interval."""
    interval = measured.interval(np.random.default_rng(seed))
    return f"{interval.estimate:.4f} [{interval.low:.4f}, {interval.high:.4f}] bits per byte"


def untie(directory: Path, corpus: Sequence[str], out: Path, recipe: Recipe, *, force: bool) -> None:
    """Measure, train, write, open what was written, and measure again."""
    text_rng, batch_rng = np.random.default_rng(recipe.seed).spawn(2)
    torch.manual_seed(recipe.seed)
    lines, held_out = split_lines(list(Corpus.open(corpus).lines()), recipe, text_rng)
    with staged_directory(out, force=force, protect=[directory]) as stage:
        model = load_untied(directory)
        tokenizer = AutoTokenizer.from_pretrained(directory)
        before = score_documents(model.eval(), tokenizer, held_out)
        logger.info("held out, before  %s", describe(before, recipe.seed))
        start = None if Decoder(model, tokenizer).start == "uniform" else _start_id(tokenizer)
        original = two_matrices(model)[0].detach().clone()
        losses = train_model(model, token_stream(tokenizer, lines), start, recipe, batch_rng)
        model.bfloat16().save_pretrained(stage)
        for name in TOKENIZER_FILES:
            if (directory / name).is_file():
                shutil.copyfile(directory / name, stage / name)
        del model
        check(stage, original, held_out, before, losses, recipe)


def _start_id(tokenizer: Any) -> int:
    return int(tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id)


def check(
    written: Path,
    original: torch.Tensor,
    held_out: Sequence[str],
    before: BitsPerByte,
    losses: Losses,
    recipe: Recipe,
) -> None:
    """Open what was written as a user would, and say how it differs from the model it came from."""
    decoder = load_decoder(written)
    embedding, head = two_matrices(decoder.model.cpu())
    after = score_documents(decoder.model, decoder.tokenizer, held_out)
    change = after.paired_difference(before, np.random.default_rng(recipe.seed))
    logger.info("held out, after   %s", describe(after, recipe.seed))
    logger.info("change            %+.4f [%+.4f, %+.4f]", change.estimate, change.low, change.high)
    logger.info("training loss     %.3f -> %.3f nats per token", losses.first, losses.last)
    logger.info("|H - E| / |E|     %.4f", relative_difference(head, embedding))
    logger.info("|E - E0| / |E0|   %.4f", relative_difference(embedding, original))
    logger.info("|H - E0| / |E0|   %.4f", relative_difference(head, original))
    rows = int((head != embedding).any(dim=1).sum())
    logger.info("rows that differ  %d of %d", rows, len(head))


def main() -> None:
    """Parse the command line, and untie."""
    recipe = Recipe()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a tied model's directory; it is not changed")
    parser.add_argument("out", type=Path, help="the directory to write")
    parser.add_argument("--corpus", nargs="+", required=True, help="text in a language that the model knows")
    parser.add_argument("--steps", type=int, default=recipe.steps, help="default: %(default)s")
    parser.add_argument("--batch", type=int, default=recipe.batch, help="sequences in a step (default: %(default)s)")
    parser.add_argument("--length", type=int, default=recipe.length, help="tokens in one (default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=recipe.learning_rate, help="peak (default: %(default)s)")
    parser.add_argument("--held-out", type=int, default=recipe.held_out, help="paragraphs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=recipe.seed, help="seed of everything (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="replace OUT")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    transformers.logging.set_verbosity_error()  # the head that is missing in the file is what this is about
    transformers.utils.logging.disable_progress_bar()
    names = ("seed", "steps", "batch", "length", "learning_rate", "held_out")
    chosen = Recipe(**{name: getattr(options, name) for name in names})
    try:
        untie(options.model, options.corpus, options.out, chosen, force=options.force)
    except VocabxError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()

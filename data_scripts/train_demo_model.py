"""Train the small base model, and cut the text, that ship inside the package for `vocabx demo`.

What    A byte-level BPE tokenizer of 4,096 tokens learnt from English, a Llama-architecture model of about 2.4
        million parameters that reads English well and Korean only byte by byte, a Korean corpus to adapt it to,
        and held-out paragraphs in both languages. Written to `vocabx/demo/` and `vocabx/samples/`.
From    The Python documentation and its Korean translation (https://github.com/python/python-docs-ko):
        `pydocs.en.txt` and `pydocs.ko.txt` in `$VOCABX_RESOURCES/texts` (default `~/.cache/vocabx-resources/texts`).
        Line n of one translates line n of the other: the msgid and msgstr of one entry, each on one line.
Licence PSF License Agreement Version 2; its text goes into every folder that holds the text.
Size    About 6 MB in all, of which the weights are 4.8 MB.
Time    15 to 25 minutes on two CPU cores with bfloat16 instructions. Needs torch (`pip install vocabx[torch]`).

The same seed, machine and number of threads give the same files. Another machine may round differently and arrive at
other weights; the splits and the tokenizer are the same everywhere.

    python data_scripts/train_demo_model.py            trains, writes and measures
    python data_scripts/train_demo_model.py --check    measures what is there already
"""

import argparse
import json
import logging
import math
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

logger = logging.getLogger("train_demo_model")

BEGIN = "<|endoftext|>"
LIMIT_BYTES = 8_000_000
HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every number that shapes the outcome."""

    seed: int = 20240607
    block_pairs: int = 50
    """Neighbouring pairs that stay together, so that a held-out paragraph has few neighbours in the training text."""
    held_out_pairs: int = 150
    held_out_bytes: tuple[int, int] = (120, 250)
    """Length of a held-out Korean paragraph. At one token a byte the longest still fits into the context."""
    corpus_bytes: int = 500_000
    sample_bytes: int = 200_000
    vocabulary: int = 4096
    hidden: int = 192
    intermediate: int = 512
    layers: int = 4
    heads: int = 6
    key_value_heads: int = 3
    context: int = 256
    korean_share: float = 0.04
    """Korean tokens among all training tokens."""
    document_lines: int = 4
    """Mean number of neighbouring paragraphs in a training document."""
    batch: int = 16
    steps: int = 2000
    warmup_steps: int = 100
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    z_loss: float = 1e-2
    """Weight of log(Z)^2, which keeps the sum of exponentiated logits near one (PaLM, section 5)."""


class Pair(NamedTuple):
    """One paragraph and its translation."""

    english: str
    korean: str


@dataclass(frozen=True, slots=True)
class Split:
    """Blocks of pairs for each purpose; no pair is in two of them."""

    training: tuple[tuple[Pair, ...], ...]
    corpus: tuple[Pair, ...]
    held_out: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files go, below the root of the repository."""

    root: Path

    @property
    def base(self) -> Path:
        """The model."""
        return self.root / "vocabx" / "demo" / "base"

    @property
    def text(self) -> Path:
        """The text of the demo."""
        return self.root / "vocabx" / "demo" / "text"

    @property
    def samples(self) -> Path:
        """The sample of the source language."""
        return self.root / "vocabx" / "samples"


# --- text ---------------------------------------------------------------------------------------------------------


def read_pairs(folder: Path) -> list[Pair]:
    """Read the two line-aligned files."""
    sides = [(folder / f"pydocs.{code}.txt").read_text("utf-8").splitlines() for code in ("en", "ko")]
    return [Pair(english, korean) for english, korean in zip(*sides, strict=True)]


def hangul_bytes(text: str) -> int:
    """Count the UTF-8 bytes that belong to Hangul."""
    return sum(len(character.encode()) for character in HANGUL.findall(text))


def split_pairs(pairs: Sequence[Pair], recipe: Recipe, rng: np.random.Generator) -> Split:
    """Deal blocks of neighbouring pairs to the three purposes.

    A text that occurs twice in the documentation ("Example::") is used for training only, so that neither the
    corpus nor a held-out paragraph repeats a line that the model was trained on.
    """
    blocks = [tuple(pairs[i : i + recipe.block_pairs]) for i in range(0, len(pairs), recipe.block_pairs)]
    seen = Counter(text for pair in pairs for text in set(pair))
    order = iter(rng.permutation(len(blocks)).tolist())

    held_out: dict[int, list[Pair]] = {}
    while sum(map(len, held_out.values())) < recipe.held_out_pairs:
        index = next(order)
        held_out[index] = [pair for pair in once(blocks[index], seen) if is_paragraph(pair, recipe.held_out_bytes)]
    corpus: dict[int, list[Pair]] = {}
    while sum(len(pair.korean.encode()) + 1 for kept in corpus.values() for pair in kept) < recipe.corpus_bytes:
        index = next(order)
        corpus[index] = [pair for pair in once(blocks[index], seen) if HANGUL.search(pair.korean)]
    return Split(
        training=tuple(blocks[index] for index in sorted(order)),
        corpus=in_order(corpus),
        held_out=in_order(held_out)[: recipe.held_out_pairs],
    )


def once(block: Iterable[Pair], seen: Counter[str]) -> list[Pair]:
    """Keep the pairs neither side of which occurs elsewhere."""
    return [pair for pair in block if all(seen[text] == 1 for text in pair)]


def is_paragraph(pair: Pair, length: tuple[int, int]) -> bool:
    """Tell whether the Korean side is of the wanted length and mostly Hangul, and the English side has none."""
    size = len(pair.korean.encode())
    mostly_hangul = hangul_bytes(pair.korean) >= 0.6 * size
    return length[0] <= size <= length[1] and mostly_hangul and not HANGUL.search(pair.english)


def in_order(blocks: dict[int, list[Pair]]) -> tuple[Pair, ...]:
    """Join blocks in the order of the documentation."""
    return tuple(pair for index in sorted(blocks) for pair in blocks[index])


def english_sample(split: Split, size: int, rng: np.random.Generator) -> list[str]:
    """Take whole blocks of English training text, in the order of the documentation, up to `size` bytes."""
    taken: dict[int, list[str]] = {}
    left = size
    for index in rng.permutation(len(split.training)).tolist():
        lines = [pair.english for pair in split.training[index] if not HANGUL.search(pair.english)]
        left -= sum(len(line.encode()) + 1 for line in lines)
        if left < 0:
            break
        taken[index] = lines
    return [line for index in sorted(taken) for line in taken[index]]


# --- tokenizer ----------------------------------------------------------------------------------------------------


def train_tokenizer(lines: Iterable[str], vocabulary: int) -> Tokenizer:
    """Train byte-level BPE as GPT-2 has it: all 256 bytes, no normaliser, no space put in front."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[BEGIN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def write_tokenizer(tokenizer: Tokenizer, folder: Path, context: int) -> None:
    """Write the two files from which `AutoTokenizer` makes the same tokenizer."""
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "bos_token": BEGIN,
        "clean_up_tokenization_spaces": False,
        "eos_token": BEGIN,
        "model_max_length": context,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", "utf-8")


def begin_id(tokenizer: Tokenizer) -> int:
    """Look up the token that begins a document."""
    (found,) = tokenizer.encode(BEGIN).ids
    return found


def encode_lines(tokenizer: Tokenizer, lines: Sequence[str]) -> list[list[int]]:
    """Encode each line on its own."""
    return [encoding.ids for encoding in tokenizer.encode_batch(list(lines))]


# --- training -----------------------------------------------------------------------------------------------------


def make_documents(
    blocks: Sequence[Sequence[Sequence[int]]],
    mean_lines: int,
    begin: int,
    newline: int,
    rng: np.random.Generator,
) -> list[list[int]]:
    """Cut every block into documents of one or more neighbouring lines, and shuffle the documents.

    A document is `begin`, then its lines with `newline` between them. Its number of lines is geometric, so that the
    model learns both to begin a paragraph from nothing and to go on from the one before.
    """
    documents = []
    for block in blocks:
        starts_document = rng.random(len(block)) < 1 / mean_lines
        for position, line in enumerate(block):
            if position == 0 or starts_document[position]:
                documents.append([begin, *line])
            else:
                documents[-1] += [newline, *line]
    return [documents[index] for index in rng.permutation(len(documents))]


def token_stream(split: Split, tokenizer: Tokenizer, recipe: Recipe, rng: np.random.Generator) -> NDArray[np.int64]:
    """Lay out all training tokens: epochs over the English text, each with its share of Korean mixed in.

    Korean documents are taken in turn from one long shuffled list, so that none comes twice before all have come once.
    """
    needed = recipe.steps * recipe.batch * recipe.context + 1
    begin, newline = begin_id(tokenizer), tokenizer.encode("\n").ids[0]
    english = [encode_lines(tokenizer, [pair.english for pair in block]) for block in split.training]
    korean = [encode_lines(tokenizer, [pair.korean for pair in block]) for block in split.training]
    stream: list[int] = []
    korean_left: list[list[int]] = []
    while len(stream) < needed:
        documents = make_documents(english, recipe.document_lines, begin, newline, rng)
        wanted = sum(map(len, documents)) * recipe.korean_share / (1 - recipe.korean_share)
        while wanted > 0:
            korean_left = korean_left or make_documents(korean, recipe.document_lines, begin, newline, rng)
            documents.append(korean_left.pop())
            wanted -= len(documents[-1])
        for index in rng.permutation(len(documents)):
            stream += documents[index]
    return np.array(stream[:needed], dtype=np.int64)


def make_model(recipe: Recipe, begin: int) -> LlamaForCausalLM:
    """Build the untrained model, the head tied to the embeddings."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=recipe.vocabulary,
            hidden_size=recipe.hidden,
            intermediate_size=recipe.intermediate,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            num_key_value_heads=recipe.key_value_heads,
            max_position_embeddings=recipe.context,
            tie_word_embeddings=True,
            bos_token_id=begin,
            eos_token_id=begin,
            use_cache=True,
        )
    )


def learning_rate(step: int, recipe: Recipe) -> float:
    """Rise in a straight line, then fall along a cosine to a hundredth of the peak."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    progress = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return recipe.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


def make_optimizer(model: LlamaForCausalLM, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW that decays matrices, not the scales of the norms."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    scales = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": scales, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.95))


def train_model(model: LlamaForCausalLM, stream: NDArray[np.int64], recipe: Recipe) -> None:
    """Train in place: float32 weights, bfloat16 products, one pass over the stream.

    The softmax does not notice a constant added to every logit, so nothing but the z-loss says where logits lie. With
    it they are log-probabilities, far below zero for nearly every token, as they are in large pretrained models. A
    new row drawn around zero then outbids the old rows, which is what initialisation is there to prevent.
    """
    tokens = torch.from_numpy(stream)
    windows = recipe.batch * recipe.context
    optimizer = make_optimizer(model, recipe)
    started, smooth = time.monotonic(), math.log(recipe.vocabulary)
    model.train()
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, recipe)
        inputs = tokens[step * windows : (step + 1) * windows].view(recipe.batch, recipe.context)
        targets = tokens[step * windows + 1 : (step + 1) * windows + 1]
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(input_ids=inputs, use_cache=False).logits
        logits = logits.float().flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(logits, targets)
        log_sums = logits.logsumexp(dim=1)
        optimizer.zero_grad()
        torch.autograd.backward(loss + recipe.z_loss * log_sums.square().mean())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        smooth += 0.02 * (loss.item() - smooth)
        if (step + 1) % 50 == 0:
            seconds = time.monotonic() - started
            logger.info("step %d  loss %.3f  log Z %.2f  %.0f s", step + 1, smooth, log_sums.mean().item(), seconds)


def write_model(model: LlamaForCausalLM, folder: Path) -> None:
    """Write the weights as bfloat16 with their two configuration files."""
    model.bfloat16()
    model.generation_config.pad_token_id = model.config.eos_token_id
    model.save_pretrained(folder)


# --- measuring ----------------------------------------------------------------------------------------------------


class Interval(NamedTuple):
    """A value with its bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Show the value, then the interval."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@torch.no_grad()
def paragraph_nats(model: LlamaForCausalLM, tokenizer: Tokenizer, lines: Sequence[str]) -> NDArray[np.float64]:
    """Sum the negative log-likelihood of each line, given only the beginning token."""
    model.train(False)
    begin = begin_id(tokenizer)
    nats = []
    for line in lines:
        tokens = torch.tensor([[begin, *tokenizer.encode(line).ids]])
        logits = model(input_ids=tokens[:, :-1], use_cache=False).logits[0].float()
        nats.append(torch.nn.functional.cross_entropy(logits, tokens[0, 1:], reduction="sum").item())
    return np.array(nats)


def bits_per_byte(nats: NDArray[np.float64], lines: Sequence[str], rng: np.random.Generator) -> Interval:
    """Divide summed bits by summed UTF-8 bytes, with a 95 % bootstrap interval over lines."""
    bits = nats / math.log(2)
    sizes = np.array([len(line.encode()) for line in lines])
    draws = rng.integers(len(lines), size=(2000, len(lines)))
    low, high = np.quantile(bits[draws].sum(axis=1) / sizes[draws].sum(axis=1), [0.025, 0.975])
    return Interval(float(bits.sum() / sizes.sum()), float(low), float(high))


def check(places: Places, seed: int) -> None:
    """Open what was written as a user would, and measure it."""
    model = LlamaForCausalLM.from_pretrained(places.base, dtype=torch.float32)
    tokenizer = Tokenizer.from_file(str(places.base / "tokenizer.json"))
    opened = AutoTokenizer.from_pretrained(places.base)
    for code in ("en", "ko"):
        lines = (places.text / f"held-out.{code}.txt").read_text("utf-8").splitlines()
        for line in lines:
            ids = tokenizer.encode(line).ids
            if opened(line)["input_ids"] != ids or tokenizer.decode(ids) != line:
                raise SystemExit(f"AutoTokenizer and tokenizers disagree about: {line}")
        nats = paragraph_nats(model, tokenizer, lines)
        logger.info("%s  %s bits per byte", code, bits_per_byte(nats, lines, np.random.default_rng(seed)))
    folders = (places.base, places.text, places.samples)
    files = [file for folder in folders for file in sorted(folder.iterdir())]
    for file in files:
        logger.info("%9d  %s", file.stat().st_size, file.relative_to(places.root))
    total = sum(file.stat().st_size for file in files)
    if total > LIMIT_BYTES:
        raise SystemExit(f"the files take {total} bytes, more than the {LIMIT_BYTES} the package has room for")


# --- writing ------------------------------------------------------------------------------------------------------


PSF_LICENSE = """\
## PSF License Agreement, version 2

Copyright (c) 2001-2024 Python Software Foundation; All Rights Reserved

```text
PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2
--------------------------------------------

1. This LICENSE AGREEMENT is between the Python Software Foundation
("PSF"), and the Individual or Organization ("Licensee") accessing and
otherwise using this software ("Python") in source or binary form and
its associated documentation.

2. Subject to the terms and conditions of this License Agreement, PSF hereby
grants Licensee a nonexclusive, royalty-free, world-wide license to reproduce,
analyze, test, perform and/or display publicly, prepare derivative works,
distribute, and otherwise use Python alone or in any derivative version,
provided, however, that PSF's License Agreement and PSF's notice of copyright,
i.e., "Copyright (c) 2001-2024 Python Software Foundation; All Rights Reserved"
are retained in Python alone or in any derivative version prepared by Licensee.

3. In the event Licensee prepares a derivative work that is based on
or incorporates Python or any part thereof, and wants to make
the derivative work available to others as provided herein, then
Licensee hereby agrees to include in any such work a brief summary of
the changes made to Python.

4. PSF is making Python available to Licensee on an "AS IS"
basis.  PSF MAKES NO REPRESENTATIONS OR WARRANTIES, EXPRESS OR
IMPLIED.  BY WAY OF EXAMPLE, BUT NOT LIMITATION, PSF MAKES NO AND
DISCLAIMS ANY REPRESENTATION OR WARRANTY OF MERCHANTABILITY OR FITNESS
FOR ANY PARTICULAR PURPOSE OR THAT THE USE OF PYTHON WILL NOT
INFRINGE ANY THIRD PARTY RIGHTS.

5. PSF SHALL NOT BE LIABLE TO LICENSEE OR ANY OTHER USERS OF PYTHON
FOR ANY INCIDENTAL, SPECIAL, OR CONSEQUENTIAL DAMAGES OR LOSS AS
A RESULT OF MODIFYING, DISTRIBUTING, OR OTHERWISE USING PYTHON,
OR ANY DERIVATIVE THEREOF, EVEN IF ADVISED OF THE POSSIBILITY THEREOF.

6. This License Agreement will automatically terminate upon a material
breach of its terms and conditions.

7. Nothing in this License Agreement shall be deemed to create any
relationship of agency, partnership, or joint venture between PSF and
Licensee.  This License Agreement does not grant permission to use PSF
trademarks or trade name in a trademark sense to endorse or promote
products or services of Licensee, or any third party.

8. By copying, installing or otherwise using Python, Licensee
agrees to be bound by the terms and conditions of this License
Agreement.
```
"""

TEXT_NOTICE = f"""\
# Where these texts come from

`corpus.ko.txt`, `held-out.ko.txt` and `held-out.en.txt` are paragraphs of the Python documentation and of its Korean
translation: https://docs.python.org and https://github.com/python/python-docs-ko. The English is the work of the
Python documentation's authors, the Korean that of the volunteers of the translation. Both are used under the PSF
License Agreement below; examples of code within the documentation are also available under the Zero-Clause BSD
License.

| file | what |
|---|---|
| `corpus.ko.txt` | Korean paragraphs to adapt a model to |
| `held-out.ko.txt` | Korean paragraphs to measure on |
| `held-out.en.txt` | the same paragraphs in English: line n translates line n |

The model in `../base` was trained on other paragraphs of the same documentation, English with a little Korean, and on
none of these.

Changes: paragraphs were taken out of the documents, one a line, and selected. The wording and the markup are as they
were. `data_scripts/train_demo_model.py` did it, and trained the model.

{PSF_LICENSE}"""

SAMPLE_NOTICE = f"""\
# Where this text comes from

`english.txt` holds paragraphs of the Python documentation, https://docs.python.org, used under the PSF License
Agreement below; examples of code within the documentation are also available under the Zero-Clause BSD License.
It is part of the text that the base model of the demo was trained on.

Changes: paragraphs were taken out of the documents, one a line, and selected. The wording and the markup are as they
were. `data_scripts/train_demo_model.py` did it.

{PSF_LICENSE}"""


def write_lines(file: Path, lines: Iterable[str]) -> None:
    """Write one line each, the same bytes on every system."""
    file.write_bytes("".join(f"{line}\n" for line in lines).encode())


def write_texts(split: Split, sample: Sequence[str], places: Places) -> None:
    """Write the texts, each folder with its notice."""
    write_lines(places.text / "corpus.ko.txt", (pair.korean for pair in split.corpus))
    write_lines(places.text / "held-out.ko.txt", (pair.korean for pair in split.held_out))
    write_lines(places.text / "held-out.en.txt", (pair.english for pair in split.held_out))
    write_lines(places.samples / "english.txt", sample)
    (places.text / "NOTICE.md").write_text(TEXT_NOTICE, "utf-8")
    (places.samples / "NOTICE.md").write_text(SAMPLE_NOTICE, "utf-8")


def build(folder: Path, places: Places, recipe: Recipe) -> None:
    """Read, split, train and write everything."""
    for place in (places.base, places.text, places.samples):
        place.mkdir(parents=True, exist_ok=True)
    split_rng, sample_rng, stream_rng = np.random.default_rng(recipe.seed).spawn(3)
    split = split_pairs(read_pairs(folder), recipe, split_rng)
    write_texts(split, english_sample(split, recipe.sample_bytes, sample_rng), places)

    english = [pair.english for block in split.training for pair in block if not HANGUL.search(pair.english)]
    tokenizer = train_tokenizer(english, recipe.vocabulary)
    write_tokenizer(tokenizer, places.base, recipe.context)

    stream = token_stream(split, tokenizer, recipe, stream_rng)
    torch.manual_seed(recipe.seed)
    model = make_model(recipe, begin_id(tokenizer))
    logger.info("%d parameters, %d training tokens", model.num_parameters(), len(stream))
    train_model(model, stream, recipe)
    write_model(model, places.base)


def default_folder() -> Path:
    """Where the parallel documentation is looked for."""
    cache = Path.home() / ".cache" / "vocabx-resources"
    return Path(os.environ.get("VOCABX_RESOURCES", cache)) / "texts"


def main() -> None:
    """Parse the command line, then train and check, or only check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root, recipe = Path(__file__).resolve().parent.parent, Recipe()
    parser.add_argument("--texts", type=Path, default=default_folder(), help="folder of the parallel documentation")
    parser.add_argument("--root", type=Path, default=root, help="write below this folder (default: the repository)")
    parser.add_argument("--steps", type=int, default=recipe.steps, help="training steps (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=recipe.seed, help="seed of everything (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="measure what is there already and stop")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    places = Places(options.root)
    if not options.check:
        build(options.texts, places, replace(recipe, seed=options.seed, steps=options.steps))
    check(places, options.seed)


if __name__ == "__main__":
    main()

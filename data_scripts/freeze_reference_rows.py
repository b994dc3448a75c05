"""Run the published packages of WECHSEL and FOCUS on a small input, and keep what they answer for the tests.

What    Trains two small byte-level tokenizers, makes four small fastText models, a dictionary and embedding matrices,
        and asks `wechsel` (with and without sub-word information) for the rows of the second tokenizer, and
        `deepfocus` (with a ready token-level model) for the rows of either tokenizer from the other.
From    The texts that ship with vocabx: English and Korean paragraphs of the Python documentation (PSF licence). The
        dictionary pairs words by their rank, so it means nothing; parity needs no meaning.
Out     Inputs and answers, in `tests/fixtures/reference/`: tokenizers in JSON, models in fastText's own format, arrays
        in `.npz` without pickle. The same packages, machine and seed give the same files.
Time    Half a minute. The packages need an environment of their own, into which vocabx itself need not go:

    pip install wechsel==0.0.4 deepfocus==1.0.1 fasttext-wheel gensim transformers torch
    python data_scripts/freeze_reference_rows.py tests/fixtures/reference
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import deepfocus
import fasttext
import numpy as np
import torch
import wechsel
from gensim.models import Word2Vec
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

TEXTS = Path(__file__).resolve().parents[1] / "vocabx" / "demo" / "text"
SEED = 0
ENGLISH_LINES = 150
KOREAN_LINES = 300
SOURCE_KOREAN_LINES = 12
"""Korean lines that the source tokenizer sees: enough to give it pieces of characters that the target has too."""

SOURCE_SIZE, TARGET_SIZE = 560, 720
ROW_SIZE = 8
WORD_SIZE, TOKEN_SIZE = 20, 10
"""Multiples of ten: of another number of values fastText leaves the last few as the memory was."""

PAIRS = 120
NEIGHBOURS = 10
END = "<|end|>"


def train_tokenizer(lines: Sequence[str], size: int) -> Tokenizer:
    """Train a byte-level BPE tokenizer with one special token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, special_tokens=[END], show_progress=False)
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def make_model(lines: Sequence[str], size: int, path: Path) -> Any:
    """Make a fastText model of the words of some text and of vectors that are drawn, and keep it.

    Rows that are drawn here are the same each time, while those that fastText trains are so on one thread only. It has
    ten because each draws a tenth of the first rows, and would leave the rest as the memory was.
    Parity needs no meaning.
    """
    with TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        text.write_text(" ".join(lines) + "\n", encoding="utf-8")
        model = fasttext.train_unsupervised(
            str(text), dim=size, minn=3, maxn=5, bucket=500, minCount=3, epoch=1, thread=10, verbose=0
        )
    drawn = np.random.default_rng(SEED).normal(size=model.get_input_matrix().shape).astype(np.float32)
    model.set_matrices(drawn, np.zeros_like(model.get_output_matrix()))
    model.save_model(str(path))
    return fasttext.load_model(str(path))


def without_subwords(model: Any) -> Word2Vec:
    """Return the words of a fastText model, with their vectors and counts, as a gensim model."""
    words, counts = model.get_words(include_freq=True)
    plain = Word2Vec(vector_size=model.get_dimension(), min_count=1)
    plain.build_vocab_from_freq(dict(zip(words, counts.tolist(), strict=True)))
    plain.wv.vectors = np.stack([model.get_word_vector(word) for word in plain.wv.index_to_key])
    return plain


def write_dictionary(source: Any, target: Any, path: Path) -> None:
    """Pair the words of both models: those that are the same, and then by rank."""
    own, other = (
        [word for word in model.get_words() if word != "</s>" and word.isalpha()] for model in (source, target)
    )
    same = [(word, word) for word in own if word in set(other)]
    ranked = zip([word for word in own if word not in other], [word for word in other if word not in own], strict=False)
    lines = [f"{word}\t{translation}" for word, translation in [*same, *ranked][:PAIRS]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_wechsel(method: Any, source: Any, target: Any, rows: NDArray[np.float32], subwords: bool) -> dict[str, Any]:
    """Ask WECHSEL for the rows of the target; keep the neighbours that each is made of (-1 where it is drawn)."""
    made, info = method.apply(source, target, rows.astype(np.float64), use_subword_info=subwords)
    neighbours = np.full((len(made), NEIGHBOURS), -1, np.int16)
    cosines = np.zeros((len(made), NEIGHBOURS), np.float32)
    for piece, (pieces, _, similarities) in info.sources.items():
        token = target.convert_tokens_to_ids(piece)
        neighbours[token] = source.convert_tokens_to_ids(list(pieces))
        cosines[token] = similarities
    return {"rows": made.astype(np.float32), "neighbours": neighbours, "cosines": cosines}


@contextmanager
def overheard(module: Any, name: str, heard: list[Any]) -> Iterator[None]:
    """Keep what a function of a module returns while the module uses it."""
    function = getattr(module, name)

    def listening(*arguments: Any, **options: Any) -> Any:
        heard.append(function(*arguments, **options))
        return heard[-1]

    setattr(module, name, listening)
    try:
        yield
    finally:
        setattr(module, name, function)


def run_focus(source: Any, target: Any, rows: NDArray[np.float32], model: Path) -> dict[str, NDArray[Any]]:
    """Ask FOCUS for the rows of the target; keep which source row each shared token was given, or -1."""
    heard: list[Any] = []
    with overheard(deepfocus.focus, "get_overlapping_tokens", heard):
        made = deepfocus.FOCUS(
            target_tokenizer=target,
            source_tokenizer=source,
            source_embeddings=torch.from_numpy(rows),
            fasttext_model_path=str(model),
            verbosity="silent",
        )
    copied_from = np.full(len(target), -1, np.int16)
    for shared in heard[0][0].values():
        copied_from[shared.target.id] = shared.source[0].id
    return {"rows": made.numpy(), "copied_from": copied_from}


def freeze(out: Path) -> None:
    """Make every file."""
    out.mkdir(parents=True, exist_ok=True)
    english = (TEXTS / "held-out.en.txt").read_text(encoding="utf-8").splitlines()[:ENGLISH_LINES]
    korean = (TEXTS / "corpus.ko.txt").read_text(encoding="utf-8").splitlines()[:KOREAN_LINES]
    wrapped = {}
    for name, lines, size in (
        ("source", english + korean[:SOURCE_KOREAN_LINES], SOURCE_SIZE),
        ("target", korean, TARGET_SIZE),
    ):
        tokenizer = train_tokenizer(lines, size)
        tokenizer.save(str(out / f"{name}-tokenizer.json"), pretty=False)
        wrapped[name] = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)
    source, target = wrapped["source"], wrapped["target"]

    source_words = make_model(english, WORD_SIZE, out / "source-words.bin")
    target_words = make_model(korean, WORD_SIZE, out / "target-words.bin")
    write_dictionary(source_words, target_words, out / "dictionary.txt")
    rows = {
        name: np.random.default_rng(SEED).normal(size=(len(tokenizer), ROW_SIZE)).astype(np.float32)
        for name, tokenizer in wrapped.items()
    }

    answers: dict[str, Any] = {"source_rows": rows["source"]}
    for name, subwords in (("compose", True), ("incidence", False)):
        vectors = (source_words, target_words) if subwords else map(without_subwords, (source_words, target_words))
        method = wechsel.WECHSEL(*vectors, bilingual_dictionary=str(out / "dictionary.txt"))
        answers[f"{name}.rotation"] = method.source_transform(np.eye(source_words.get_dimension())).astype(np.float32)
        made = run_wechsel(method, source, target, rows["source"], subwords)
        answers |= {f"{name}.{part}": array for part, array in made.items()}
    np.savez_compressed(out / "wechsel.npz", **answers)
    answers = {}
    for name, other, lines in (("target", "source", korean), ("source", "target", english)):
        model = out / f"{name}-tokens.bin"
        make_model([" ".join(wrapped[name].tokenize(line)) for line in lines], TOKEN_SIZE, model)
        made = run_focus(wrapped[other], wrapped[name], rows[other], model)
        answers |= {f"{name}.{part}": array for part, array in made.items()}
        answers[f"{name}.source_rows"] = rows[other]
    np.savez_compressed(out / "focus.npz", **answers)
    for file in sorted(out.iterdir()):
        print(f"{file.stat().st_size:>9,}  {file}")


def main() -> None:
    """Read the arguments and make the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the files")
    freeze(parser.parse_args().out)


if __name__ == "__main__":
    main()

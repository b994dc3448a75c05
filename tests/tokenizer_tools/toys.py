"""Small tokenizers of every family, trained in memory, and the lines that they are trained on."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

import vocabx
from vocabx.tokenizer_tools.read import FastSegmenter

__all__ = [
    "MORE_TOYS",
    "TOYS",
    "byte_level",
    "cased_wordpiece",
    "english",
    "gemma_like",
    "invented",
    "korean",
    "llama3_like",
    "lossy_metaspace",
    "metaspace",
    "of_merges",
    "prefixed_byte_level",
    "t5_like",
    "unigram",
    "wordpiece",
]

TEXTS = Path(vocabx.__file__).parent / "demo" / "text"
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\s+"


@cache
def english() -> tuple[str, ...]:
    """Return 150 English lines."""
    return tuple((TEXTS / "held-out.en.txt").read_text(encoding="utf-8").splitlines())


@cache
def korean() -> tuple[str, ...]:
    """Return 400 Korean lines."""
    return tuple((TEXTS / "corpus.ko.txt").read_text(encoding="utf-8").splitlines()[:400])


@cache
def invented(lines: int = 300, seed: int = 1) -> tuple[str, ...]:
    """Lines of a made-up language in Latin letters, of syllables that English has too."""
    rng = random.Random(seed)
    words = [
        "".join(rng.choices(["ka", "re", "the", "to", "wa", "in", "ction", "mba"], k=rng.randint(2, 4)))
        for _ in range(300)
    ]
    return tuple(" ".join(rng.choices(words, k=8)) for _ in range(lines))


def with_roles(tokenizer: Tokenizer, **roles: str) -> FastSegmenter:
    """Read a pipeline whose roles are given by the pieces that have them."""
    vocabulary = tokenizer.get_vocab()
    return FastSegmenter.from_backend(tokenizer, {role: vocabulary[piece] for role, piece in roles.items()})


@cache
def byte_level() -> FastSegmenter:
    """GPT-2's kind of tokenizer; `<|end|>` is in the model's vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        english(),
        trainers.BpeTrainer(
            vocab_size=700, initial_alphabet=ALPHABET, special_tokens=["<|end|>", "<pad>"], show_progress=False
        ),
    )
    return with_roles(tokenizer, bos="<|end|>", eos="<|end|>", pad="<pad>")


@cache
def llama3_like() -> FastSegmenter:
    """Llama 3's and Qwen's kind: whole words first, NFC, added tokens outside the model's vocabulary, a template."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        english(), trainers.BpeTrainer(vocab_size=700, initial_alphabet=ALPHABET, show_progress=False)
    )
    tokenizer.add_special_tokens(
        ["<|begin|>", "<|end|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>"]
    )
    tokenizer.add_tokens(["<think>", AddedToken("    ", normalized=False)])
    begin = tokenizer.token_to_id("<|begin|>")
    tokenizer.post_processor = processors.TemplateProcessing("<|begin|> $A", special_tokens=[("<|begin|>", begin)])
    return with_roles(tokenizer, bos="<|begin|>", eos="<|end|>", pad="<|reserved_special_token_1|>")


@cache
def metaspace() -> FastSegmenter:
    """Llama 2's kind: `▁` for spaces, `<0xNN>` for what has no piece."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    specials = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=specials + [f"<0x{byte:02X}>" for byte in range(256)],
        show_progress=False,
        max_token_length=8,
    )
    tokenizer.train_from_iterator((word for line in english() for word in line.split()), trainer)
    definition = json.loads(tokenizer.to_str())
    definition["added_tokens"] = definition["added_tokens"][: len(specials)]
    return with_roles(Tokenizer.from_str(json.dumps(definition)), unk="<unk>", bos="<s>", eos="</s>")


@cache
def unigram() -> FastSegmenter:
    """XLM-R's kind."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.train_from_iterator(
        english() + korean()[:50],
        trainers.UnigramTrainer(
            vocab_size=900, special_tokens=["<s>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
        ),
    )
    return with_roles(tokenizer, unk="<unk>", bos="<s>", eos="</s>")


@cache
def wordpiece() -> FastSegmenter:
    """BERT's kind."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]"]
    trainer = trainers.WordPieceTrainer(vocab_size=600, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(english(), trainer)
    definition = json.loads(tokenizer.to_str())
    definition["added_tokens"] = [added for added in definition["added_tokens"] if added["content"] != "[unused0]"]
    return with_roles(
        Tokenizer.from_str(json.dumps(definition)), pad="[PAD]", unk="[UNK]", cls="[CLS]", sep="[SEP]", mask="[MASK]"
    )


TOYS = {
    "byte-level": byte_level,
    "like Llama 3": llama3_like,
    "metaspace": metaspace,
    "Unigram": unigram,
    "WordPiece": wordpiece,
}


@cache
def prefixed_byte_level() -> FastSegmenter:
    """RoBERTa's kind of byte-level: a space goes before every text."""
    tokenizer = Tokenizer.from_str(byte_level().backend.to_str())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return FastSegmenter.from_backend(tokenizer, byte_level().roles)


@cache
def gemma_like() -> FastSegmenter:
    """Gemma's kind: no space before a text, a cut at spaces that are gone by then, every merge, free slots."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    slots = [f"<unused{slot}>" for slot in range(40)]
    specials = ["<pad>", "<eos>", "<bos>", "<unk>", *slots, "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=760,
        special_tokens=specials + [f"<0x{byte:02X}>" for byte in range(256)],
        show_progress=False,
        max_token_length=8,
    )
    tokenizer.train_from_iterator((word for line in english() for word in line.replace(" ", " ▁").split()), trainer)
    definition = json.loads(tokenizer.to_str())
    definition["added_tokens"] = definition["added_tokens"][: len(specials)]
    vocabulary = definition["model"]["vocab"]
    # SentencePiece joins whatever spells a piece.
    results = dict.fromkeys(left + right for left, right in definition["model"]["merges"])
    splits = ((piece[:end], piece[end:]) for piece in results for end in range(1, len(piece)))
    definition["model"]["merges"] = [split for split in splits if all(part in vocabulary for part in split)]
    backend = Tokenizer.from_str(json.dumps(definition))
    return with_roles(backend, pad="<pad>", eos="<eos>", bos="<bos>", unk="<unk>", mask="<mask>")


@cache
def lossy_metaspace() -> FastSegmenter:
    """BPE of SentencePiece's kind without bytes to fall back to: it loses what has no piece."""
    definition = json.loads(metaspace().backend.to_str())
    model = definition["model"]
    kept = [piece for piece in model["vocab"] if not piece.startswith("<0x")]
    model |= {"byte_fallback": False, "vocab": {piece: token for token, piece in enumerate(kept)}}
    return with_roles(Tokenizer.from_str(json.dumps(definition)), unk="<unk>", bos="<s>", eos="</s>")


@cache
def t5_like() -> FastSegmenter:
    """T5's kind: scores, one script, and added tokens whose ids follow the model's vocabulary."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Replace(Regex(" {2,}"), " ")
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    specials = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=500, special_tokens=specials, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(english(), trainer)
    tokenizer.add_special_tokens([f"<extra_id_{i}>" for i in range(5)])
    return with_roles(tokenizer, pad="<pad>", eos="</s>", unk="<unk>")


@cache
def cased_wordpiece() -> FastSegmenter:
    """The cased BERT's kind."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    specials = ["[PAD]", *(f"[unused{slot}]" for slot in range(1, 6)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=600, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(english(), trainer)
    definition = json.loads(tokenizer.to_str())
    definition["added_tokens"] = [added for added in definition["added_tokens"] if "unused" not in added["content"]]
    backend = Tokenizer.from_str(json.dumps(definition))
    return with_roles(backend, pad="[PAD]", unk="[UNK]", cls="[CLS]", sep="[SEP]", mask="[MASK]")


MORE_TOYS = {
    "byte-level with a prefix": prefixed_byte_level,
    "like Gemma": gemma_like,
    "metaspace without bytes": lossy_metaspace,
    "like T5": t5_like,
    "cased WordPiece": cased_wordpiece,
}
"""Variants of the families in `TOYS`, for laws that must hold whatever the pipeline around the model."""


def of_merges(*merges: tuple[str, str], alphabet: list[str] = ALPHABET) -> FastSegmenter:
    """Make a byte-level tokenizer of the alphabet and these merges only."""
    pieces = dict.fromkeys([*alphabet, *(left + right for left, right in merges)])
    tokenizer = Tokenizer(models.BPE({piece: token for token, piece in enumerate(pieces)}, list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return FastSegmenter.from_backend(tokenizer)

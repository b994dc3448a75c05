"""The table of families: what a new tokenizer can be."""

from __future__ import annotations

from vocabx.core.registry import Entry, Registry
from vocabx.tokenizer_tools.surfaces import Family
from vocabx.tokenizer_tools.train.learned import Learner
from vocabx.tokenizer_tools.train.pairs import PairLearner, WordPieceLearner
from vocabx.tokenizer_tools.train.pieces import UnigramLearner

__all__ = ["FAMILIES", "LEARNERS"]

FAMILIES = Registry(
    kind="tokenizer family",
    group="tokenizer_families",
    builtin={
        "byte-level-bpe": Entry(
            "vocabx.tokenizer_tools.train.kinds:ByteLevelBpe",
            "BPE over bytes, as in GPT-2, Llama 3 and Qwen",
            paper="Radford et al. 2019",
        ),
        "metaspace-bpe": Entry(
            "vocabx.tokenizer_tools.train.kinds:MarkedSpaces",
            "BPE with ▁ for spaces and bytes to fall back to, as in Gemma",
            {"family": Family.METASPACE},
            paper="Sennrich et al. 2016",
        ),
        "unigram": Entry(
            "vocabx.tokenizer_tools.train.kinds:MarkedSpaces",
            "the likeliest pieces, with ▁ for spaces and bytes to fall back to",
            {"family": Family.UNIGRAM},
            paper="Kudo 2018",
        ),
        "wordpiece": Entry(
            "vocabx.tokenizer_tools.train.kinds:WordPiece",
            "longest piece first, ## inside words, as in BERT",
            paper="Schuster & Nakajima 2012",
        ),
        "sentencepiece-bpe": Entry(
            "vocabx.tokenizer_tools.train.kinds:SentencePiece",
            "BPE by SentencePiece, with a tokenizer.model",
            {"kind": "bpe"},
            paper="Kudo & Richardson 2018",
        ),
        "sentencepiece-unigram": Entry(
            "vocabx.tokenizer_tools.train.kinds:SentencePiece",
            "Unigram by SentencePiece, with a tokenizer.model",
            {"kind": "unigram"},
            paper="Kudo & Richardson 2018",
        ),
    },
)

LEARNERS: dict[Family, type[Learner]] = {
    Family.BYTE_LEVEL: PairLearner,
    Family.METASPACE: PairLearner,
    Family.UNIGRAM: UnigramLearner,
    Family.WORDPIECE: WordPieceLearner,
}
"""How a tokenizer that is made like another one learns its vocabulary."""

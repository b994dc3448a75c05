from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.tokens import held_store
from vocabx.core.errors import CorpusError, InputError
from vocabx.training.sequences.packing import NOT_PREDICTED, PackedSequences, pack

DOCUMENTS = st.lists(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=9), min_size=1, max_size=12)
Row = tuple[tuple[int, int, int], ...]


def plain_rows(documents: Sequence[Sequence[int]], length: int) -> list[Row]:
    """Walk through all tokens: (id, position, label) of each, a full row at a time."""
    rows, row = list[Row](), list[tuple[int, int, int]]()
    for document in documents:
        position = 0
        for token in document:
            if not row:
                position = 0
            row.append((token, position, token if position else NOT_PREDICTED))
            position += 1
            if len(row) == length:
                rows.append(tuple(row))
                row = []
    return rows


def read_rows(packed: PackedSequences, start: int, stop: int) -> list[Row]:
    rows = []
    for index in range(start, stop):
        found = packed[index]
        assert all(values.dtype == np.int64 and values.shape == (packed.target.length,) for values in found.values())
        columns = (found[name].tolist() for name in ("input_ids", "position_ids", "labels"))
        rows.append(tuple(zip(*columns, strict=True)))
    return rows


@given(DOCUMENTS, st.integers(2, 12), st.integers(0, 5), st.integers(1, 3))
def test_in_every_epoch_each_token_comes_once_with_its_position_and_label(
    documents: list[list[int]], length: int, seed: int, epochs: int
) -> None:
    expected = plain_rows(documents, length)
    if not expected:
        return
    packed = pack(held_store(documents), length, epochs * len(expected), seed)
    for epoch in range(epochs):
        begin = epoch * len(expected)
        assert Counter(read_rows(packed, begin, begin + len(expected))) == Counter(expected)


def test_an_example_worked_out_by_hand() -> None:
    packed = pack(held_store([[1, 2, 3], [4], [5, 6, 7, 8]], [3, 1, 1, 2, 1, 1, 4, 9]), 4, 2, 0)
    first, second = sorted(read_rows(packed, 0, 2))
    assert first == ((1, 0, -100), (2, 1, 2), (3, 2, 3), (4, 0, -100))
    assert second == ((5, 0, -100), (6, 1, 6), (7, 2, 7), (8, 3, 8))
    assert (packed.text_read(0, 2).target, packed.text_read(0, 2).replay) == (22, 0)
    assert sorted(packed.text_read(index, index + 1).all for index in (0, 1)) == [7, 15]


@given(DOCUMENTS, st.integers(2, 5), st.data())
def test_bytes_are_counted_exactly(documents: list[list[int]], length: int, data: st.DataObject) -> None:
    tokens = [token for document in documents for token in document]
    if len(tokens) < length:
        return
    store = held_store([list(range(len(tokens)))], [token % 1000 for token in tokens])
    packed = pack(store, length, 7, 0)
    start = data.draw(st.integers(0, 7))
    stop = data.draw(st.integers(start, 7))
    shown = [place for index in range(start, stop) for place in packed[index]["input_ids"].tolist()]
    assert packed.text_read(start, stop).target == sum(tokens[place] % 1000 for place in shown)


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    store = held_store([list(range(400))])

    def order(seed: int, epoch: int, count: int = 300) -> list[int]:
        packed = pack(store, 4, count, seed)
        return [int(packed[epoch * 100 + place]["input_ids"][0]) for place in range(100)]

    assert order(0, 0) == order(0, 0)
    assert order(0, 1) == order(0, 1, count=200)
    orders = [order(0, 0), order(0, 1), order(0, 2), order(1, 0), list(range(0, 400, 4))]
    assert len({tuple(found) for found in orders}) == len(orders)


@given(st.integers(1, 200), st.floats(0, 0.99))
def test_replay_is_spread_evenly_and_both_streams_go_on_without_gaps(count: int, share: float) -> None:
    target, replay = held_store([list(range(100, 140))]), held_store([list(range(20))])
    packed = pack(target, 2, count, 3, replay, share)
    is_replay = [packed.turn(index)[0] is packed.replay for index in range(count)]
    assert sum(is_replay) == round(count * share)
    for stop in range(count + 1):
        assert abs(sum(is_replay[:stop]) - stop * sum(is_replay) / count) < 1
    for kind, alone in ((False, pack(target, 2, count, 3)), (True, None)):
        rows = [read_rows(packed, index, index + 1)[0] for index in range(count) if is_replay[index] == kind]
        assert all((row[0][0] < 100) == kind for row in rows)
        if alone:
            assert rows == read_rows(alone, 0, len(rows))
        for begin in range(0, len(rows) - 9, 10):
            assert kind is False or len(set(rows[begin : begin + 10])) == 10
    read = packed.text_read(0, count)
    assert (read.target, read.replay) == (2 * (count - sum(is_replay)), 2 * sum(is_replay))


def test_reading_text_again_is_said() -> None:
    said = list[str]()
    pack(held_store([[1] * 10]), 5, 5, 0, held_store([[2] * 10]), 0.2, say=said.append)
    assert said == ["The corpus has 2 sequences of 5 tokens, and is read 2.0 times"]
    said.clear()
    pack(held_store([[1] * 10]), 5, 2, 0, say=said.append)
    assert said == []


def test_a_store_shorter_than_one_sequence_is_a_sentence() -> None:
    short, long = held_store([[1, 2, 3]]), held_store([[1] * 9])
    with pytest.raises(CorpusError, match=r"The corpus has 3 tokens, fewer than one sequence of 4\. Give more text"):
        pack(short, 4, 1, 0)
    with pytest.raises(CorpusError, match="The replay corpus has 3 tokens"):
        pack(long, 4, 4, 0, short, 0.5)


@pytest.mark.parametrize(
    ("length", "count", "seed", "share", "message"),
    [
        (1, 1, 0, 0.0, "A sequence of 1 tokens predicts nothing"),
        (2, 0, 0, 0.0, "0 sequences were asked for"),
        (2, 1, -1, 0.0, "The seed is -1"),
        (2, 1, 0, 1.0, "The share of replay is 1.0"),
        (2, 1, 0, 0.5, "but there is no text of the source language"),
    ],
)
def test_a_number_out_of_range_is_a_sentence(length: int, count: int, seed: int, share: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        pack(held_store([[1, 2, 3]]), length, count, seed, None, share)


def test_there_is_no_sequence_beyond_the_last() -> None:
    packed = pack(held_store([[1, 2, 3]]), 2, 3, 0)
    assert len(packed) == len(list(packed)) == 3  # type: ignore[call-overload]  # by __getitem__ alone
    for index in (3, -1):
        with pytest.raises(IndexError):
            packed[index]

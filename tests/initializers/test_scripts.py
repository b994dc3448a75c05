from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import strategies
from tests.strategies import FLOAT_TYPES
from tests.tokenizer_tools.toys import of_merges, wordpiece
from tests.transfers import transfer
from vocabx.core import alignment, arrays
from vocabx.core.arrays import Bools, Ints
from vocabx.core.tokens import TokenTable
from vocabx.initializers import scripts
from vocabx.initializers.scripts import ByScript, ScriptDraw, buckets_of

DRAWN = 40_000
SOURCE = of_merges(("Ġ", "t"), ("Ġ", "a"), ("h", "e"), ("ì", "Ĥ"), ("ìĤ", "¬"), ("ë", "ŀ"), ("ëŀ", "Į"))


def usable() -> Bools:
    return np.array(SOURCE.tokens.is_text)


def rules(new: TokenTable, usable_rows: Bools, seed: int = 0) -> ScriptDraw:
    """What the method says of the input."""
    rule = ByScript().initialize(transfer(SOURCE, new, usable_rows, seed)).input
    assert isinstance(rule, ScriptDraw)
    return rule


def ids(*surfaces: str) -> list[int]:
    return [SOURCE.tokens.id_of_surface[text.encode(), text.startswith(" ")] for text in surfaces]


def members(rule: ScriptDraw, row: int) -> set[int]:
    """The source tokens that a new row is drawn like."""
    return set(np.flatnonzero(rule.members[rule.bucket[row]]).tolist())


def source_rows(count: int = 600) -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    return (rng.normal(size=(count, 3)) * [1, 2, 30] + [0, 5, 1000]).astype(np.float32)


def drawn(rule: ScriptDraw, matrix: NDArray[np.generic]) -> NDArray[np.float32]:
    return np.concatenate([np.empty((0, matrix.shape[1]), np.float32), *rule.blocks(matrix)])


def two_buckets(bucket: Ints, seed: int = 0) -> ScriptDraw:
    """A draw in which even source tokens are bucket 0, every third one bucket 1, and all of them the last."""
    places = np.arange(600)
    marked = np.stack([places % 2 == 0, places % 3 == 0, np.ones(600, np.bool_)])
    return ScriptDraw(len(bucket), seed, 0, bucket, marked)


def test_a_bucket_is_the_commonest_script_and_the_place_in_a_word() -> None:
    surfaces = [" the", "he", " 사람", "사람", "람 API로", "가나다 API로", " 12", "!!"]
    found = buckets_of(strategies.table([text.encode() for text in surfaces]))
    assert found == [
        ("Latin", True),
        ("Latin", False),
        ("Hangul", True),
        ("Hangul", False),
        ("Latin", False),
        ("Hangul", False),
        ("", True),
        ("", False),
    ]


def test_the_place_in_a_word_is_the_tokenizers_not_a_space() -> None:
    source = wordpiece()
    initial = source.backend.token_to_id("the")
    assert initial is not None
    assert buckets_of(source.tokens)[initial] == ("Latin", True)


def test_a_part_of_a_character_has_no_script_and_what_is_whole_decides() -> None:
    part = "람".encode()[:2]
    assert buckets_of(strategies.table([part, b"a" + part, b"\xff"])) == [("", False), ("Latin", False), ("", False)]


def test_a_new_token_is_drawn_like_the_usable_source_tokens_of_its_bucket() -> None:
    new = strategies.table([text.encode() for text in (" thing", "sa", "사람")])
    usable_rows = usable()
    usable_rows[ids("z")] = False
    rule = rules(new, usable_rows)
    assert members(rule, 0) == set(ids(" t", " a"))
    letters = "abcdefghijklmnopqrstuvwxyABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert members(rule, 1) == set(ids(*letters, "he"))
    assert members(rule, 2) == set(ids("사", "람"))


def test_a_bucket_of_one_usable_source_token_gives_way_to_all() -> None:
    """One token has no deviation, so every row would be its row."""
    new, usable_rows = strategies.table(["사람".encode(), "ка".encode()]), usable()
    usable_rows[ids("람")] = False
    rule = rules(new, usable_rows)
    for row in (0, 1):
        assert members(rule, row) == set(np.flatnonzero(usable_rows))


def test_rows_have_the_mean_and_deviation_of_their_own_bucket() -> None:
    matrix, bucket = source_rows(), np.tile([0, 2, 1], DRAWN)
    rows = drawn(two_buckets(bucket), matrix).astype(np.float64)
    for kind, used in ((0, matrix[::2]), (1, matrix[::3]), (2, matrix)):
        found, errors = rows[bucket == kind], used.std(axis=0) / np.sqrt(DRAWN)
        assert (np.abs(found.mean(axis=0) - used.mean(axis=0)) < 5 * errors).all()
        np.testing.assert_allclose(found.std(axis=0), used.std(axis=0), rtol=0.02)
        assert np.abs(np.corrcoef(found.T) - np.eye(3)).max() < 0.03


def test_rows_of_a_bucket_differ() -> None:
    rows = drawn(two_buckets(np.zeros(200, np.int64)), source_rows())
    assert len(np.unique(rows, axis=0)) == len(rows)


@pytest.mark.parametrize("dtype", FLOAT_TYPES, ids=str)
def test_the_moments_are_numpys_on_the_rows_as_stored(dtype: np.dtype[np.generic]) -> None:
    matrix = source_rows().astype(dtype)
    rule = two_buckets(np.array([1, 0]))
    noise = np.random.default_rng([0, 0]).standard_normal((2, 3))
    for row, used in enumerate((matrix[::3].astype(np.float64), matrix[::2].astype(np.float64))):
        expected = used.mean(axis=0) + noise[row] * used.std(axis=0)
        np.testing.assert_allclose(drawn(rule, matrix)[row], expected, rtol=1e-6)


def test_the_size_of_the_blocks_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, rule = source_rows(), two_buckets(np.arange(100) % 3)
    expected = drawn(rule, matrix)
    monkeypatch.setattr(scripts, "NEW_ROWS_PER_BLOCK", 7)
    assert drawn(rule, matrix).tobytes() == expected.tobytes()
    monkeypatch.setattr(scripts, "row_blocks", lambda rows: arrays.row_blocks(rows, 11))
    np.testing.assert_allclose(drawn(rule, matrix), expected, rtol=1e-6)


def test_blocks_are_small_and_rows_beyond_the_tokens_are_not_read() -> None:
    matrix = np.concatenate([source_rows(), np.full((4, 3), np.nan, np.float32)])
    blocks = list(two_buckets(np.zeros(200, np.int64)).blocks(matrix))
    assert all(len(block) <= alignment.NEW_ROWS_PER_BLOCK and np.isfinite(block).all() for block in blocks)


def test_the_draw_depends_on_the_seed() -> None:
    bucket, matrix = np.array([0, 1, 2]), source_rows()
    assert drawn(two_buckets(bucket, 1), matrix).tobytes() == drawn(two_buckets(bucket, 1), matrix).tobytes()
    assert not (drawn(two_buckets(bucket, 1), matrix) == drawn(two_buckets(bucket, 2), matrix)).any()

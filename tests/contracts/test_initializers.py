from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from tests import strategies
from tests.strategies import FLOAT_TYPES
from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Bools, Matrix
from vocabx.core.embeddings import Embeddings
from vocabx.core.initialization import Initialization
from vocabx.core.tokens import TokenKind, TokenTable
from vocabx.initializers.table import INITIALIZERS
from vocabx.tokenizer_tools.read import FastSegmenter

MATRICES = ("input", "head", "bias")
DIMENSIONS, PADDING = 6, 5
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
MERGES = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("i", "n"), ("in", "g"), ("ì", "Ĥ"), ("ìĤ", "¬"), ("ë", "ŀ")]
NEW_TEXTS = [" the", "thing", " 사람", "사람", "사", "람", " 한국어", "ing the", "!!", "\u00e9t\u00e9"]
NEW_BYTES = [b" \xed", "람".encode()[:2], b"\x00", b"\x00\x01", b"\xff\x00\xfe"]


@dataclass(frozen=True)
class Base:
    """A tokenizer with matrices that have rows of every kind which must not be used."""

    source: FastSegmenter
    usable: Bools
    matrices: dict[str, NDArray[np.float32]]


@cache
def base() -> Base:
    """Ids with a hole, special and reserved tokens; zero, infinite and NaN rows; padding beyond the tokenizer."""
    pieces = dict.fromkeys([*ALPHABET, *(left + right for left, right in MERGES)])
    ids = {piece: token + int(token >= 256) for token, piece in enumerate(pieces)}  # id 256 is absent
    tokenizer = Tokenizer(models.BPE(ids, MERGES))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|end|>", "<|reserved_special_token_0|>"])
    end = tokenizer.token_to_id("<|end|>")
    assert end is not None
    source = FastSegmenter.from_backend(tokenizer, {"eos": end})
    table = source.tokens
    assert {TokenKind.ABSENT, TokenKind.CONTROL, TokenKind.RESERVED} <= {TokenKind(kind) for kind in table.kinds}
    rng = np.random.default_rng(5)
    rows = len(table) + PADDING
    matrices = {name: rng.normal(0.3, 1, (rows, DIMENSIONS)).astype(np.float32) for name in ("input", "head")}
    matrices["bias"] = rng.normal(size=(rows, 1)).astype(np.float32)
    zero, infinite, missing = (table.id_of_surface[bytes([byte]), False] for byte in (0, 1, 2))
    matrices["input"][zero], matrices["input"][infinite], matrices["input"][missing] = 0, np.inf, np.nan
    usable = Embeddings(table, matrices["input"]).usable()
    assert not usable[[zero, infinite, missing, 256]].any()
    for name in ("head", "bias"):
        matrices[name][: len(table)][~usable] = np.nan
    return Base(source, usable, matrices)


@cache
def new_tokens() -> TokenTable:
    """Words, characters and parts of characters; some are made of unusable pieces only."""
    return strategies.table([*(text.encode() for text in NEW_TEXTS), *NEW_BYTES])


def initialize(method: str, seed: int = 0, new: TokenTable | None = None) -> Initialization:
    """Ask a method of the table for its rules."""
    initializer = INITIALIZERS[method].load()
    result = initializer.initialize(base().source, new_tokens() if new is None else new, base().usable, seed)
    assert isinstance(result, Initialization)
    return result


def made(initialization: Initialization, name: str, matrix: Matrix | None = None) -> NDArray[np.float32]:
    """Rows of one matrix as the checkpoint writer makes them."""
    matrix = base().matrices[name] if matrix is None else matrix
    blocks = list(getattr(initialization, name).blocks(matrix))
    return np.concatenate([np.empty((0, matrix.shape[1]), np.float32), *blocks])


def is_drawn(method: str) -> bool:
    return not isinstance(initialize(method).input, Alignment)


every_method = pytest.mark.parametrize("method", list(INITIALIZERS))
every_matrix = pytest.mark.parametrize("name", MATRICES)
convex_methods = pytest.mark.parametrize("method", [name for name in INITIALIZERS if INITIALIZERS[name].convex])
drawing_methods = pytest.mark.parametrize("method", [name for name in INITIALIZERS if is_drawn(name)])


def test_some_methods_draw_and_some_do_not() -> None:
    assert {is_drawn(method) for method in INITIALIZERS} == {True, False}


@every_method
@every_matrix
def test_every_new_token_gets_one_finite_row_that_is_not_zero(method: str, name: str) -> None:
    rows = made(initialize(method), name)
    assert rows.shape == (len(new_tokens()), base().matrices[name].shape[1])
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert rows.any(axis=1).all()


@every_method
@every_matrix
def test_the_same_seed_gives_the_same_bytes(method: str, name: str) -> None:
    assert made(initialize(method, 7), name).tobytes() == made(initialize(method, 7), name).tobytes()


@every_method
@every_matrix
def test_another_seed_changes_what_is_drawn_and_nothing_else(method: str, name: str) -> None:
    is_same = made(initialize(method, 7), name).tobytes() == made(initialize(method, 8), name).tobytes()
    assert is_same == (not is_drawn(method))


@drawing_methods
def test_each_matrix_is_drawn_from_a_stream_of_its_own(method: str) -> None:
    initialization, matrix = initialize(method), base().matrices["input"]
    drawn = [made(initialization, name, matrix) for name in MATRICES]
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        assert not np.isclose(drawn[one], drawn[other], rtol=1e-9).any()


@every_method
@every_matrix
@pytest.mark.parametrize("garbage", [1e6, np.nan, np.inf, 0.0])
def test_unusable_rows_have_no_influence(method: str, name: str, garbage: float) -> None:
    matrix = base().matrices[name].copy()
    expected = made(initialize(method), name, matrix)
    matrix[: len(base().usable)][~base().usable] = garbage
    matrix[len(base().usable) :] = garbage
    assert made(initialize(method), name, matrix).tobytes() == expected.tobytes()


@every_method
@every_matrix
def test_every_usable_row_may_have_influence_and_some_has(method: str, name: str) -> None:
    matrix = base().matrices[name].copy()
    matrix[: len(base().usable)][base().usable] *= 2
    assert made(initialize(method), name, matrix).tobytes() != made(initialize(method), name).tobytes()


@every_method
@every_matrix
def test_the_source_rows_are_left_as_they_are(method: str, name: str) -> None:
    matrix = base().matrices[name].copy()
    matrix.flags.writeable = False
    before = matrix.tobytes()
    made(initialize(method), name, matrix)
    assert matrix.tobytes() == before


@every_method
@every_matrix
def test_no_new_tokens_give_no_rows(method: str, name: str) -> None:
    assert made(initialize(method, new=strategies.table([])), name).shape == (0, base().matrices[name].shape[1])


@every_method
def test_one_new_token_gets_the_rows_it_gets_among_others(method: str) -> None:
    """Rows are made in order, so the first is the first whatever follows it."""
    first = made(initialize(method, new=new_tokens().select([0])), "input")
    np.testing.assert_allclose(first, made(initialize(method), "input")[:1], rtol=1e-6)


@every_method
@every_matrix
@pytest.mark.parametrize("dtype", FLOAT_TYPES, ids=str)
def test_a_mapped_matrix_of_any_type_gives_the_rows_of_its_values(
    method: str, name: str, dtype: np.dtype[Any], tmp_path: Path
) -> None:
    stored = base().matrices[name].astype(dtype)
    stored.tofile(tmp_path / "matrix")
    mapped = np.memmap(tmp_path / "matrix", dtype, "r", shape=stored.shape)
    rows = made(initialize(method), name, mapped)
    assert rows.tobytes() == made(initialize(method), name, stored).tobytes()
    assert rows.tobytes() == made(initialize(method), name, stored.astype(np.float32)).tobytes()


@every_method
def test_the_table_says_whether_the_rows_are_convex(method: str) -> None:
    initialization = initialize(method)
    rules = [getattr(initialization, name) for name in MATRICES]
    assert INITIALIZERS[method].convex == all(
        isinstance(rule, Alignment) and bool(rule.is_convex.all()) for rule in rules
    )


@convex_methods
@pytest.mark.parametrize("sharpness", [0.1, 1.0, 30.0])
def test_no_new_token_can_win_over_all_old_ones_right_after_a_convex_extension(method: str, sharpness: float) -> None:
    """The law of the largest logit: z_new = sum of w_i z_i <= max z, with the bias made by the head's weights."""
    initialization, usable = initialize(method), base().usable
    hidden = np.random.default_rng(1).normal(0, sharpness, (500, DIMENSIONS))
    old_head, old_bias = (base().matrices[name][: len(usable)][usable].astype(np.float64) for name in ("head", "bias"))
    old = hidden @ old_head.T + old_bias[:, 0]
    new = hidden @ made(initialization, "head").T + made(initialization, "bias")[:, 0]
    largest = old.max(axis=1)
    assert (new.max(axis=1) <= largest + 1e-5 * np.abs(old).max(axis=1)).all()


@convex_methods
@every_matrix
def test_convex_rows_stay_within_the_range_of_each_dimension(method: str, name: str) -> None:
    rows = made(initialize(method), name)
    old = base().matrices[name][: len(base().usable)][base().usable]
    tolerance = 1e-5
    assert (rows >= old.min(axis=0) - tolerance).all()
    assert (rows <= old.max(axis=0) + tolerance).all()


@every_method
@pytest.mark.parametrize("dtype", FLOAT_TYPES, ids=str)
def test_rows_can_be_stored_in_the_type_of_the_base(method: str, dtype: np.dtype[Any]) -> None:
    stored = made(initialize(method), "input", base().matrices["input"].astype(dtype)).astype(dtype)
    assert np.isfinite(stored.astype(np.float32)).all()
    assert stored.any(axis=1).all()

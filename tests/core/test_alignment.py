from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tests.strategies import alignments, matrices
from vocabx.core import alignment as module
from vocabx.core.alignment import Alignment, Origin, mean_over
from vocabx.core.errors import InputError


def sparse(rows: list[list[float]]) -> csr_array:
    """Return rows of weights."""
    return csr_array(np.array(rows))


def dense(alignment: Alignment) -> NDArray[np.float64]:
    """Weights over source rows, shared distributions written out."""
    return np.asarray(alignment.weights.toarray() + alignment.shared_weights.toarray() @ alignment.shared.toarray())


@st.composite
def alignments_and_matrices(draw: st.DrawFn) -> tuple[Alignment, NDArray[np.generic]]:
    alignment = draw(alignments())
    return alignment, draw(matrices(alignment.weights.shape[1] + draw(st.integers(0, 2))))


@given(alignments_and_matrices(), st.integers(1, 8))
def test_rows_are_the_dense_product(pair: tuple[Alignment, NDArray[np.generic]], block: int) -> None:
    alignment, matrix = pair
    expected = dense(alignment) @ matrix[: alignment.weights.shape[1]].astype(np.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "NEW_ROWS_PER_BLOCK", block)
        blocks = list(alignment.blocks(matrix))
    assert all(len(rows) <= block for rows in blocks)
    rows = alignment.apply(matrix)
    assert rows.dtype == np.float32
    assert rows.shape == expected.shape
    np.testing.assert_allclose(rows, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(np.concatenate([rows[:0], *blocks]), rows)


@given(alignments_and_matrices())
def test_copied_rows_keep_every_bit(pair: tuple[Alignment, NDArray[np.generic]]) -> None:
    alignment, matrix = pair
    copied = np.flatnonzero(alignment.origins == Origin.COPIED)
    sources = [alignment.sources(row)[0][0] for row in copied.tolist()]
    stored = alignment.apply(matrix).astype(matrix.dtype)
    assert stored[copied].tobytes() == matrix[sources].tobytes()


def test_a_copied_negative_zero_stays_negative() -> None:
    copy = Alignment.build(csr_array(np.eye(2)), origins=np.zeros(2, np.int8))
    rows = copy.apply(np.array([[-0.0, 1.0], [0.0, -0.0]], ml_dtypes.bfloat16))
    assert np.signbit(rows).tolist() == [[True, False], [False, True]]


def test_unused_and_padding_rows_are_never_read() -> None:
    alignment = Alignment.build(
        sparse([[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]),
        shared=sparse([[1.0, 0, 0]]),
        shared_weights=sparse([[0.0], [1]]),
    )
    matrix = np.array([[1.0], [3.0], [np.nan], [np.nan]], np.float32)
    assert alignment.apply(matrix).tolist() == [[2.0], [1.0]]


@given(alignments(convex=True))
def test_convex_rows_are_recognised(alignment: Alignment) -> None:
    assert alignment.is_convex.all()


@given(alignments())
def test_rows_called_convex_are_convex(alignment: Alignment) -> None:
    rows = dense(alignment)[alignment.is_convex]
    assert (rows >= 0).all()
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-9)


@pytest.mark.parametrize("weights", [[1.5, -0.5], [0.5, 0.4], [0.0, 0.0], [np.nan, 1.0]])
def test_rows_that_are_not_convex_are_recognised(weights: list[float]) -> None:
    assert Alignment.build(sparse([weights])).is_convex.tolist() == [False]


@given(alignments())
def test_effective_support_is_that_of_the_dense_weights(alignment: Alignment) -> None:
    squares = (dense(alignment) ** 2).sum(axis=1)
    sizes = np.abs(alignment.weights.toarray()).sum(axis=1)
    sizes += np.abs(alignment.shared_weights.toarray()) @ np.abs(alignment.shared.toarray()).sum(axis=1)
    expected = np.divide(sizes**2, squares, out=np.zeros_like(squares), where=squares > 1e-12)
    np.testing.assert_allclose(np.where(squares > 1e-12, alignment.effective_support, 0), expected)
    np.testing.assert_allclose(alignment.effective_support[alignment.origins == Origin.COPIED], 1)


@settings(max_examples=30)
@given(alignments())
def test_what_is_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, alignment: Alignment) -> None:
    path = tmp_path_factory.mktemp("alignment") / "alignment.npz"
    alignment.save(path)
    first = path.read_bytes()
    loaded = Alignment.load(path)
    for name in ("weights", "shared", "shared_weights"):
        np.testing.assert_array_equal(getattr(loaded, name).toarray(), getattr(alignment, name).toarray())
    np.testing.assert_array_equal(loaded.origins, alignment.origins)
    np.testing.assert_array_equal(loaded.evidence, alignment.evidence)
    loaded.save(path)
    assert path.read_bytes() == first


def spoil_index(arrays: dict[str, NDArray[np.generic]]) -> None:
    arrays["weights.indices"] = np.array([99], np.int64)


def drop_origins(arrays: dict[str, NDArray[np.generic]]) -> None:
    del arrays["origins"]


@pytest.mark.parametrize("spoil", [spoil_index, drop_origins])
def test_a_damaged_file_is_a_sentence(tmp_path: Path, spoil: Callable[[dict[str, NDArray[np.generic]]], None]) -> None:
    path = tmp_path / "alignment.npz"
    Alignment.build(sparse([[1.0, 0.0]])).save(path)
    with np.load(path) as file:
        arrays = dict(file)
    spoil(arrays)
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=r"alignment\.npz is not an alignment that vocabx wrote"):
        Alignment.load(path)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut off"])
def test_a_file_of_another_kind_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(InputError, match="is not an alignment that vocabx wrote"):
        Alignment.load(tmp_path / "x.npz")


def test_a_single_array_is_a_sentence(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(InputError, match="is not an alignment that vocabx wrote"):
        Alignment.load(tmp_path / "x.npy")


def test_a_changed_byte_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    Alignment.build(csr_array(np.random.default_rng(0).uniform(size=(20, 20)))).save(path)
    with zipfile.ZipFile(path) as archive:
        begin = archive.getinfo("weights.data.npy").header_offset
    spoiled = bytearray(path.read_bytes())
    spoiled[begin + 200] ^= 0xFF
    path.write_bytes(spoiled)
    with pytest.raises(InputError, match="is not an alignment that vocabx wrote"):
        Alignment.load(path)


def test_building_adds_up_duplicates_and_leaves_the_argument_alone() -> None:
    weights = csr_array((np.array([0.25, 0.25, 0.5]), np.array([1, 1, 0]), np.array([0, 3])), shape=(1, 2))
    alignment = Alignment.build(weights)
    assert alignment.sources(0) == [(0, 0.5), (1, 0.5)]
    assert weights.data.tolist() == [0.25, 0.25, 0.5]


@st.composite
def alignments_of_one_source(
    draw: st.DrawFn, convex: bool | None = None
) -> tuple[Alignment, NDArray[np.int64], Alignment]:
    """Two alignments over the same source tokens, and distinct rows of the first for those of the second."""
    other, one = sorted([draw(alignments(convex)), draw(alignments(convex))], key=len)
    sources = max(one.weights.shape[1], other.weights.shape[1])
    rows = draw(st.permutations(range(len(one))))[: len(other)]
    return widened(one, sources), np.array(rows, np.int64), widened(other, sources)


def widened(alignment: Alignment, sources: int) -> Alignment:
    """Add source tokens that no row rests on."""
    weights, shared = (
        csr_array((part.data, part.indices, part.indptr), shape=(part.shape[0], sources))
        for part in (alignment.weights, alignment.shared)
    )
    return replace(alignment, weights=weights, shared=shared)


@given(alignments_of_one_source())
def test_rows_of_another_alignment_take_the_place_of_some(pair: tuple[Alignment, NDArray[np.int64], Alignment]) -> None:
    one, rows, other = pair
    joined = one.with_rows(rows, other)
    for of_rows in (dense, lambda each: each.origins, lambda each: each.evidence):
        expected = np.array(of_rows(one))
        expected[rows] = of_rows(other)
        np.testing.assert_allclose(of_rows(joined), expected, rtol=1e-12)  # sums may be taken in another order


@given(alignments_of_one_source(convex=True))
def test_convex_alignments_stay_convex_together(pair: tuple[Alignment, NDArray[np.int64], Alignment]) -> None:
    one, rows, other = pair
    assert one.with_rows(rows, other).is_convex.all()


@given(alignments_of_one_source())
def test_taking_rows_over_changes_neither_alignment(pair: tuple[Alignment, NDArray[np.int64], Alignment]) -> None:
    one, rows, other = pair
    before = [dense(each).tobytes() + each.origins.tobytes() for each in (one, other)]
    one.with_rows(rows, other)
    assert [dense(each).tobytes() + each.origins.tobytes() for each in (one, other)] == before


def test_a_copied_row_that_is_taken_over_keeps_every_bit() -> None:
    mean = Alignment.build(sparse([[0.5, 0.5], [0.5, 0.5]]))
    copy = Alignment.build(sparse([[0.0, 1.0]]), origins=np.array([Origin.COPIED], np.int8))
    rows = mean.with_rows(np.array([0]), copy).apply(np.array([[1.0], [-0.0]], np.float32))
    assert np.signbit(rows[0])
    assert rows[1] == 0.5


@pytest.mark.parametrize("rows", [[], [0, 1]])
def test_every_row_that_is_taken_over_has_a_place(rows: list[int]) -> None:
    alignment = Alignment.build(csr_array(np.eye(2)))
    with pytest.raises(InputError, match="rows: expected shape"):
        alignment.with_rows(np.array(rows, np.int64), Alignment.build(sparse([[1.0, 0.0]])))


def test_sources_are_heaviest_first_and_shared_weight_is_apart() -> None:
    alignment = Alignment.build(
        sparse([[0.25, 0.5, 0.0]]), shared=sparse([[0.0, 0.0, 1.0]]), shared_weights=sparse([[0.25]])
    )
    assert alignment.sources(0) == [(1, 0.5), (0, 0.25)]
    assert alignment.shared_share(0) == 0.25


def test_the_mean_is_uniform_over_its_ids() -> None:
    assert mean_over(np.array([0, 3]), 4).toarray().tolist() == [[0.5, 0, 0, 0.5]]


def test_a_mean_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="no usable embedding row"):
        mean_over(np.array([], np.int64), 4)


@pytest.mark.parametrize("shape", [(1, 2), (2,)])
def test_a_matrix_with_too_few_rows_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="expected at least 2 rows"):
        Alignment.build(csr_array(np.eye(2))).apply(np.zeros(shape, np.float32))


@pytest.mark.parametrize(("name", "length"), [("origins", 3), ("evidence", 1)])
def test_every_row_has_an_origin_and_evidence(name: str, length: int) -> None:
    with pytest.raises(InputError, match=f"{name}: expected shape"):
        Alignment.build(csr_array(np.eye(2)), **{name: np.ones(length, np.int64)})  # type: ignore[arg-type]


def test_shared_distributions_must_fit() -> None:
    with pytest.raises(InputError, match=r"shared distributions of shape \(1, 3\)"):
        Alignment.build(csr_array(np.eye(2)), shared=sparse([[1.0, 0, 0]]), shared_weights=sparse([[1.0], [0]]))


@pytest.mark.parametrize(
    ("weights", "shared"),
    [([[0.5, 0.0]], [[0.0]]), ([[0.5, 0.5]], [[0.0]]), ([[0.0, 0.0]], [[1.0]]), ([[1.0, 0]], [[1.0]])],
)
def test_a_copied_row_rests_on_one_source_row_alone(weights: list[list[float]], shared: list[list[float]]) -> None:
    with pytest.raises(InputError, match="a copied row must rest on one source row"):
        Alignment.build(
            sparse(weights),
            shared=sparse([[0.5, 0.5]]),
            shared_weights=sparse(shared),
            origins=np.array([Origin.COPIED], np.int8),
        )


def test_neither_scale_nor_sign_changes_how_many_rows_a_row_rests_on() -> None:
    made = Alignment.build(sparse([[0.5, 0.5], [0.5, -0.5]]))
    assert made.effective_support.tolist() == made.scaled(3).effective_support.tolist() == [2, 2]


def test_copied_rows_are_not_scaled() -> None:
    origins = np.array([Origin.COPIED, Origin.ALIGNED, Origin.FALLBACK], np.int8)
    mean, weights = sparse([[0.5, 0.5]]), sparse([[1, 0], [0.5, 0.5], [0, 0]])
    made = Alignment.build(weights, shared=mean, shared_weights=sparse([[0.0], [0.0], [1.0]]), origins=origins)
    matrix = np.array([[2, 4], [6, 8]], np.float32)
    assert made.scaled(1.5).apply(matrix).tolist() == [[2, 4], [6, 9], [6, 9]]
    assert made.scaled(1.5).origins.tolist() == origins.tolist()

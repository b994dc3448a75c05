"""Nearest rows by cosine, with FAISS: exactly, or nearly and many times faster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from vocabx.core.arrays import ROWS_PER_BLOCK, Floats, Ints, Matrix, row_blocks
from vocabx.core.cosines import cosine_blocks, first_of_each_row, reaching, unit_rows
from vocabx.core.errors import UnknownNameError
from vocabx.core.say import Say

__all__ = ["INDICES", "Neighbours", "check_index", "find_neighbours", "nearest_by_cosine"]

INDICES = ("exact", "ivf", "hnsw", "auto")

LEAST_RECALL = 0.983
"""What an approximate search must find of the exact neighbours of a sample; until then it looks further."""

SAMPLED_QUERIES = 1_000
FEWEST_KEYS = 4_096
"""With fewer keys there is nothing to win, and lists would have too few rows to be learned from."""

FEWEST_COSINES = 10_000_000_000
"""How many cosines ``auto`` computes before it goes approximate: some 100,000 queries by as many keys."""

TRAINING_ROWS_PER_LIST = 64
SPARE_NEIGHBOURS = 16
"""Looked for beyond those asked for, to see whether more keys are as near as the last."""

MOST_NEIGHBOURS_ON_GPU = 2_048
SAME_COSINE = 1e-5

ROUNDING = 2e-6
"""How far apart the cosines of a query with two equal keys may come out."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest keys of N queries.

    Attributes
    ----------
    ids : ndarray of int64, shape (N, K)
        Rows of the keys, nearest first.
    cosines : ndarray of float32, shape (N, K)
    index : str
        How they were found: ``exact``, ``ivf`` or ``hnsw``.
    recall : float
        The share of neighbours of a sample of queries that are as near as the exact ones; 1 for ``exact``.
    """

    ids: Ints
    cosines: Floats
    index: str = "exact"
    recall: float = 1.0

    def report(self, asked: str, say: Say) -> None:
        """Say how they were found, unless every key was to be compared and was."""
        if self.index != "exact":
            say(f"neighbours by {self.index}: {self.recall:.1%} of those of a sample are found")
        elif asked not in ("exact", "auto"):
            say(f"neighbours were searched exactly: {asked} would be no faster, or find too few")


def check_index(index: str) -> None:
    """Raise `UnknownNameError` unless there is a kind of index of that name."""
    if index not in INDICES:
        raise UnknownNameError("index of neighbours", index, INDICES)


def nearest_by_cosine(queries: Matrix, keys: Matrix, neighbours: int, index: str = "exact") -> tuple[Ints, Floats]:
    """Find the keys that point the same way.

    Parameters
    ----------
    queries : ndarray of shape (N, D)
    keys : ndarray of shape (S, D)
        In any float type, read in blocks. A zero row is at cosine 0 to everything.
    neighbours : int
        K; fewer are returned when there are fewer keys.
    index : {'exact', 'ivf', 'hnsw', 'auto'}
        ``auto`` is ``ivf`` where the exact search would take minutes; see `find_neighbours`.

    Returns
    -------
    ids : ndarray of int64, shape (N, K)
        Rows of `keys`, nearest first; of equally near ones the lowest first.
    cosines : ndarray of float32, shape (N, K)
    """
    found = find_neighbours(queries, keys, neighbours, index)
    return found.ids, found.cosines


def find_neighbours(queries: Matrix, keys: Matrix, neighbours: int, index: str = "exact") -> Neighbours:
    """Find the keys that point the same way, and say how many of them an approximate search finds.

    ``ivf`` looks only into some lists of keys that lie near each other, by codes of four bits for two dimensions, and
    compares the best exactly. ``hnsw`` walks a graph of neighbours. How far either looks is chosen so that 98.3 % of
    the neighbours of a sample of queries are found; if that cannot be had, or keys are few, or there is a GPU for
    FAISS, all keys are compared. The same arguments and number of threads give the same neighbours.

    Raises
    ------
    UnknownNameError
        If there is no such index.
    InputError
        If a row is infinite or not a number.
    """
    check_index(index)
    count = min(neighbours, len(keys))
    asked, stored = unit_rows(queries), unit_rows(keys)
    if index == "auto":
        index = "ivf" if len(asked) * len(stored) >= FEWEST_COSINES else "exact"
    on_gpu = _gpus() > 0 and count <= MOST_NEIGHBOURS_ON_GPU
    if index == "exact" or on_gpu or len(stored) < FEWEST_KEYS or not len(asked):
        return _on_gpus(asked, stored, count) if on_gpu else _exactly(asked, stored, count)
    return _approximately(asked, stored, count, index) or _exactly(asked, stored, count)


def _faiss() -> Any:
    """Import FAISS, which takes a while, and whose annotations lack what its wrapper adds."""
    import faiss

    return faiss


def _gpus() -> int:
    return int(getattr(_faiss(), "get_num_gpus", lambda: 0)())


def _on_gpus(asked: Floats, stored: Floats, count: int) -> Neighbours:
    faiss = _faiss()
    index = faiss.index_cpu_to_all_gpus(faiss.IndexFlatIP(stored.shape[1]))
    index.add(stored)
    return _sorted(*index.search(asked, count))


def _exactly(asked: Floats, stored: Floats, count: int) -> Neighbours:
    # A zero row is at cosine 0 to all keys: the first ones are as near as any.
    ids = np.tile(np.arange(count), (len(asked), 1))
    cosines = np.zeros(ids.shape, np.float32)
    somewhere = np.flatnonzero(asked.any(axis=1))
    if count and len(somewhere):
        found = _in_order(asked[somewhere], stored, count)
        ids[somewhere], cosines[somewhere] = found
    return Neighbours(ids, cosines)


def _in_order(asked: Floats, stored: Floats, count: int) -> tuple[Ints, Floats]:
    """Find the nearest keys, of equal ones the lowest.

    A matrix product rounds the same sum differently from place to place, so which of two equal keys comes out nearer
    would depend on the machine. Cosines that are almost the same are therefore computed once more, always in one order.
    """
    wide = min(count + SPARE_NEIGHBOURS, len(stored))
    faiss = _faiss()
    cosines, ids = faiss.knn(asked, stored, wide, metric=faiss.METRIC_INNER_PRODUCT)
    beyond = (cosines[:, -1] >= cosines[:, count - 1] - ROUNDING) & (wide < len(stored))
    close = (cosines[:, 1 : count + 1] >= cosines[:, :count][:, : wide - 1] - ROUNDING).any(axis=1)
    tied, ids, cosines = ids, ids[:, :count].copy(), cosines[:, :count].copy()
    for rows in _blocks(np.flatnonzero(close & ~beyond)):
        places = np.indices((len(rows), wide))[0].ravel(), tied[rows].ravel()
        ids[rows], cosines[rows] = _again(asked[rows], stored, *places, count)
    rows_beyond = np.flatnonzero(beyond)
    for start, block in cosine_blocks(asked[rows_beyond], stored):
        rows = rows_beyond[start : start + len(block)]
        ids[rows], cosines[rows] = _again(asked[rows], stored, *reaching(block, count, ROUNDING), count)
    return ids, cosines


def _blocks(rows: Ints) -> Iterator[Ints]:
    for start in range(0, len(rows), ROWS_PER_BLOCK):
        yield rows[start : start + ROWS_PER_BLOCK]


def _again(asked: Floats, stored: Floats, rows: Ints, columns: Ints, count: int) -> tuple[Ints, Floats]:
    """Compute some cosines and choose the `count` nearest of each row."""
    cosines = np.einsum("nd,nd->n", asked[rows], stored[columns], dtype=np.float64).astype(np.float32)
    return first_of_each_row(rows, columns, cosines, len(asked), count)


def _approximately(asked: Floats, stored: Floats, count: int, kind: str) -> Neighbours | None:
    """Search with the first setting that finds enough of a sample's neighbours, or give up."""
    sample = asked[np.linspace(0, len(asked) - 1, min(SAMPLED_QUERIES, len(asked))).astype(np.int64)]
    least = _exactly(sample, stored, count).cosines[:, -1:] - SAME_COSINE
    index, settings = _graph(stored, count) if kind == "hnsw" else _lists(stored)
    for setting in settings:
        cosines, _ = index.search(sample, count, params=setting)
        recall = float((cosines >= least).mean()) if cosines.size else 1.0
        if recall >= LEAST_RECALL:
            # Block by block, because FAISS scans lists faster for a thousand queries than for all.
            blocks = [index.search(block, count, params=setting) for _, block in row_blocks(asked)]
            found = _sorted(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))
            # Where it looks there may be fewer keys than are asked for; the places left over hold -1.
            short = np.flatnonzero((found.ids < 0).any(axis=1))
            exact = _exactly(asked[short], stored, count)
            found.ids[short], found.cosines[short] = exact.ids, exact.cosines
            return Neighbours(found.ids, found.cosines, kind, recall)
    return None


def _lists(stored: Floats) -> tuple[Any, Iterator[Any]]:
    """Index keys by lists, coded; yield settings that look into ever more of them."""
    faiss = _faiss()
    rows, dimensions = stored.shape
    lists = 1 << round(np.log2(rows**0.5))
    codes = f"PQ{dimensions // 2}x4fs" if dimensions % 2 == 0 else "SQ8"
    index = faiss.index_factory(dimensions, f"IVF{lists},{codes},Refine(Flat)", faiss.METRIC_INNER_PRODUCT)
    places = np.linspace(0, rows - 1, min(rows, TRAINING_ROWS_PER_LIST * lists)).astype(np.int64)
    index.train(stored[places])
    index.add(stored)
    shares = (0.125, 0.1875, 0.25, 0.28125, 0.3125, 0.375, 0.5)
    return index, (
        faiss.IndexRefineSearchParameters(
            k_factor=factor, base_index_params=faiss.SearchParametersIVF(nprobe=int(share * lists))
        )
        for share, factor in (*((share, 10) for share in shares), (1.0, 100))
    )


def _graph(stored: Floats, count: int) -> tuple[Any, Iterator[Any]]:
    """Index keys by a graph; yield settings that keep ever more places to walk on from."""
    faiss = _faiss()
    index = faiss.IndexHNSWFlat(stored.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 100
    # Threads that insert at once make another graph each time.
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        index.add(stored)
    finally:
        faiss.omp_set_num_threads(threads)
    return index, (faiss.SearchParametersHNSW(efSearch=max(breadth, count)) for breadth in (64, 128, 256, 512, 1024))


def _sorted(cosines: Floats, ids: Ints) -> Neighbours:
    """Put equal cosines in the order of their ids."""
    order = np.lexsort((ids, -cosines))
    return Neighbours(np.take_along_axis(ids, order, axis=1), np.take_along_axis(cosines, order, axis=1))

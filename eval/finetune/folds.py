"""Folds: parts of a data set that are held out in turn, with nothing of one in another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vocabx.core.arrays import Ints
from vocabx.core.errors import InputError

__all__ = ["assign_folds", "premise_groups"]


def premise_groups(languages: Sequence[Sequence[str]]) -> Ints:
    """Give each row a number that it shares with the rows of its premise in any language, and of theirs.

    Parameters
    ----------
    languages : sequence of sequence of str
        The premises of each language, all aligned by rows: row n is the same in all of them.

    Returns
    -------
    ndarray of int64, shape (rows,)
        From 0 on, in the order of the rows.

    Examples
    --------
    A translator may give two premises the same words; then their rows belong together.

    >>> premise_groups([["I see.", "I see.", "Right.", "No."], ["Naam.", "Naam.", "Naam.", "La."]]).tolist()
    [0, 0, 0, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows = len(languages[0])
    firsts = np.concatenate([_first_rows(premises) for premises in languages])
    edges = (np.ones(len(firsts), np.int8), (np.tile(np.arange(rows), len(languages)), firsts))
    _, groups = connected_components(coo_array(edges, shape=(rows, rows)), directed=False)
    _, first, numbers = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[numbers].astype(np.int64)


def _first_rows(premises: Sequence[str]) -> Ints:
    """For each row, the first one with the same premise; white space does not count."""
    first = dict[str, int]()
    return np.array([first.setdefault(" ".join(text.split()), row) for row, text in enumerate(premises)], np.int64)


def assign_folds(groups: Ints, folds: int, rng: np.random.Generator) -> Ints:
    """Deal groups out to folds, which so differ by one group at most.

    Parameters
    ----------
    groups : ndarray of int64, shape (rows,)
        Numbers from 0 on.
    folds : int
    rng : Generator

    Returns
    -------
    ndarray of int64, shape (rows,)
        The fold of each row, the same for all rows of a group.
    """
    count = int(groups.max()) + 1
    if not 2 <= folds <= count:
        raise InputError(f"{folds} folds cannot be made of {count:,} different premises; take 2 or more, up to those.")
    return (rng.permutation(count) % folds)[groups].astype(np.int64)

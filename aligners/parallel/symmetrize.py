"""Join the links of both directions: a target word finds its source word, and a source word its target word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from vocabx.core.arrays import Ints, Ragged
from vocabx.core.errors import UnknownNameError

__all__ = ["SYMMETRIZATIONS", "check_symmetrization", "symmetrize"]

Link = tuple[int, int]
"""(source word, target word) of a line."""

NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def grow_diag_final_and(forward: set[Link], backward: set[Link]) -> set[Link]:
    """Return what both directions found, what touches it there, and what one of them says of words without a link.

    In rounds, every link in order takes in those neighbours, the diagonal ones too, that one direction found and of
    which a word has no link yet. At the end come the links, first forward and then backward, both of whose words
    have none (Koehn et al. 2005).
    """
    links = forward & backward
    either = forward | backward
    sources, targets = {i for i, _ in links}, {j for _, j in links}
    fresh = sorted(links)
    while fresh:
        grown = list[Link]()
        for i, j in fresh:
            for down, right in NEIGHBOURS:
                link = (i + down, j + right)
                if link in either and link not in links and not (link[0] in sources and link[1] in targets):
                    links.add(link)
                    sources.add(link[0])
                    targets.add(link[1])
                    grown.append(link)
        fresh = sorted(grown)
    for link in (*sorted(forward), *sorted(backward)):
        if link[0] not in sources and link[1] not in targets:
            links.add(link)
            sources.add(link[0])
            targets.add(link[1])
    return links


SYMMETRIZATIONS: Mapping[str, Callable[[set[Link], set[Link]], set[Link]]] = MappingProxyType(
    {
        "intersection": lambda forward, backward: forward & backward,
        "union": lambda forward, backward: forward | backward,
        "grow-diag-final-and": grow_diag_final_and,
    }
)


def check_symmetrization(how: str) -> None:
    """Raise `UnknownNameError` unless links can be joined in a way of that name."""
    if how not in SYMMETRIZATIONS:
        raise UnknownNameError("symmetrization", how, SYMMETRIZATIONS)


def symmetrize(forward: Ragged, backward: Ragged, how: str = "grow-diag-final-and") -> list[Ints]:
    """Join both directions, line by line.

    Parameters
    ----------
    forward : Ragged
        For each target word of each line its source word, or -1.
    backward : Ragged
        For each source word of each line its target word, or -1.
    how : str
        A name in `SYMMETRIZATIONS`.

    Returns
    -------
    list of ndarray of int64, shape (L, 2)
        (source word, target word), sorted.
    """
    check_symmetrization(how)
    join = SYMMETRIZATIONS[how]
    found = list[Ints]()
    for line in range(len(forward)):
        there = {(i, j) for j, i in enumerate(forward[line].tolist()) if i >= 0}
        back = {(i, j) for i, j in enumerate(backward[line].tolist()) if j >= 0}
        found.append(np.array(sorted(join(there, back)), np.int64).reshape(-1, 2))
    return found

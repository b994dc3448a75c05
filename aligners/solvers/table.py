"""The solvers by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vocabx.aligners.solvers.barycentric import Barycentric
from vocabx.aligners.solvers.cosine import CosineLinear
from vocabx.aligners.solvers.orthogonal_matching_pursuit import OrthogonalMatchingPursuit
from vocabx.aligners.solvers.softmax import SoftmaxNeighbours
from vocabx.aligners.solvers.sparsemax import Sparsemax
from vocabx.aligners.space import Solver

__all__ = ["SOLVERS"]

SOLVERS: Mapping[str, type[Solver]] = MappingProxyType(
    {
        "softmax": SoftmaxNeighbours,
        "sparsemax": Sparsemax,
        "cosine": CosineLinear,
        "omp": OrthogonalMatchingPursuit,
        "barycentric": Barycentric,
    }
)

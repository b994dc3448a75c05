from __future__ import annotations

from scipy.sparse import csr_array

from vocabx.core.alignment import Alignment
from vocabx.core.initialization import Initialization


def test_one_rule_can_serve_all_three_matrices() -> None:
    rule = Alignment.build(csr_array((1, 2)))
    assert Initialization.shared(rule) == Initialization(input=rule, head=rule, bias=rule)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabx.eval.finetune.entities import constant_floor, find_entities, tally_entities, to_iob2

TAGS = st.lists(
    st.sampled_from(["O", *(f"{letter}-{kind}" for letter in "BIES" for kind in ("PER", "LOC"))]), max_size=8
)


IOB2 = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
TWICE = st.integers(1, 6).flatmap(lambda size: st.tuples(*[st.lists(IOB2, min_size=size, max_size=size)] * 2))


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("O O", []),
        ("B-PER I-PER O", [("PER", 0, 2)]),
        ("B-PER B-PER", [("PER", 0, 1), ("PER", 1, 2)]),
        ("I-PER I-LOC", [("PER", 0, 1), ("LOC", 1, 2)]),
        ("B-PER I-LOC I-LOC", [("PER", 0, 1), ("LOC", 1, 3)]),
        ("O I-PER O I-PER", [("PER", 1, 2), ("PER", 3, 4)]),
        ("B-PER I-PER E-PER S-PER", [("PER", 0, 3), ("PER", 3, 4)]),
        ("B-PER E-PER I-PER", [("PER", 0, 2), ("PER", 2, 3)]),
        ("S-PER E-PER", [("PER", 0, 1), ("PER", 1, 2)]),
    ],
)
def test_entities_are_read_as_conlleval_reads_them(tags: str, found: list[tuple[str, int, int]]) -> None:
    assert find_entities(tags.split()) == found


@given(TAGS)
def test_spelling_tags_in_iob2_keeps_the_entities(tags: list[str]) -> None:
    spelt = to_iob2(tags)
    assert find_entities(spelt) == find_entities(tags)
    assert to_iob2(spelt) == spelt
    assert all(tag[0] in "OBI" for tag in spelt)


@pytest.mark.parametrize(
    ("gold", "predicted", "score"),
    [
        (["B-PER I-PER O"], ["B-PER I-PER O"], 1),
        (["B-PER I-PER O"], ["B-PER O O"], 0),  # the end is wrong
        (["B-PER I-PER O"], ["B-LOC I-LOC O"], 0),  # the kind is wrong
        (["B-PER I-PER B-LOC"], ["B-PER I-PER O"], 2 / 3),  # all that was found is right, half was found
        (["B-PER O", "B-LOC O"], ["B-PER B-LOC", "B-LOC O"], 4 / 5),  # over all sentences at once
        (["O O"], ["O O"], 0),
    ],
)
def test_f1_is_of_whole_entities(gold: list[str], predicted: list[str], score: float) -> None:
    tally = tally_entities([tags.split() for tags in gold], [[tags.split() for tags in predicted]])
    assert tally.value == pytest.approx(score)


@given(st.lists(TWICE, min_size=1, max_size=5))
def test_f1_equals_that_of_seqeval(sentences: list[tuple[list[str], list[str]]]) -> None:
    metrics = pytest.importorskip("seqeval.metrics", reason="seqeval is not installed")
    gold, predicted = ([pair[side] for pair in sentences] for side in (0, 1))
    expected = metrics.f1_score(gold, predicted, zero_division=0)
    assert tally_entities(gold, [predicted]).value == pytest.approx(float(expected))


def test_the_floor_is_the_best_constant_tag() -> None:
    gold = [["B-PER", "O"], ["B-LOC"], ["B-LOC"]]
    # B-LOC everywhere: four predicted, two of the three entities.
    assert constant_floor(gold, ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]) == pytest.approx(4 / 6)

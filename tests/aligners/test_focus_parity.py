"""The rows of `deepfocus` 1.0.1, from the same vectors of tokens and embedding matrix.

The package takes two tokens for the same when their decoded texts are. So all pieces of characters, which decode to
"�", are one token to it, and so is all white space but the space, which it strips. The rows that it copies for them are
wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tokenizers.pre_tokenizers import ByteLevel

from tests.aligners.reference import FOLDER, answers, reference_transfer, segmenter
from vocabx.aligners.by_space import BySpace
from vocabx.aligners.solvers.sparsemax import Sparsemax
from vocabx.aligners.space import TokenVectors
from vocabx.aligners.spaces.read_vectors import read_vectors
from vocabx.aligners.spaces.shared import lift
from vocabx.core.alignment import Origin
from vocabx.core.arrays import Bools, Floats, Ints
from vocabx.core.tokens import TokenTable
from vocabx.core.transfer import Transfer
from vocabx.tokenizer_tools.read import read_tokenizer

DIRECTIONS = {"target": "source", "source": "target"}
STRIPPED = ("\t", "\n", "\x0b", "\x0c", "\r", "\x1c", "\x1d", "\x1e", "\x1f")


def given_vectors(name: str) -> Floats:
    """Vectors of a tokenizer's pieces; zero for those that the model has not."""
    words = read_vectors(FOLDER / f"{name}-tokens.bin")
    pieces = segmenter(name).tokens.pieces
    known = np.array([piece in words.row_of for piece in pieces])
    return np.asarray(np.where(known[:, None], words.vectors_of(pieces), 0), np.float32)


class Given:
    """Vectors that are there already, lifted onto the source's tokens."""

    def __init__(self, name: str) -> None:
        self.rows = given_vectors(name)

    def vectors(self, transfer: Transfer) -> TokenVectors:
        return lift(self.rows, transfer)


def same_token(source: TokenTable, own: Ints, target: TokenTable) -> Bools:
    """Whether each target token is the source token of that id, by its bytes; False where there is none."""
    return np.array(
        [
            place >= 0 and source.surfaces[place] == surface and source.kinds[place] == kind
            for place, surface, kind in zip(own.tolist(), target.surfaces, target.kinds.tolist(), strict=True)
        ]
    )


@pytest.mark.parametrize("name", DIRECTIONS)
def test_with_the_anchors_of_the_package_every_new_row_is_the_packages(name: str) -> None:
    reference, vectors = answers("focus"), given_vectors(name)
    copied = reference[f"{name}.copied_from"]
    known = vectors.any(axis=1)
    anchors, new = np.flatnonzero((copied >= 0) & known), np.flatnonzero((copied < 0) & known)
    weights = Sparsemax().weigh(vectors[new], vectors[anchors])
    rows = weights @ reference[f"{name}.source_rows"][copied[anchors]].astype(np.float64)
    assert len(new) > 80
    np.testing.assert_allclose(rows, reference[f"{name}.rows"][new], atol=1e-5)


def test_where_no_piece_of_a_character_has_a_vector_every_row_is_the_packages() -> None:
    reference = answers("focus")
    transfer = reference_transfer("target", "source")
    alignment = BySpace(Given("source"), Sparsemax()).align(transfer)
    table, vectors = transfer.target.tokens, given_vectors("source")
    assert not vectors[~table.is_complete].any()
    compared = (reference["source.copied_from"] < 0) & vectors.any(axis=1)
    assert compared.sum() > 80
    rows = alignment.apply(reference["source.source_rows"])
    np.testing.assert_allclose(rows[compared], reference["source.rows"][compared], atol=1e-5)


def test_the_rows_that_the_package_copies_rightly_are_ours_bit_for_bit() -> None:
    reference = answers("focus")
    transfer = reference_transfer("source", "target")
    ours = transfer.shared
    right = (ours >= 0) & (ours == reference["target.copied_from"])
    assert right.sum() > 150
    source_rows = reference["target.source_rows"]
    np.testing.assert_array_equal(source_rows[ours[right]], reference["target.rows"][right])
    assert (ours[reference["target.copied_from"] < 0] < 0).all()  # all that we share, it shares


@pytest.mark.parametrize(("name", "among"), [("target", "<0xEC><0x9C>"), ("source", None)])
def test_the_rows_that_the_package_copies_wrongly_are_pieces_of_characters_and_white_space(
    name: str, among: str | None
) -> None:
    transfer = reference_transfer(DIRECTIONS[name], name)
    source, target = transfer.source.tokens, transfer.target.tokens
    copied = answers("focus")[f"{name}.copied_from"].astype(np.int64)
    wrong = (copied >= 0) & ~same_token(source, copied, target)
    pieces, stripped = ~target.is_complete, np.isin(target.pieces, spelt(STRIPPED))
    assert not (wrong & ~pieces & ~stripped).any()
    # Every such token is given the row of the last source token of its kind, which is right for one token at most.
    assert (wrong | ~stripped).sum() == len(target) - 1
    assert {source.show(token) for token in copied[stripped]} == {STRIPPED[-1]}
    given = copied[pieces & wrong]
    assert not source.is_complete[given].any()
    assert among is None or among in {source.show(token) for token in given}
    # Ours are the very tokens, and for most of those the source has one.
    assert same_token(source, transfer.shared, target)[transfer.shared >= 0].all()
    assert (transfer.shared[wrong] >= 0).sum() > 100


def copied_by_the_package(source: TokenTable, target: TokenTable) -> Ints:
    """The rule of the package for byte-level tokenizers: by decoded text, stripped on the left; the last id wins."""

    def key(table: TokenTable, token: int) -> str:
        text = table.surfaces[token].decode("utf-8", "replace")
        return "▁" * table.pieces[token].startswith("Ġ") + text.lstrip()

    last = {key(source, token): token for token in range(len(source))}
    return np.array([last.get(key(target, token), -1) for token in range(len(target))])


@pytest.mark.parametrize("name", DIRECTIONS)
def test_the_rule_of_the_package_is_known(name: str) -> None:
    copied = copied_by_the_package(segmenter(DIRECTIONS[name]).tokens, segmenter(name).tokens)
    np.testing.assert_array_equal(copied, answers("focus")[f"{name}.copied_from"])


def test_of_real_tokenizers_the_package_copies_hundreds_of_rows_wrongly_and_ours_none(
    resources: Callable[[str], Path],
) -> None:
    source, target = read_tokenizer(resources("smollm2")), read_tokenizer(resources("tokenizers") / "qwen3")
    transfer = Transfer(source, target, np.arange(len(target.tokens)), source.tokens.is_text)
    copied = copied_by_the_package(source.tokens, target.tokens)
    wrong = (copied >= 0) & ~same_token(source.tokens, copied, target.tokens)
    assert wrong.sum() > 400
    assert (transfer.shared[wrong] >= 0).sum() > 100
    assert same_token(source.tokens, transfer.shared, target.tokens)[transfer.shared >= 0].all()


def test_a_wrongly_copied_anchor_spoils_the_rows_made_of_it_and_ours_takes_none() -> None:
    reference = answers("focus")
    transfer = reference_transfer("source", "target")
    alignment = BySpace(Given("target"), Sparsemax()).align(transfer)
    compared = (reference["target.copied_from"] < 0) & given_vectors("target").any(axis=1)
    rows = alignment.apply(reference["target.source_rows"])
    assert (alignment.origins[compared] == Origin.ALIGNED).all()
    assert alignment.is_convex.all()
    assert not np.isclose(rows[compared], reference["target.rows"][compared], atol=1e-5).all(axis=1).any()
    used = np.unique(alignment.weights[np.flatnonzero(compared)].indices)
    assert np.isin(used, transfer.shared).all()


def spelt(texts: tuple[str, ...]) -> list[str]:
    """Spell texts as byte-level tokenizers do."""
    return [ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text)[0][0] for text in texts]

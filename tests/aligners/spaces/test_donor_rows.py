from __future__ import annotations

import dataclasses

import ml_dtypes
import numpy as np
import pytest

from tests.aligners.spaces.transfers import to_korean
from tests.tokenizer_tools.toys import TOYS, byte_level, metaspace, of_merges
from vocabx.aligners.spaces.donor_rows import DonorRows
from vocabx.core.arrays import Floats
from vocabx.core.embeddings import Embeddings
from vocabx.core.errors import InputError
from vocabx.core.segmenter import Segmenter
from vocabx.core.tokens import TokenTable
from vocabx.core.transfer import Donor


def donor(segmenter: Segmenter, *, unusable: list[int] | None = None) -> Donor:
    """A donor with more rows than ids, some of them never written."""
    rows = np.random.default_rng(0).normal(size=(len(segmenter.tokens) + 3, 4)).astype(ml_dtypes.bfloat16)
    rows[unusable or []] = 0
    return Donor(segmenter, Embeddings(segmenter.tokens, rows), "the-donor")


def oracle(given: Donor, tokens: TokenTable, compose: bool) -> Floats:
    table, rows, usable = given.segmenter.tokens, given.embeddings.rows.astype(np.float64), given.embeddings.usable()
    made = np.zeros((len(tokens), rows.shape[1]))
    for token in np.flatnonzero(tokens.is_text).tolist():
        same = table.id_of_surface.get((tokens.surfaces[token], bool(tokens.word_initial[token])), -1)
        pieces = given.segmenter.segment_surfaces(tokens.select([token]))[0].tolist() if compose else []
        taken = [same] if same >= 0 and usable[same] else [piece for piece in pieces if usable[piece]]
        if taken:
            made[token] = rows[taken].mean(axis=0)
    return made.astype(np.float32)


@pytest.mark.parametrize("family", TOYS)
@pytest.mark.parametrize("compose", [False, True])
def test_tokens_get_the_donors_rows_or_the_mean_of_its_pieces(family: str, compose: bool) -> None:
    given = donor(TOYS[family](), unusable=list(range(270, 300)))
    transfer = to_korean(byte_level(), metaspace(), donor=given)
    expected = oracle(given, transfer.new, compose)
    if not expected.any():
        with pytest.raises(InputError, match=r"The donor the-donor has none of the \d+ new tokens\. .* compose=yes"):
            DonorRows(compose).vectors(transfer)
        return
    made = DonorRows(compose).vectors(transfer)
    np.testing.assert_allclose(made.source, oracle(given, transfer.source.tokens, compose), atol=1e-5)
    np.testing.assert_allclose(made.new, expected, atol=1e-5)
    assert made.source.dtype == made.new.dtype == np.float32


def test_a_donor_with_the_targets_tokenizer_knows_every_new_token() -> None:
    given = donor(metaspace())
    transfer = to_korean(byte_level(), metaspace(), donor=given)
    made = DonorRows().vectors(transfer)
    known = np.array([given.segmenter.tokens.surfaces.index(surface) for surface in transfer.new.surfaces])
    assert len(known)
    assert made.new.any(axis=1).all()


def test_what_is_missing_is_said_in_one_sentence() -> None:
    with pytest.raises(InputError, match=r"Give it with --donor\."):
        DonorRows().vectors(to_korean())
    nothing = donor(of_merges())
    nothing.embeddings.rows[:] = 0
    with pytest.raises(InputError, match="No usable token of the base has a vector in the donor the-donor"):
        DonorRows().vectors(to_korean(donor=nothing))


def test_how_many_new_tokens_the_donor_knows_is_said() -> None:
    heard: list[str] = []
    transfer = dataclasses.replace(to_korean(donor=donor(metaspace())), say=heard.append)
    DonorRows().vectors(transfer)
    number = f"{len(transfer.new):,}"
    assert heard == [f"the donor the-donor has vectors of {number} of {number} new tokens"]

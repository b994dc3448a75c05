from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vocabx
from tests.extension.bases import learning, save_base, save_tokenizer
from tests.tokenizer_tools.toys import korean, unigram
from vocabx.core.arrays import Ragged
from vocabx.distillation.pieces import OldPieces
from vocabx.manifest import Manifest
from vocabx.tokenizer_tools.read import FastSegmenter, read_tokenizer


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a base with its extension, without torch."""
    root = tmp_path_factory.mktemp("extended")
    base = save_base(root / "base")
    given = learning(root)
    vocabx.extend(base, given["corpus"], root / "out", size=given["size"], source_sample=given["source_sample"])
    return base, root / "out"


def pieces_of(directory: Path, base: FastSegmenter | None = None) -> tuple[OldPieces, FastSegmenter, Manifest]:
    manifest, segmenter = Manifest.load(directory), read_tokenizer(directory)
    return OldPieces.of(manifest, segmenter.tokens, base), segmenter, manifest


def test_an_expanded_text_is_what_the_base_makes_of_it(extended: tuple[Path, Path]) -> None:
    pieces, segmenter, _ = pieces_of(extended[1])
    base = read_tokenizer(extended[0])
    lines = list(korean())
    for ours, theirs in zip(segmenter.encode(lines), base.encode(lines), strict=True):
        assert pieces.expand(np.array(ours))[0].tolist() == theirs


def test_bytes_up_to_each_last_piece_are_those_up_to_the_token(extended: tuple[Path, Path]) -> None:
    pieces, segmenter, _ = pieces_of(extended[1])
    surfaces = segmenter.tokens.surfaces
    for ids in segmenter.encode(list(korean()[:50])):
        old, last = pieces.expand(np.array(ids))
        for count, place in enumerate(last.tolist(), 1):
            ours = b"".join(surfaces[token] for token in ids[:count])
            assert b"".join(surfaces[token] for token in old[: place + 1].tolist()) == ours


def test_every_new_token_of_merges_has_old_pieces_of_its_bytes(extended: tuple[Path, Path]) -> None:
    pieces, segmenter, manifest = pieces_of(extended[1])
    assert (pieces.lengths[manifest.plan.new_ids] >= 2).all()
    assert (pieces.lengths[manifest.plan.kept_ids] == 1).all()
    for token in manifest.plan.new_ids.tolist():
        row = pieces.rows[token].tolist()
        assert max(row) < manifest.plan.tokens_before
        assert b"".join(segmenter.tokens.surfaces[piece] for piece in row) == segmenter.tokens.surfaces[token]


def test_tokens_that_no_merge_made_are_taken_apart_by_the_base(tmp_path: Path) -> None:
    manifest = Manifest.load(make_unigram(tmp_path))
    segmenter = read_tokenizer(tmp_path / "tokenizer")
    alone = OldPieces.of(manifest, segmenter.tokens)
    with_base = OldPieces.of(manifest, segmenter.tokens, unigram())
    new = manifest.plan.new_ids
    assert not alone.lengths[new].any()
    assert with_base.lengths[new].any()
    for token in new[with_base.lengths[new] > 0].tolist():
        row = with_base.rows[token].tolist()
        assert b"".join(segmenter.tokens.surfaces[piece] for piece in row) == segmenter.tokens.surfaces[token]


def make_unigram(root: Path) -> Path:
    from vocabx.directories import extend_tokenizer_only

    save_tokenizer(root / "unigram", unigram())
    given = learning(root)
    extend_tokenizer_only(
        root / "unigram", given["corpus"], root / "tokenizer", size=120, source_sample=given["source_sample"]
    )
    return root / "tokenizer"


def test_the_first_piece_of_an_id_without_pieces_is_itself() -> None:
    pieces = OldPieces(Ragged.from_rows([[0], [1], [1, 0], []]), np.array([False, False, True, True]))
    assert pieces.first(5).tolist() == [0, 1, 1, 3, 4]
    assert len(pieces) == 4

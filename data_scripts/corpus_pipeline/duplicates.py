"""Removal of equal and of nearly equal documents, by datatrove's steps, and the documents between its runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from corpus_pipeline.stages import Near
from corpus_pipeline.step import Step
from corpus_pipeline.words import SpaceWords

__all__ = ["StoredDocuments", "exact_steps", "near_steps", "store"]


class StoredDocuments(Step):
    """Reads again what the task of the same number stored in an earlier run."""

    def __init__(self, folder: Path) -> None:
        super().__init__("read again")
        self.folder = folder

    def __call__(self, data: Iterable[Any] | None = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Read one file; a task that was left without documents wrote none."""
        import zstandard
        from datatrove.data import Document

        file = self.folder / f"{rank:05d}.jsonl.zst"
        if not file.is_file():
            return
        with zstandard.open(file, "rt", encoding="utf-8", newline="\n") as stream:
            for line in stream:
                record = json.loads(line)
                yield Document(record["text"], record["id"], [], record["metadata"])


def store(folder: Path) -> Any:
    """Return the step that stores documents for `StoredDocuments`."""
    from datatrove.pipeline.writers import JsonlWriter

    # The file of an earlier attempt, which may hold documents where now there are none, is overwritten or stays whole:
    # a task always comes to the same documents.
    return JsonlWriter(str(folder), "${rank}.jsonl.zst", compression="zstd", adapter=_record)


def _record(_writer: object, document: Any) -> dict[str, Any]:
    return {"text": document.text, "id": str(document.id), "metadata": document.metadata}


def _with_single_spaces(document: Any) -> str:
    return " ".join(document.text.split())


def exact_steps(folder: Path) -> tuple[Any, Any, Any]:
    """Return the steps that sign documents, find equal ones, and drop all but one of these."""
    from datatrove.pipeline.dedup import ExactDedupFilter, ExactDedupSignature, ExactFindDedups
    from datatrove.pipeline.dedup.exact_dedup import ExactDedupConfig

    config = ExactDedupConfig(_with_single_spaces)
    signatures, found = str(folder / "signatures"), str(folder / "found")
    return (
        ExactDedupSignature(signatures, config),
        ExactFindDedups(signatures, found, config),
        ExactDedupFilter(found, config),
    )


def near_steps(stage: Near, folder: Path) -> tuple[Any, Any, Any, Any]:
    """Return MinHash's steps: sign documents, compare signatures, cluster, and drop all but one of each cluster."""
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.text import TextNormConfig

    # Marks are letters' parts in many scripts, and Hangul would fall into its parts.
    normal = TextNormConfig(norm_unicode_diacritics=False)
    config = MinhashConfig(stage.words, stage.buckets, stage.hashes, stage.seed, normal)
    signatures, found, removed = (str(folder / name) for name in ("signatures", "found", "removed"))
    return (
        MinhashDedupSignature(signatures, config, SpaceWords()),
        MinhashDedupBuckets(signatures, found, config=config),
        MinhashDedupCluster(found, removed, config),
        MinhashDedupFilter(removed),
    )

"""A planted corpus goes through every stage, and a stopped run goes on."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.data_scripts.corpus.corpora import FEWER, KOREAN, PLAIN, SCRIPTS, Run, shards, stages, texts

pytest.importorskip("datatrove", reason="datatrove is not installed (pip install 'vocabx[data]')")


def test_all_that_was_planted_is_removed_and_the_rest_stays(
    planted: Path, tmp_path: Path, run: Run, against: Sequence[str]
) -> None:
    printed = run(planted, "--profile", "korean", "--out", tmp_path / "clean", *KOREAN, *against)
    plant = import_module("data_scripts.plant_corpus")
    (table,) = plant.check(tmp_path / "clean", planted.parent).tables
    removed = {kind: (planted, removed, left) for kind, planted, removed, left in table.rows}
    assert removed.pop("near copies")[1:] in {(30, 0), (29, 1)}  # at least 95 %
    assert all(left == 0 and taken == planted for planted, taken, left in removed.values()), removed
    found = stages(tmp_path / "clean")
    # 80 documents, of which 4 became half Swahili and lose that half, and 6 were contaminated.
    assert found["write"]["documents"] in {80 - 6, 80 - 6 + 1}
    assert found["read"]["documents"] == 80 + 6 + 30 + 4
    assert found["lines"]["reasons"]["lines: boilerplate"] == 8
    assert found["decontaminate"]["reasons"] == {"contaminated": 6}
    assert "decontaminate" in printed
    assert not (tmp_path / "clean.unfinished").exists()
    read = texts(tmp_path / "clean")
    assert len(read) == found["write"]["documents"]
    assert sum(len(text.encode()) for text in read) == found["write"]["bytes"]


def test_each_stage_receives_what_the_one_before_passed_on_and_the_report_holds_the_settings(
    planted: Path, tmp_path: Path, run: Run, against: Sequence[str]
) -> None:
    printed = run(planted, "--profile", "korean", "--out", tmp_path / "clean", *KOREAN, *against, "--json")
    report = json.loads(printed)
    assert report["profile"]["near"] == {"words": 3, "buckets": 24, "hashes": 5, "seed": 1}
    assert report["inputs"] == [[str(planted), planted.stat().st_size]]
    assert report["tasks"] == 2
    before = None
    for one in report["stages"]:
        if before is not None:
            assert (one["documents_in"], one["bytes_in"]) == (before["documents"], before["bytes"])
            dropped = sum(count for why, count in one["reasons"].items() if not why.startswith(("lines: ", "changed")))
            if one["stage"] not in ("exact", "near"):
                assert one["documents_in"] - one["documents"] == dropped
        assert one["seconds"] >= 0
        before = one
    order = [one["stage"] for one in report["stages"]]
    assert order == [name for name in import_module("corpus_pipeline.profile").SECTIONS if name in order]


@pytest.mark.parametrize("form", ["jsonl.zst", "parquet"])
def test_the_same_text_gives_the_same_bytes(planted: Path, tmp_path: Path, run: Run, form: str) -> None:
    options = (planted, "--profile", "korean", *KOREAN, *FEWER, "--set", f"write.format={form}")
    for name in ("one", "two"):
        run(*options, "--out", tmp_path / name, "--workers", 2 if (name, form) == ("two", "jsonl.zst") else 1)
    assert shards(tmp_path / "one") == shards(tmp_path / "two") != {}


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(
    planted: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (planted, "--profile", "korean", *KOREAN, *FEWER)
    run(*options, "--out", tmp_path / "whole")
    execution = import_module("corpus_pipeline.execution")
    before, done = execution._run, list[str]()

    def run_until(last: str | None) -> None:
        def step(phase: Any, *rest: Any) -> None:
            if phase.name == last:
                raise KeyboardInterrupt
            done.append(phase.name)
            before(phase, *rest)

        monkeypatch.setattr(execution, "_run", step)

    run_until("near-compare")
    with pytest.raises(KeyboardInterrupt):
        run(*options, "--out", tmp_path / "parts")
    assert not (tmp_path / "parts").exists()
    assert (tmp_path / "parts.unfinished").is_dir()
    run_until(None)
    with pytest.raises(SystemExit, match=r"parts.unfinished was begun with other settings \(profile\)"):
        run(*options, "--set", "near.words=4", "--out", tmp_path / "parts")
    run(*options, "--out", tmp_path / "parts")
    assert done == ["rules", "exact-find", "near-sign", "near-compare", "near-cluster", "write", "finish"]
    assert shards(tmp_path / "parts") == shards(tmp_path / "whole")
    assert {name: (one["documents"], one["bytes"]) for name, one in stages(tmp_path / "parts").items()} == {
        name: (one["documents"], one["bytes"]) for name, one in stages(tmp_path / "whole").items()
    }


def test_the_help_shows_commands_as_they_are_typed(script: Any) -> None:
    assert "--out corpus \\\n        --set" in (script.__doc__ or "")


def test_what_cannot_be_planted_or_checked_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    plant = import_module("data_scripts.plant_corpus")
    (tmp_path / "a.txt").write_text("하나\n", "utf-8")
    for arguments, message in (
        ([tmp_path / "a.txt"], "There are too few documents and documents in another language and evaluation texts"),
        ([tmp_path / "a.txt", "--lines", 0], "of lines 1 or more"),
        ([tmp_path / "a.txt", "--evaluation", tmp_path / "gone.tsv"], "gone.tsv cannot be read"),
        (["--check", tmp_path], "holds no shards"),
    ):
        monkeypatch.setattr(sys, "argv", ["plant_corpus.py", "--out", str(tmp_path / "out"), *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            plant.main()
        assert message in str(caught.value)


def test_an_output_that_was_taken_elsewhere_is_made_anew_and_not_missed(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("하나\n둘\n", "utf-8")
    folder = import_module("corpus_pipeline.folder")
    with monkeypatch.context() as patch:
        patch.setattr(folder.Folder, "clean", lambda self: None)  # it was cut off before, or ran on Slurm
        run(tmp_path / "a.txt", *PLAIN, "--out", tmp_path / "out")
    assert (tmp_path / "out.unfinished").is_dir()
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    run(tmp_path / "a.txt", *PLAIN, "--out", tmp_path / "out")
    assert shards(tmp_path / "out") == shards(tmp_path / "elsewhere") != {}
    assert not (tmp_path / "out.unfinished").exists()

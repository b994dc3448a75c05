"""Inputs of every kind, and those that cannot be."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tests.data_scripts.corpus.corpora import PLAIN, SCRIPTS, Run, archive, lines_of, sentences, shards, texts
from vocabx.core.corpus import Corpus

pytest.importorskip("datatrove", reason="datatrove is not installed (pip install 'vocabx[data]')")


def test_text_files_are_grouped_into_documents_as_is_said(tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.txt").write_text("하나\n둘\n\n셋\n넷\n다섯\n", "utf-8")
    found = {}
    for number, changes in enumerate((["document=line"], ["lines=2"], ["document=blank-line"], ["document=file"])):
        out = tmp_path / f"out{number}"
        run(tmp_path / "a.txt", *PLAIN, "--out", out, *(part for one in changes for part in ("--set", f"read.{one}")))
        found[changes[0]] = sorted(texts(out))
    assert found == {
        "document=line": ["넷", "다섯", "둘", "셋", "하나"],
        "lines=2": ["넷\n다섯", "셋", "하나\n둘"],
        "document=blank-line": ["셋\n넷\n다섯", "하나\n둘"],
        "document=file": ["하나\n둘\n\n셋\n넷\n다섯"],
    }


def test_lines_that_are_too_short_to_be_documents_are_answered_by_how_they_are_joined(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("\n".join(sentences(96, 4)), "utf-8")
    options = (tmp_path / "a.txt", "--profile", "korean", "--set", "near=off", "--set", "language=off")
    with pytest.raises(SystemExit, match="No document is left"):
        run(*options, "--out", tmp_path / "lines")
    assert "96 of 96 documents were too short for the rules" in (said := capsys.readouterr().err)
    assert "--set read.lines=12 joins 12 lines" in said
    run(*options, "--set", "read.lines=12", "--out", tmp_path / "joined")
    assert len(texts(tmp_path / "joined")) == 8
    assert "too short" not in capsys.readouterr().err


def test_all_kinds_of_inputs_are_read_together(tmp_path: Path, run: Run) -> None:
    paragraph = " ".join(sentences(12, 5))
    page = f"<html><body><nav>menu</nav><article><h1>제목</h1><p>{paragraph}</p></article></body></html>"
    (tmp_path / "b.jsonl").write_text('{"text": "줄 하나", "url": "x"}\n', "utf-8")
    pyarrow.parquet.write_table(pyarrow.table({"text": ["쪽 하나"]}), tmp_path / "c.parquet")
    (tmp_path / "remote").mkdir()
    (tmp_path / "remote" / "d.jsonl.gz").write_bytes(gzip.compress('{"text": "먼 곳"}\n'.encode()))
    dataset = tmp_path / "dataset"
    dataset.mkdir()
    columns = {"text": ["집합 하나", "집합 둘"], "picture": [b"\xff", b"\xfe"]}  # which JSON cannot hold
    pyarrow.parquet.write_table(pyarrow.table(columns), dataset / "train.parquet")
    inputs = [
        tmp_path / "b.jsonl",
        tmp_path / "c.parquet",
        archive("e.warc.gz", "response", [page], tmp_path),
        archive("f.warc.wet", "conversion", ["벌거벗은 글"], tmp_path),
        f"file://{tmp_path}/remote/d.jsonl.gz",
        f"hub:{dataset}",
    ]
    run(*inputs, *PLAIN, "--out", tmp_path / "out")
    found = set(texts(tmp_path / "out"))
    assert found > {"줄 하나", "쪽 하나", "벌거벗은 글", "먼 곳", "집합 하나", "집합 둘"}
    (rest,) = found - {"줄 하나", "쪽 하나", "벌거벗은 글", "먼 곳", "집합 하나", "집합 둘"}
    assert paragraph in rest
    assert "menu" not in rest
    sources = {json.loads(line)["source"] for line in lines_of(tmp_path / "out")}
    assert {"http://example.com/0", "b.jsonl", "c.parquet"} < sources


def test_inputs_that_cannot_be_are_sentences_and_nothing_is_written(tmp_path: Path, run: Run) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "bad.jsonl").write_text('{"text": "가"}\nnot json\n')
    (tmp_path / "there").mkdir()
    (tmp_path / "english.txt").write_text("Only English words are in this line of text, and nothing else at all.\n")
    (tmp_path / "field.jsonl").write_text('{"content": "가"}\n')
    (tmp_path / "short.tsv").write_text("only four words here\t1\n")
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    out = ("--out", tmp_path / "out")
    english = (tmp_path / "english.txt", *PLAIN, "--out", tmp_path / "unbegun")
    for arguments, message in (
        ([tmp_path / "gone.txt", *out], "There is no corpus file"),
        ([tmp_path / "gone.warc", *out], "There is no web archive"),
        ([f"file://{tmp_path}/gone.jsonl", *out], f"There is no file file://{tmp_path}/gone.jsonl"),
        (
            [f"file://{tmp_path}/bad.jsonl", "--out", tmp_path / "remote"],
            f"file://{tmp_path}/bad.jsonl, line 2: not JSON",
        ),
        (["nowhere://a.jsonl", *out], "nowhere://a.jsonl cannot be read: Protocol not known"),
        (["https://example.com/a.csv", *out], "must be a .txt, .jsonl"),
        ([tmp_path / "empty.txt", *PLAIN, *out], "No document was read: the input is empty."),
        ([tmp_path / "bad.jsonl", "--out", tmp_path / "other"], "bad.jsonl, line 2: not JSON"),
        ([tmp_path / "empty.txt", "--out", tmp_path / "there"], "exists already"),
        ([tmp_path / "empty.txt", *out, "--executor", "cloud"], "There is no executor called 'cloud'"),
        ([tmp_path / "empty.txt", "--out", "/"], "/ exists already"),
        ([*english, "--tasks", 0], "--tasks is 0; it must be at least 1"),
        ([*english, "--workers", 0], "--workers is 0; it must be at least 1"),
        ([*english, "--executor", "slurm", "--set", "slurm.partition=cpu"], "There is no sbatch here"),
        ([*english, "--set", f"decontaminate.against=[{tmp_path}/short.tsv]"], "has 5 words, so there is nothing to"),
        ([*english, "--set", f"decontaminate.against=[{tmp_path}/bad.jsonl]"], "bad.jsonl, line 2: not JSON"),
        ([*english, "--set", f"decontaminate.against=[{tmp_path}/damaged.parquet]"], "cannot be read as Parquet"),
        ([*english, "--set", f"decontaminate.against=[{SCRIPTS}/README.md]"], "README.md is no evaluation file"),
        ([tmp_path / "field.jsonl", *PLAIN, "--out", tmp_path / "field"], "--set read.text_field=NAME"),
        (
            [f"file://{tmp_path}/field.jsonl", *PLAIN, "--out", tmp_path / "field2"],
            "line 1: no text in the field 'text'. Name another with --set read.text_field=NAME",
        ),
        (
            [tmp_path / "english.txt", *PLAIN, "--out", tmp_path / "empty.txt" / "out"],
            "out.unfinished cannot be written",
        ),
        (
            [tmp_path / "english.txt", *PLAIN, "--set", "language.keep=[ko]", "--out", tmp_path / "none"],
            "No document is left after the stage language",
        ),
        (
            [tmp_path / "english.txt", *PLAIN, "--set", "language.keep=[xx]", "--out", tmp_path / "none2"],
            "The identifier of languages does not know xx.",
        ),
    ):
        with pytest.raises(SystemExit) as caught:
            run(*arguments)
        assert message in str(caught.value)
        assert str(caught.value).startswith("Error: ")
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("unbegun*"))
    for hopeless in ("none",):
        assert not (tmp_path / f"{hopeless}.unfinished").exists()
    assert (tmp_path / "other.unfinished").exists()  # the line may be mended
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "none").exists()


def test_a_file_is_text_by_the_last_of_its_suffixes(tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.txt.jsonl").write_text('{"text": "하나"}\n{"text": "둘"}\n', "utf-8")
    run(tmp_path / "a.txt.jsonl", *PLAIN, "--set", "read.lines=2", "--out", tmp_path / "out")
    assert sorted(texts(tmp_path / "out")) == ["둘", "하나"]


def test_documents_of_files_with_the_same_name_have_different_ids(
    pipeline: Callable[[str], Any], tmp_path: Path
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text("하나\n둘\n", "utf-8")
    reader = pipeline("reading").LocalFiles(Corpus.open([tmp_path]), pipeline("stages").Read())
    assert [document.id for document in reader()] == ["one/a.txt:0", "one/a.txt:1", "two/a.txt:0", "two/a.txt:1"]
    assert {document.metadata["source"] for document in reader()} == {"one/a.txt", "two/a.txt"}


def test_tasks_share_files_without_a_gap_or_an_overlap(pipeline: Callable[[str], Any]) -> None:
    shares = pipeline("reading").shares
    for files in range(1, 7):
        for tasks in range(1, 9):
            found = [
                part for rank in range(tasks) for part in shares([Path(str(n)) for n in range(files)], rank, tasks)
            ]
            for number in range(files):
                parts = [(part, count) for file, part, count in found if file == Path(str(number))]
                assert sorted(parts) == [(part, len(parts)) for part in range(len(parts))] != []


@pytest.mark.parametrize("name", ["cut.wet.gz", "cut.jsonl.gz", "cut.jsonl.zst"])
@pytest.mark.parametrize("is_remote", [False, True])
def test_a_file_that_is_cut_off_is_not_taken_for_a_shorter_one(
    name: str, is_remote: bool, tmp_path: Path, run: Run
) -> None:
    import zstandard

    whole = tmp_path / name.replace("cut", "whole")
    if ".wet" in name:
        archive(whole.name, "conversion", sentences(200, 3), tmp_path)
    else:
        content = "".join(json.dumps({"text": text}) + "\n" for text in sentences(1500, 3)).encode()
        whole.write_bytes(gzip.compress(content) if name.endswith(".gz") else zstandard.compress(content))
    (tmp_path / name).write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    place = f"file://{tmp_path}" if is_remote else str(tmp_path)
    with pytest.raises(SystemExit, match=rf"{name} (ends in the middle of a page; fetch it again|cannot be read)"):
        run(f"{place}/{name}", *PLAIN, "--out", tmp_path / "cut")
    run(f"{place}/{whole.name}", *PLAIN, "--out", tmp_path / "whole")
    assert len(texts(tmp_path / "whole")) == (200 if ".wet" in name else 1500)


def test_columns_of_a_dataset_have_no_part_in_what_files_are_called(tmp_path: Path, run: Run) -> None:
    (tmp_path / "dataset").mkdir()
    for number in range(2):
        columns = {"text": sentences(30, number), "rank": [7] * 30, "url": [f"there/{number}"] * 30}
        pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "dataset" / f"{number}.parquet")
    run(f"hub:{tmp_path}/dataset", *PLAIN, "--out", tmp_path / "out")
    assert len(texts(tmp_path / "out")) == 60
    assert set(shards(tmp_path / "out")) == {"00000.jsonl.zst", "00001.jsonl.zst"}
    assert {json.loads(line)["source"] for line in lines_of(tmp_path / "out")} == {"there/0", "there/1"}


def test_files_elsewhere_are_found_by_a_pattern_and_read_as_those_here_are(tmp_path: Path, run: Run) -> None:
    (tmp_path / "there").mkdir()
    for number in range(3):
        (tmp_path / "there" / f"{number}.txt").write_text(f"{number} 하나\n{number} 둘\n", "utf-8")
    options = (*PLAIN, "--set", "read.lines=2")
    run(f"file://{tmp_path}/there/*.txt", *options, "--out", tmp_path / "out")
    assert sorted(texts(tmp_path / "out")) == [f"{number} 하나\n{number} 둘" for number in range(3)]
    sources = {json.loads(line)["source"] for line in lines_of(tmp_path / "out")}
    assert sources == {f"file://{tmp_path}/there/{number}.txt" for number in range(3)}

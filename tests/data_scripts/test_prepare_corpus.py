"""A planted corpus goes through every stage; every executor comes to the same bytes, and a stopped run goes on."""

from __future__ import annotations

import gzip
import json
import math
import os
import pickle
import random
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError, OutputError, UnknownNameError

pytest.importorskip("datatrove", reason="datatrove is not installed (pip install 'vocabx[data]')")

SCRIPTS = Path(__file__).parents[2] / "data_scripts"
NOUNS = ("나라", "사람", "시간", "마음", "도시", "하늘", "바다", "학교", "친구", "음악", "책상", "기차", "겨울", "여름")
VERBS = ("바라보았다", "걸어갔다", "기다렸다", "생각했다", "만들었다", "노래했다", "적어두었다", "돌아왔다", "시작했다")
ENDS = ("에서", "으로", "까지", "부터", "처럼", "보다", "에게", "하고", "만큼", "조차")
SWAHILI = (
    "Watu wengi walikuwa wakisubiri gari la moshi asubuhi hiyo mjini",
    "Mtoto alisoma kitabu chake kipya kabla ya kwenda shuleni na rafiki zake",
    "Mvua ilinyesha usiku kucha na mto ukajaa maji mengi sana",
)
EVALUATION = "그 오래된 다리 밑에서 우리는 늦은 여름 내내 물고기를 잡으며 놀았다"
KOREAN = ("--set", "quality.min_doc_words=10", "--set", "script.least=0.3")
FEWER = ("--set", "near.buckets=6", "--set", "near.hashes=3")


def sentences(count: int, seed: int) -> list[str]:
    """Korean sentences of eleven words and a full stop, all different."""
    rng = random.Random(seed)
    return [
        " ".join([*(rng.choice(NOUNS) + rng.choice(ENDS) for _ in range(9)), "그리고", rng.choice(VERBS)])
        + f" {place}."
        for place in range(count)
    ]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return import_module("data_scripts.prepare_corpus")


Run = Callable[..., str]


@pytest.fixture
def run(script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["prepare_corpus.py", "--workers", "1", "--tasks", "2", *map(str, arguments)])
        script.main()
        return capsys.readouterr().out

    return call


def texts(folder: Path) -> list[str]:
    return list(Corpus.open([folder]).lines())


def shards(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != "report.json"}


def stages(folder: Path) -> dict[str, dict[str, Any]]:
    return {one["stage"]: one for one in json.loads((folder / "report.json").read_text("utf-8"))["stages"]}


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    plant = import_module("data_scripts.plant_corpus")
    numbers = plant.Numbers(lines=8, exact=6, near=30, boilerplate=8, foreign=4, mixed=4, contaminated=6)
    base = plant.group(sentences(80 * 8, 1), 8)
    found = plant.plant(base, ["\n".join(SWAHILI)] * 10, [EVALUATION], numbers, 3)
    plant.write(found, tmp_path / "planted")
    (tmp_path / "task.tsv").write_text(f"text\tlabel\n{EVALUATION}\t1\n", "utf-8")
    return tmp_path / "planted" / "corpus.jsonl"


@pytest.fixture
def against(tmp_path: Path) -> tuple[str, str]:
    return "--set", f"decontaminate.against=[{tmp_path / 'task.tsv'}]"


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


@pytest.mark.slow
def test_ray_comes_to_the_same_bytes(planted: Path, tmp_path: Path, run: Run, against: Sequence[str]) -> None:
    pytest.importorskip("ray", reason="ray is not installed (pip install 'vocabx[data]')")
    options = (planted, "--profile", "korean", *KOREAN, *against, "--set", "near.buckets=4")
    run(*options, "--out", tmp_path / "local")
    # In a process of its own: Ray talks to this machine by its address in the network, which tests do not let through.
    command = [sys.executable, SCRIPTS / "prepare_corpus.py", *options, "--out", tmp_path / "ray", "--tasks", 2]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS.parent)}
    ran = subprocess.run(
        [*map(str, command), "--executor", "ray", "--workers", "2"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert shards(tmp_path / "ray") == shards(tmp_path / "local") != {}


SBATCH = """#!{python}
import os, re, subprocess, sys
script = open(sys.argv[-1]).read()
if "merge_stats" in script:
    print("Submitted batch job 1")
    sys.exit()
with open({log!r}, "a") as log:
    log.write(script)
first, last = map(int, re.search(r"--array=(\\d+)-(\\d+)", script).groups())
for number in range(first, last + 1):
    environment = dict(os.environ, SLURM_ARRAY_TASK_ID=str(number), SLURM_NODELIST="here")
    subprocess.run(["bash", sys.argv[-1]], env=environment, check=True, stdout=sys.stderr)
print("Submitted batch job 17")
"""


@pytest.mark.slow
def test_slurm_comes_to_the_same_bytes_by_an_sbatch_that_runs_at_once(
    planted: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sbatch").write_text(SBATCH.format(python=sys.executable, log=str(tmp_path / "log")))
    (tools / "srun").write_text('#!/bin/sh\nshift 3\nexec "$@"\n')
    (tools / "scontrol").write_text("#!/bin/sh\necho here\n")
    for tool in tools.iterdir():
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("PYTHONPATH", str(SCRIPTS.parent))
    options = (planted, "--profile", "korean", *KOREAN, "--set", "near.buckets=2", "--tasks", 1)
    run(*options, "--out", tmp_path / "local")
    printed = run(*options, "--out", tmp_path / "slurm", "--executor", "slurm", "--set", "slurm.partition=cpu")
    assert "7 jobs are submitted" in printed
    assert (tmp_path / "log").read_text().count("--partition=cpu") == 7
    assert shards(tmp_path / "slurm") == shards(tmp_path / "local") != {}


def test_a_dry_run_prints_what_slurm_would_be_given_and_writes_nothing(planted: Path, tmp_path: Path, run: Run) -> None:
    options = (planted, "--profile", "korean", "--out", tmp_path / "out", "--executor", "slurm", "--dry-run")
    printed = run(*options, "--set", "slurm.partition=cpu", "--set", "slurm.sbatch={account: us}", "--tasks", 9)
    assert printed.count("#SBATCH --partition=cpu\n") == 7
    assert printed.count("#SBATCH --account=us\n") == 7
    assert "#SBATCH --array=0-8%1\n" in printed
    assert "near-compare" in printed
    assert "Gopher Quality" in printed
    assert printed.isascii()
    assert {path.name for path in tmp_path.iterdir()} == {"planted", "task.tsv"}
    with pytest.raises(SystemExit, match="Slurm needs a partition"):
        run(*options)


# --- inputs -------------------------------------------------------------------------------------------------------

PLAIN = (
    "--set",
    "quality=off",
    "--set",
    "near=off",
    "--set",
    "c4=off",
    "--set",
    "repetition=off",
    "--set",
    "lines=off",
)


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


def test_the_help_shows_commands_as_they_are_typed(script: Any) -> None:
    assert "--out corpus \\\n        --set" in (script.__doc__ or "")


def archive(name: str, kind: str, pages: Sequence[str], place: Path) -> Path:
    """Write a web archive: of responses with their HTTP headers, or of conversions to plain text."""
    mime = "text/plain" if kind == "conversion" else "text/html"
    records = []
    for number, page in enumerate(pages):
        headers = "" if kind == "conversion" else f"HTTP/1.0 200 OK\r\nContent-Type: {mime}\r\n\r\n"
        content = (headers + page).encode()
        head = {
            "WARC-Type": kind,
            "WARC-Record-ID": f"<urn:uuid:{name}-{number}>",
            "WARC-Date": "2024-01-01T00:00:00Z",
            "WARC-Target-URI": f"http://example.com/{number}",
            "WARC-Identified-Payload-Type": mime,
            "Content-Type": mime if kind == "conversion" else "application/http; msgtype=response",
            "Content-Length": str(len(content)),
        }
        lines = "".join(f"{key}: {value}\r\n" for key, value in head.items())
        records.append(f"WARC/1.0\r\n{lines}\r\n".encode() + content + b"\r\n\r\n")
    file = place / name
    file.write_bytes(b"".join(map(gzip.compress, records)) if name.endswith(".gz") else b"".join(records))
    return file


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


def lines_of(folder: Path) -> list[str]:
    import zstandard

    return [
        line
        for file in sorted(folder.glob("*.zst"))
        for line in zstandard.decompress(file.read_bytes(), max_output_size=1 << 24).decode().splitlines()
    ]


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
        (["https://example.com/a.csv", *out], "must be a .jsonl"),
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
            "its records have no text in the field 'text'",
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
    for hopeless in ("out", "field2", "none"):
        assert not (tmp_path / f"{hopeless}.unfinished").exists()
    assert (tmp_path / "other.unfinished").exists()  # the line may be mended
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "none").exists()


def test_ray_that_is_not_there_and_an_sbatch_that_fails_are_sentences(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("하나\n", "utf-8")
    options = (tmp_path / "a.txt", *PLAIN, "--out", tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "ray", None)
        with pytest.raises(SystemExit, match="Running on Ray needs an optional dependency"):
            run(*options, "--executor", "ray")
    assert not (tmp_path / "out.unfinished").exists()

    def refuse(**options: Any) -> None:
        raise ConnectionError("nobody is\nthere")

    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "ray", SimpleNamespace(init=refuse))
        with pytest.raises(SystemExit, match="Ray cannot be reached or started: nobody is there"):
            run(*options, "--executor", "ray")
    (tmp_path / "sbatch").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    with pytest.raises(SystemExit, match="sbatch did not take the jobs"):
        run(*options, "--executor", "slurm", "--set", "slurm.partition=cpu")
    run(*options)  # with the same settings the work goes on where it can be done
    assert texts(tmp_path / "out") == ["하나"]


def test_the_error_of_a_task_comes_back_from_another_process(pipeline: Callable[[str], Any]) -> None:
    class Failing:
        def _run_for_rank(self, rank: int, local_rank: int, node_rank: int) -> None:
            raise errors[rank]

    errors = (UnknownNameError("script", "x", ("Han",)), UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"))
    executor = pipeline("execution")._quiet(Failing)()
    for rank, kind in enumerate((InputError, RuntimeError)):
        with pytest.raises(kind) as caught:
            executor._run_for_rank(rank)
        assert str(errors[rank]) in str(pickle.loads(pickle.dumps(caught.value)))


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


# --- stages -------------------------------------------------------------------------------------------------------


def test_perplexity_drops_what_a_model_finds_unlikely(tmp_path: Path, run: Run) -> None:
    pytest.importorskip("torch", reason="torch is not installed (pip install 'vocabx[torch]')")
    base = Path(import_module("vocabx").__file__ or "").parent / "demo" / "base"
    likely = "The function returns a list of all the values that are found in the module."
    noise = "xq zvkw pqjx zzkq vvxj qpwk jjxz kqvz wxqj zkpv qxjw vzkq"
    (tmp_path / "a.txt").write_text(f"{likely}\n{likely[:-1]}\n{noise}\n")
    options = ("--set", f"perplexity.model={base}", "--set", "perplexity.most=3.0")
    run(tmp_path / "a.txt", *PLAIN, *options, "--out", tmp_path / "out")
    assert texts(tmp_path / "out") == [likely, likely[:-1]]
    found = stages(tmp_path / "out")["perplexity"]
    assert found["reasons"] == {"too unlikely": 1}
    tenths = [count for name, count in found["measures"].items() if name.startswith("tenth_")]
    assert sum(tenths) == 3
    assert found["measures"]["bits_per_byte"]["max"] > 3 > found["measures"]["bits_per_byte"]["min"] > 0
    with pytest.raises(SystemExit, match="cannot be opened as a causal language model"):
        run(
            tmp_path / "a.txt",
            *PLAIN,
            "--set",
            f"perplexity.model={tmp_path}",
            "--set",
            "perplexity.most=3",
            "--out",
            "x",
        )


def test_a_document_whose_cost_is_no_number_is_dropped(
    pipeline: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    step = pipeline("perplexity").PerplexityRule(pipeline("stages").Perplexity(str(tmp_path), least=1.0, most=2.0))
    monkeypatch.setattr(step, "measure", lambda texts: [{"a": 1.5, "b": math.nan, "c": math.inf}[one] for one in texts])
    assert pass_through(step, "a", "b", "c") == ["a"]
    assert step.stats["dropped_not_a_number"].total == 2


ARPA = """\\data\\
ngram 1=4
ngram 2=1

\\1-grams:
-1.0\t<unk>\t0
-99\t<s>\t0
-0.5\t</s>
-0.25\t나라\t0

\\2-grams:
-0.125\t나라 나라

\\end\\
"""


def test_kenlm_is_read_in_bits_per_byte(pipeline: Callable[[str], Any], tmp_path: Path) -> None:
    pytest.importorskip("kenlm", reason="kenlm is not installed (pip install kenlm)")
    file = tmp_path / "model.arpa"
    file.write_text(ARPA, "utf-8")
    step = pipeline("perplexity").PerplexityRule(pipeline("stages").Perplexity(kenlm=str(file), most=1.0))
    # A word, the same again and the end of the line cost 0.25 + 0.125 + 0.5 powers of ten; the line has 13 bytes.
    assert step.measure(["나라 나라"]) == pytest.approx([0.875 * math.log2(10) / 13])
    assert pass_through(step, "나라 나라", "x") == ["나라 나라"]


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return lambda name: import_module(f"corpus_pipeline.{name}")


def pass_through(step: Any, *given: str) -> list[str]:
    from datatrove.data import Document

    return [document.text for document in step(Document(text, str(place)) for place, text in enumerate(given))]


def test_text_is_composed_and_loses_controls(pipeline: Callable[[str], Any]) -> None:
    step = pipeline("text_rules").NormalForm(pipeline("stages").Normalize())
    assert pass_through(step, "\u1112\u1161\u11ab\r\n글 \u2028\x00끝\t \n") == ["한\n글\n끝"]


def test_lines_go_by_what_is_in_them(pipeline: Callable[[str], Any]) -> None:
    settings = pipeline("stages").Lines(("^광고",), 2, 5, "Hangul", 0.5)
    step = pipeline("text_rules").LineRules(settings)
    given = "광고입니다\n이 줄은 남는다\n-\n이 줄은 남는다\n짧다\n짧다\nthis line is English\n한글 in it\n\n\n\n끝에"
    assert pass_through(step, given, "광고\n광고") == ["이 줄은 남는다\n짧다\n짧다\n한글 in it\n\n끝에"]


def test_a_sample_is_the_same_share_whatever_the_order_and_keeps_copies_together(
    pipeline: Callable[[str], Any],
) -> None:
    step = pipeline("text_rules").Sampling(pipeline("stages").Sample(0.3, 7))
    given = [f"document {number}" for number in range(2000)] * 2
    kept = pass_through(step, *given)
    assert 0.25 < len(kept) / len(given) < 0.35
    assert sorted(kept) == sorted(pass_through(step, *given[::-1]))
    assert kept[: len(kept) // 2] == kept[len(kept) // 2 :]
    other = pipeline("text_rules").Sampling(pipeline("stages").Sample(0.3, 8))
    assert set(kept) != set(pass_through(other, *given))


def test_words_of_scripts_without_spaces_are_their_characters(pipeline: Callable[[str], Any]) -> None:
    words = pipeline("words").SpaceWords()
    assert words.word_tokenize("학교에 갔다, 그리고...") == ["학교에", "갔다", ",", "그리고", ".", ".", "."]
    assert words.word_tokenize("我们go家") == ["我", "们", "go", "家"]
    assert words.sent_tokenize("하나. 둘! 셋\n넷") == ["하나.", "둘!", "셋", "넷"]
    text = "하나. 둘! 셋\n넷"
    assert [text[start:end].strip() for start, end in words.span_tokenize(text)] == words.sent_tokenize(text)


def test_contamination_is_found_as_a_search_for_words_in_a_row_finds_it(pipeline: Callable[[str], Any]) -> None:
    module, stages_ = pipeline("decontamination"), pipeline("stages")
    settings = stages_.Decontaminate((str(SCRIPTS),), words=6, least_words=4)
    rng = random.Random(5)
    wanted = [" ".join(rng.choices("abcd", k=rng.randint(2, 9))) for _ in range(12)]
    index = module.build_index(wanted, settings)
    found = 0
    for _ in range(300):
        lines = [" ".join(rng.choices("abcd", k=rng.randint(0, 7))) for _ in range(rng.randint(1, 4))]
        words, owner = [], []
        for place, line in enumerate(lines):
            words += line.split()
            owner += [place] * len(line.split())
        touched = set()
        for text in wanted:
            parts = text.split()
            size = min(len(parts), 6)
            grams = {tuple(parts[at : at + size]) for at in range(len(parts) - size + 1)} if size >= 4 else set()
            for at in range(len(words) - size + 1):
                if tuple(words[at : at + size]) in grams:
                    touched |= set(owner[at : at + size])
        assert set(module.contaminated_lines(lines, index).nonzero()[0].tolist()) == touched
        found += bool(touched)
    assert 0 < found < 300


def test_contaminated_lines_can_go_alone_and_marks_and_case_hide_nothing(
    pipeline: Callable[[str], Any], tmp_path: Path
) -> None:
    module, stages_ = pipeline("decontamination"), pipeline("stages")
    (tmp_path / "task.jsonl").write_text(json.dumps({"options": ["One two three four five six"], "label": 3}))
    settings = stages_.Decontaminate((str(tmp_path),), words=5, least_words=5, remove="line")
    module.save_index(tmp_path / "index", module.build_index(module.evaluation_texts(settings.against), settings))
    step = module.Contamination(settings, tmp_path / "index")
    given = "before\nSo: ONE, two; three - FOUR five!\nafter", "one two three four", "one two three four five"
    assert pass_through(step, *given) == ["before\nafter", "one two three four"]


def test_evaluation_texts_hold_line_separators_and_an_index_is_written_whole_or_not_at_all(
    pipeline: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = pipeline("decontamination")
    (tmp_path / "task.jsonl").write_text('{"text": "one\u2028two three four five"}\n', "utf-8")
    found = list(module.evaluation_texts([str(tmp_path)]))
    assert found == ["one\u2028two three four five"]

    def break_off(stream: Any, **arrays: Any) -> None:
        stream.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(module.np, "savez", break_off)
    with pytest.raises(OutputError, match="index cannot be written: no space left"):
        module.save_index(tmp_path / "index", {})
    assert not (tmp_path / "index").exists()


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

"""Every executor comes to the same bytes, and says what it cannot do."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.data_scripts.corpus.corpora import KOREAN, PLAIN, SCRIPTS, Run, shards, texts
from vocabx.core.errors import InputError, UnknownNameError

pytest.importorskip("datatrove", reason="datatrove is not installed (pip install 'vocabx[data]')")


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
    with pytest.raises(SystemExit, match="sbatch did not take all jobs"):
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


def test_slurm_that_takes_some_jobs_and_no_more_is_told_of_those_it_took(
    planted: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = tmp_path / "count"
    (tmp_path / "sbatch").write_text(
        f"#!/bin/sh\necho . >> {counter}\nn=$(wc -l < {counter})\n[ $n -gt 2 ] && exit 1\n"
        'echo "Submitted batch job 10$n"\n'
    )
    (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    options = (planted, "--profile", "korean", "--out", tmp_path / "out", "--executor", "slurm")
    with pytest.raises(SystemExit, match=r"did not take all jobs: .* take them back \(scancel 101 102\) before"):
        run(*options, "--set", "slurm.partition=cpu")
    assert len(counter.read_text().split()) == 3
    with pytest.raises(SystemExit, match=r"Slurm takes 1,001 tasks at most; --tasks is 1,002\."):
        run(*options, "--set", "slurm.partition=cpu", "--tasks", 1002)

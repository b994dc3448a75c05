"""The hub is a folder here: what it answers is made up, what is written is read by the evaluations' own readers."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pyarrow
import pyarrow.parquet
import pytest

from vocabx.eval.harness.kobest import KOBEST, read_kobest
from vocabx.eval.harness.nli import find_nli_file, read_nli

SCRIPTS = Path(__file__).parents[2] / "data_scripts"
LABELS = ["entailment", "neutral", "contradiction"]
PAIRS = [
    {"premise": 'He said "no".', "hypothesis": "해\u2028 달", "label": 2},
    {"premise": "b", "hypothesis": "c", "label": 0},
]
TASKS: dict[str, list[dict[str, Any]]] = {
    "boolq": [{"paragraph": '"가', "question": "나?", "label": 1}, {"paragraph": "다", "question": "라?", "label": 0}],
    "copa": [{"premise": "가", "question": "원인", "alternative_1": "나", "alternative_2": "다", "label": 1}],
    "hellaswag": [{"context": "가", **{f"ending_{n}": str(n) for n in range(1, 5)}, "label": 3}],
    "sentineg": [{"sentence": "좋다", "label": 1}],
    "wic": [{"word": "가", "context_1": "[가] 나", "context_2": "[가] 다", "label": 0}],
}


def write_parquet(path: Path, rows: list[dict[str, Any]], names: list[str] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    features = {"label": {"names": names, "_type": "ClassLabel"}} if names else {}
    table = pyarrow.Table.from_pylist(rows)
    noted = {"huggingface": json.dumps({"info": {"features": features}})}
    pyarrow.parquet.write_table(table.replace_schema_metadata(noted), path)


class FakeHub:
    """Repositories as folders; keeps what it was asked."""

    def __init__(self, root: Path) -> None:
        self.root, self.calls, self.commit, self.promises = root, list[tuple[str, str]](), "c0ffee", dict[str, str]()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
        client = type("HfApi", (), {"__new__": lambda cls: self})
        monkeypatch.setattr(huggingface_hub, "HfApi", client)
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", self.download)
        return self

    def dataset_info(self, repository: str, revision: str, files_metadata: bool) -> Any:
        assert files_metadata
        self.calls.append((repository, revision))
        if not (self.root / repository).is_dir():
            raise OSError("no route\nmore lines")
        files = [file for file in sorted((self.root / repository).rglob("*")) if file.is_file()]
        return SimpleNamespace(sha=self.commit, siblings=[self._sibling(repository, file) for file in files])

    def _sibling(self, repository: str, file: Path) -> Any:
        name = str(file.relative_to(self.root / repository))
        sha = self.promises.get(name, hashlib.sha256(file.read_bytes()).hexdigest())
        return SimpleNamespace(rfilename=name, lfs=SimpleNamespace(sha256=sha) if name.endswith("parquet") else None)

    def download(self, repository: str, file: str, *, repo_type: str, revision: str, local_dir: None) -> str:
        assert repo_type == "dataset"
        self.calls.append((file, revision))
        return str(self.root / repository / file)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    root = tmp_path / "hub"
    for task, rows in TASKS.items():
        for split in ("train", "validation", "test"):
            write_parquet(root / "skt/kobest_v1" / task / split / "0000.parquet", rows)
    for split in ("train", "validation"):
        write_parquet(root / "klue/klue/nli" / f"{split}-00000-of-00001.parquet", PAIRS, LABELS)
    (root / "klue/klue/README.md").write_text("card")
    return FakeHub(root).install(monkeypatch)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return import_module("data_scripts.get_evaluation_data")


def run(script: Any, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["get_evaluation_data.py", *map(str, arguments)])
    script.main()


def test_kobest_is_written_as_its_reader_knows_it(
    script: Any, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(script, monkeypatch, "kobest", "--data", tmp_path / "data")
    for task in KOBEST:
        for split in ("train", "dev", "test"):
            path = tmp_path / "data" / "kobest" / script.KOBEST[task][0] / f"{split}.tsv"
            assert read_kobest(path, task) == TASKS[task]
    assert ("skt/kobest_v1", "refs/convert/parquet") in hub.calls
    assert capsys.readouterr().out.endswith("kobest: complete. Licence: CC BY-SA 4.0.\n")


def test_pairs_are_written_under_a_name_that_is_found(
    script: Any, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(script, monkeypatch, "klue-nli", "--data", tmp_path / "data")
    assert read_nli(find_nli_file(tmp_path / "data" / "klue-nli", "ko", "dev"), "ko") == PAIRS
    assert [path.name for path in sorted((tmp_path / "data" / "klue-nli").iterdir())] == [
        "klue-nli_dev.jsonl",
        "klue-nli_train.jsonl",
    ]


def test_labels_are_read_by_their_names_and_a_pair_without_one_has_a_dash(script: Any) -> None:
    rows = [{"premise": "a", "hypothesis": "b", "label": label} for label in (-1, 0, 2)]
    lines = [json.loads(line) for line in script.pair_lines("x", rows, LABELS[::-1])]
    assert [line["label"] for line in lines] == ["-", "contradiction", "entailment"]


def test_a_second_run_fetches_nothing_and_a_lost_file_is_made_again_from_the_same_commit(
    script: Any, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    for _ in range(2):
        run(script, monkeypatch, "klue-nli", "--data", data)
    assert hub.calls.count(("klue/klue", "main")) == 1
    assert "klue-nli: there already" in capsys.readouterr().out
    before = (data / "klue-nli" / "klue-nli_dev.jsonl").read_bytes()
    (data / "klue-nli" / "klue-nli_dev.jsonl").unlink()
    hub.commit = "newer"
    run(script, monkeypatch, "klue-nli", "--data", data)
    assert ("klue/klue", "c0ffee") in hub.calls
    assert (data / "klue-nli" / "klue-nli_dev.jsonl").read_bytes() == before


def test_other_bytes_than_the_first_time_are_a_sentence_until_they_are_wanted(
    script: Any, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    run(script, monkeypatch, "klue-nli", "--data", data)
    shutil.rmtree(data / "klue-nli")
    write_parquet(hub.root / "klue/klue/nli/train-00000-of-00001.parquet", PAIRS[:1], LABELS)
    with pytest.raises(SystemExit, match=r"nli/train-.* of klue/klue has the SHA-256 .* was expected.*--update"):
        run(script, monkeypatch, "klue-nli", "--data", data)
    hub.commit = "newer"
    run(script, monkeypatch, "klue-nli", "--data", data, "--update")
    assert json.loads((data / "checksums.json").read_text())["klue-nli"]["commit"] == "newer"


def test_bytes_that_the_hub_did_not_promise_are_a_sentence_and_nothing_is_written(
    script: Any, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.promises["nli/train-00000-of-00001.parquet"] = "0" * 64
    with pytest.raises(SystemExit, match=r"nli/train-.* of klue/klue came damaged"):
        run(script, monkeypatch, "klue-nli", "--data", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_what_the_hub_lacks_is_a_sentence(
    script: Any, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hub.root / "klue/klue/nli/validation-00000-of-00001.parquet").unlink()
    with pytest.raises(SystemExit, match=r"klue/klue has no file nli/validation-\*.parquet in its commit c0ffee"):
        run(script, monkeypatch, "klue-nli", "--data", tmp_path / "data")
    with pytest.raises(SystemExit, match=r"^The hub cannot be asked for facebook/xnli: no route$"):
        run(script, monkeypatch, "xnli", "--data", tmp_path / "data")


def test_labels_without_names_and_texts_that_break_lines_are_sentences(script: Any) -> None:
    with pytest.raises(script.InputError, match="labels of x are not named"):
        list(script.pair_lines("x", PAIRS, []))
    with pytest.raises(script.InputError, match=r"Row 1 of SentiNeg/dev.tsv holds a tab"):
        list(script.kobest_lines("SentiNeg/dev.tsv", [{"sentence": "a\tb", "label": 1}], []))


def test_a_damaged_record_and_an_unknown_name_are_sentences(
    script: Any, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checksums.json").write_text("[")
    with pytest.raises(SystemExit, match=r"checksums.json cannot be read; take it away to begin anew"):
        run(script, monkeypatch, "klue-nli", "--data", tmp_path)
    with pytest.raises(SystemExit):
        run(script, monkeypatch, "clue", "--data", tmp_path)
    assert "there is no clue; choose from kobest, xnli, mnli, kornli, klue-nli" in capsys.readouterr().err


def test_the_list_names_every_source_with_its_licence(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(script, monkeypatch, "--list")
    printed = capsys.readouterr().out
    for name, source in script.SOURCES.items():
        assert name in printed
        assert source.licence in printed
        assert name in script.__doc__
        assert source.licence in " ".join(script.__doc__.split())

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.source_tree import ROOT
from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError

pytestmark = pytest.mark.torch

DEMO = ROOT / "vocabx" / "demo"


@pytest.fixture
def script() -> Any:
    return import_module("data_scripts.compare_methods")


def write(file: Path, *lines: str) -> Path:
    file.write_text("\n".join(lines), "utf-8")
    return file


def test_a_pair_is_translated_long_enough_on_both_sides_and_there_once(tmp_path: Path, script: Any) -> None:
    target = write(
        tmp_path / "ko.txt", "하나둘셋넷", "same text", "하나둘셋넷", "다섯여섯일곱", "여덟아홉", "짧", "가나다라마"
    )
    source = write(
        tmp_path / "en.txt", "one to four", "same text", "1 2 3 4 5 6", "one to four", "short", "a bit", "letters"
    )
    assert script.read_pairs(target, source, 6) == [("하나둘셋넷", "one to four"), ("가나다라마", "letters")]


def test_files_of_different_lengths_are_refused(tmp_path: Path, script: Any) -> None:
    with pytest.raises(InputError, match="not line-aligned: 2 and 1 lines"):
        script.read_pairs(write(tmp_path / "ko.txt", "하나", "둘"), write(tmp_path / "en.txt", "one"), 1)


def test_pairs_are_drawn_by_seed_and_stay_in_order(script: Any) -> None:
    pairs = [(str(number), str(-number)) for number in range(50)]
    drawn = script.draw_pairs(pairs, 10, 0)
    assert drawn == script.draw_pairs(pairs, 10, 0) != script.draw_pairs(pairs, 10, 1)
    assert drawn == sorted(set(drawn), key=pairs.index)
    with pytest.raises(InputError, match="50 usable pairs of paragraphs, fewer than 51"):
        script.draw_pairs(pairs, 51, 0)


def test_a_paragraph_inside_a_line_of_the_corpus_is_found(tmp_path: Path, script: Any) -> None:
    corpus = Corpus.open([write(tmp_path / "corpus.txt", "첫째 줄", "둘째 줄 안의 문단 하나")])
    script.check_unseen(["본 적 없는 문단"], corpus)
    with pytest.raises(InputError, match=r"in the tokenizer's training text.*안의 문단"):
        script.check_unseen(["본 적 없는 문단", "안의 문단 "], corpus)


def test_the_demo_model_is_compared(
    tmp_path: Path, script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts, result = DEMO / "text", tmp_path / "result.json"
    corpus = write(tmp_path / "corpus.txt", *(texts / "corpus.ko.txt").read_text("utf-8").splitlines()[:300])
    command = f"compare_methods.py {DEMO / 'base'} --corpus {corpus} --size 50 --paragraphs 3"
    command += f" --target {texts / 'held-out.ko.txt'} --source {texts / 'held-out.en.txt'} --minimum-bytes 50"
    command += f" --methods mean random --json {result}"
    monkeypatch.setattr("sys.argv", command.split())
    script.main()
    (content,) = json.loads(result.read_text("utf-8"))
    base, mean, random = content["methods"]
    assert [row["method"] for row in (base, mean, random)] == ["base", "mean", "random"]
    assert base["source_minus_base"] is None is mean["target_minus_mean"]
    assert 0 <= mean["source_minus_base"]["estimate"] < 0.01 < random["source_minus_base"]["estimate"]
    assert mean["greedy"] == {"positions": content["greedy predictions compared"], "flips": 0, "ties": 0}
    assert mean["target_tokens"]["all"] < base["target_tokens"]["all"]
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.strip().splitlines()[-3:]] == ["base", "mean", "random"]

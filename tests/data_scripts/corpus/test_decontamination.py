"""Text of evaluation sets, found in documents."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.data_scripts.corpus.corpora import EVALUATION, PLAIN, SCRIPTS, Run, pass_through, texts
from vocabx.core.errors import OutputError

pytest.importorskip("datatrove", reason="datatrove is not installed (pip install 'vocabx[data]')")


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


def test_words_of_scripts_without_spaces_are_counted_in_characters(pipeline: Callable[[str], Any]) -> None:
    module, stages_ = pipeline("decontamination"), pipeline("stages")
    settings = stages_.Decontaminate((str(SCRIPTS),), words=4, least_words=3)
    assert module.count_words(module.split_words("我们 go 家, 3번!")) == 3.5
    long, short, mixed = "他昨天在河边钓到了一条大鱼", "谢谢你们了", "나는 學校에 갔다 그리고 왔다"
    index = module.build_index([long, short, mixed], settings)
    for text, expected in (
        (f"据说{long}。", True),
        (f"{long[:4]}，{long[4:8]}", True),  # eight characters are four words
        (long[:7], False),
        (short, False),  # two and a half
        ("어제 나는 學校에 갔다", True),
        ("ไม่รู้", False),
    ):
        assert module.contaminated_lines([text], index).any() == expected, text
    thai = "แมวตัวนั้นนอนอยู่บนหลังคาบ้านทั้งวัน"
    assert module.contaminated_lines([thai], module.build_index([thai], settings)).any()


def test_files_that_are_not_read_are_named(
    tmp_path: Path, run: Run, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = list[str]()
    monkeypatch.setattr(script, "say", said.append)
    folder = tmp_path / "sets"
    folder.mkdir()
    (folder / "dev.tsv").write_text(f"{EVALUATION}\n", "utf-8")
    (folder / "test.jsonl.gz").write_bytes(b"")
    (tmp_path / "a.txt").write_text(f"{EVALUATION}\n하나\n", "utf-8")
    run(tmp_path / "a.txt", *PLAIN, "--set", f"decontaminate.against=[{folder}]", "--out", tmp_path / "out")
    assert any(f"passes over {folder / 'test.jsonl.gz'}." in message for message in said)
    assert texts(tmp_path / "out") == ["하나"]

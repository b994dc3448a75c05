from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vocabx.core.errors import InputError
from vocabx.eval.finetune.pairs import LABELS, Pairs, check_aligned, read_pairs

HEADER = "sentence1\tsentence2\tgold_label\n"


def written(tmp_path: Path, text: str, name: str = "pairs.tsv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_quotation_marks_are_those_of_the_sentences(tmp_path: Path) -> None:
    pairs = read_pairs(written(tmp_path, HEADER + 'He said "a.\tb\tneutral\nc\t"d"\tentailment\n'))
    assert pairs.premises == ['He said "a.', "c"]
    assert pairs.hypotheses == ["b", '"d"']
    assert [LABELS[label] for label in pairs.labels] == ["neutral", "entailment"]


@pytest.mark.parametrize("separator", ["\u2028", "\x0b", "\x85"])
def test_a_line_ends_only_where_the_file_says_so(tmp_path: Path, separator: str) -> None:
    pairs = read_pairs(written(tmp_path, f"{HEADER}a{separator}b\tc\tneutral\r\nd\te\tneutral\r\n"))
    assert pairs.premises == [f"a{separator}b", "d"]


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    mnli = "index\tgold_label\tgenre\tsentence1\tsentence2\tlabel1\n1\tneutral\ttravel\ta\tb\tcontradiction\n"
    assert read_pairs(written(tmp_path, mnli)).labels.tolist() == [1]
    translated = "premise\thypo\tlabel\na\tb\tcontradictory\n"
    assert read_pairs(written(tmp_path, translated)).labels.tolist() == [2]


@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_objects_are_read_too(tmp_path: Path, form: str) -> None:
    records = [{"premise": "a", "hypothesis": "b", "label": label} for label in range(3)]
    text = json.dumps(records) if form == "json" else "\n".join(map(json.dumps, records)) + "\n"
    assert read_pairs(written(tmp_path, text, f"pairs.{form}")).labels.tolist() == [0, 1, 2]


def test_rows_of_one_language_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "language\tpremise\thypothesis\tlabel\nar\ta\tb\t0\nsw\tc\td\t1\n")
    assert read_pairs(path, "sw").premises == ["c"]
    with pytest.raises(InputError, match=r"'fr'; it has ar, sw"):
        read_pairs(path, "fr")
    with pytest.raises(InputError, match="rows of several languages, ar and sw; name one"):
        read_pairs(path)


def test_rows_without_a_label_are_counted_and_left_out(tmp_path: Path) -> None:
    pairs = read_pairs(written(tmp_path, f"{HEADER}a\tb\t-\nc\td\tneutral\n"))
    assert (len(pairs), pairs.undecided) == (1, 1)


def test_a_limit_takes_the_first(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "".join(f"{row}\tb\tneutral\n" for row in range(5)))
    assert read_pairs(path, limit=2).premises == ["0", "1"]


@pytest.mark.parametrize(
    ("text", "name", "sentence"),
    [
        (f"{HEADER}a\tb\tperhaps\n", "p.tsv", r"line 2, has the label 'perhaps' .* not one of entailment, neutral"),
        (f"{HEADER}a\tb\tneutral\n\tb\tneutral\n", "p.tsv", r"line 3, has no text in its column sentence1"),
        (f"{HEADER}a\tb\n", "p.tsv", r"has 2 cells in line 2, but 3 columns"),
        (
            "question\tanswer\tlabel\na\tb\t0\n",
            "p.tsv",
            r"has no column premise or sentence1; it has question, answer",
        ),
        (HEADER, "p.tsv", "has no labelled pair"),
        ("", "p.tsv", "has no labelled pair"),
        ("{}\n", "p.jsonl", "line 1, has no column premise"),
        ("[1]\n", "p.json", "record 1, is not a JSON object"),
        ("{\n", "p.jsonl", "line 1, is not JSON"),
        ("3", "p.json", "is not a JSON object"),
        ('{"premise": null, "hypothesis": "b", "label": 0}\n', "p.jsonl", "has no text in its column premise"),
    ],
)
def test_a_file_that_will_not_do_is_refused_with_its_place(tmp_path: Path, text: str, name: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read_pairs(written(tmp_path, text, name))


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_pairs(tmp_path / "absent.tsv")
    (tmp_path / "latin.tsv").write_bytes(b"\xe9")
    with pytest.raises(InputError, match="is not text in UTF-8"):
        read_pairs(tmp_path / "latin.tsv")


def test_files_of_unequal_rows_or_labels_are_not_aligned() -> None:
    pairs = Pairs(["a", "b"], ["c", "d"], np.array([0, 1]))
    check_aligned({"en": pairs, "sw": Pairs(["x", "y"], ["z", "w"], np.array([0, 1]))})
    with pytest.raises(InputError, match="en has 2 rows and sw has 1"):
        check_aligned({"en": pairs, "sw": pairs.choose(np.array([0]))})
    with pytest.raises(InputError, match="pair 2 is of neutral in en and of contradiction in sw"):
        check_aligned({"en": pairs, "sw": Pairs(["x", "y"], ["z", "w"], np.array([0, 2]))})

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.extension.bases import save_base, save_tokenizer, write_texts
from tests.tokenizer_tools.toys import byte_level, invented, korean, wordpiece
from vocabx.advice import HELD_OUT, Advice, advise, split_lines
from vocabx.advice_report import advice_report
from vocabx.core.errors import CheckpointError, CorpusError, InputError, TokenizerError
from vocabx.knee import find_knee
from vocabx.stages import Stages
from vocabx.tokenizer_tools.extend.growth import GuardedSize
from vocabx.tokenizer_tools.extend.size_curve import SizeCurve, TextCurve
from vocabx.vocabulary_cost import VocabularyCost


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("advice")
    write_texts(root)
    save_base(root / "base")
    return root


@pytest.fixture(scope="module")
def advice(place: Path) -> Advice:
    return advise(
        place / "base",
        place / "corpus.txt",
        largest=150,
        source_sample=place / "sample.txt",
        texts={"en": place / "sample.txt"},
    )


@given(st.lists(st.lists(st.integers(), max_size=25), max_size=8))
def test_every_tenth_line_is_held_out_however_lines_come_in_batches(numbers: list[list[int]]) -> None:
    batches = [[str(number) for number in batch] for batch in numbers]
    lines = list(chain.from_iterable(batches))
    learned, held_out = (list(chain.from_iterable(part)) for part in split_lines(lambda: batches))
    assert held_out == lines[9::10]
    assert learned == [line for place, line in enumerate(lines) if place % 10 != 9]


def test_nothing_is_learned_from_what_is_measured(place: Path, tmp_path: Path, advice: Advice) -> None:
    lines = list(korean())
    other = [line if place % 10 != 9 else "다른 글" for place, line in enumerate(lines)]
    (tmp_path / "other.txt").write_text("\n".join(other), encoding="utf-8")
    same = advise(
        place / "base",
        tmp_path / "other.txt",
        largest=150,
        source_sample=place / "sample.txt",
        texts={"same": place / "corpus.txt", "en": place / "sample.txt"},
    )
    assert same.curve.sizes == advice.curve.sizes
    assert same.curve.texts["en"].tokens.tolist() == advice.curve.texts["en"].tokens.tolist()
    assert same.curve.texts[HELD_OUT].characters == 4 * len(lines[9::10])


def test_the_held_out_text_is_counted_as_the_base_counts_it(advice: Advice) -> None:
    held_out, text = korean()[9::10], advice.curve.texts[HELD_OUT]
    assert text.tokens[0] == sum(map(len, byte_level().encode(held_out)))
    assert (text.lines, text.characters) == (len(held_out), sum(map(len, held_out)))
    assert (text.bytes, text.words) == (sum(len(x.encode()) for x in held_out), sum(len(x.split()) for x in held_out))


def test_the_recommended_size_is_the_knee_of_the_held_out_text(advice: Advice) -> None:
    sizes, text = advice.curve.sizes, advice.curve.texts[HELD_OUT]
    assert advice.recommended == find_knee(sizes[1:], text.tokens[1:].tolist())
    assert sizes[-1] == 150
    assert (np.diff(text.tokens) < 0).all()
    assert advice.scripts == ("Hangul",)
    assert advice.guarded == GuardedSize(advice.recommended or 150, 0.0, 150)


def test_the_report_is_data_with_a_row_for_each_size(advice: Advice) -> None:
    data = json.loads(advice_report(advice, Stages()).to_json())
    rows, text = data[f"sizes on {HELD_OUT}"], advice.curve.texts[HELD_OUT]
    assert (
        [row["new tokens"] for row in rows] == [row["new tokens"] for row in data["cost"]] == list(advice.curve.sizes)
    )
    assert set(data) >= {"headline", "base", "recommended new tokens", "rule", "source text", "sizes on en", "cost"}
    assert [row["token ratio"] for row in rows] == pytest.approx(text.tokens / text.tokens[0])
    assert [row["tokens/char"] for row in rows] == pytest.approx(text.tokens / text.characters)
    assert [row["tokens/byte"] for row in rows] == pytest.approx(text.tokens / text.bytes)
    assert [row["tokens/word"] for row in rows] == pytest.approx(text.tokens / text.words)
    first, second = rows[1], rows[2]
    more = (second["new tokens"] - first["new tokens"]) / 1000
    assert second["saved by 1,000 more"] == pytest.approx(1000 * (first["tokens/char"] - second["tokens/char"]) / more)
    assert rows[0]["saved by 1,000 more"] is rows[1]["saved per doubling"] is None
    assert data["cost"][-1]["new parameters"] == 150 * 16 * 2
    assert {row["token ratio"] for row in data["sizes on en"]} == {1.0}
    assert "RedWhale" in data["token ratio"]
    assert "our definition" in data["embedding ratio"]
    assert "of a script that it does not use" in data["source text"]


def test_the_same_input_gives_the_same_advice(place: Path, advice: Advice) -> None:
    again = advise(
        place / "base",
        place / "corpus.txt",
        largest=150,
        source_sample=place / "sample.txt",
        texts={"en": place / "sample.txt"},
    )
    assert advice_report(again, Stages()).to_json() == advice_report(advice, Stages()).to_json()


def made(tokens: Sequence[int], *, unknown: int = 0, exhausted: bool = False) -> Advice:
    sizes = (0, 1000, 2000, 4000)
    text = TextCurve(10, 100, 200, 20, np.array(tokens), np.array([unknown, 0, 0, 0]))
    knee = find_knee(sizes[1:], tokens[1:])
    guarded = GuardedSize(knee or 4000, 0.005, 1000, 20, 5, 3, 0.75)
    cost = VocabularyCost(500, 500)
    return Advice("base", SizeCurve(sizes, {HELD_OUT: text}), cost, guarded, (), False, knee, exhausted)


def test_the_headline_says_what_to_do() -> None:
    assert made([100, 60, 50, 49]).headline == (
        "Add about 2,000 tokens: held-out text then takes 50% of the tokens, and with more, each doubling saves less "
        "than 5%."
    )
    assert made([100, 60, 59, 58]).headline.startswith("Add at most about 1,000 tokens: ")
    assert made([100, 60, 50, 40]).headline.endswith("To see further, raise the largest size.")
    assert made([100, 60, 50, 40], exhausted=True).headline.endswith("give more text, or lower the minimum frequency.")


def test_what_the_guard_would_do_and_what_the_base_loses_is_said() -> None:
    text = advice_report(made([100, 60, 50, 49], unknown=4), Stages()).to_text()
    assert "with 2,000 new tokens 20 of 1,000 sample lines change; the guard drops 3 first merges" in text
    assert "so that 5 lines and 75.0% of the saving are left" in text
    assert "so its own counts are too low" in text
    assert "before the guard" in text


def test_a_language_of_the_same_script_is_advised_on_too(place: Path, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("\n".join(invented()), encoding="utf-8")
    found = advise(place / "base", tmp_path / "new.txt", largest=60, source_sample=place / "sample.txt")
    assert not found.is_foreign
    assert found.scripts == ()
    assert found.guarded.changed_lines > 0


def test_a_tokenizer_alone_is_enough(place: Path, tmp_path: Path) -> None:
    save_tokenizer(tmp_path / "alone", wordpiece())
    found = advise(tmp_path / "alone", place / "corpus.txt", largest=500, source_sample=place / "sample.txt")
    assert found.cost.remark == "no config.json: rows only"
    assert found.curve.texts[HELD_OUT].loses_text


def test_the_corpus_may_give_fewer_than_the_largest(place: Path) -> None:
    found = advise(
        place / "base",
        place / "corpus.txt",
        largest=50_000,
        minimum_frequency=20,
        source_sample=place / "sample.txt",
    )
    assert found.is_exhausted
    assert found.curve.sizes[-1] < 50_000


@pytest.mark.parametrize(("lines", "said"), [(1, "1 line;"), (9, "9 lines;")])
def test_a_corpus_of_less_than_ten_lines_is_refused(place: Path, tmp_path: Path, lines: int, said: str) -> None:
    (tmp_path / "small.txt").write_text("가나다\n" * lines)
    with pytest.raises(CorpusError, match=rf"The corpus has {said} every tenth is held out .* at least 10\."):
        advise(place / "base", tmp_path / "small.txt")


def test_bad_input_is_said_in_one_sentence(place: Path, tmp_path: Path) -> None:
    corpus = place / "corpus.txt"
    with pytest.raises(CheckpointError, match="neither a model directory nor a hub id"):
        advise("nowhere", corpus)
    with pytest.raises(CorpusError, match=r"There is no corpus file nowhere\.txt"):
        advise(place / "base", corpus, texts={"x": "nowhere.txt"})
    with pytest.raises(InputError, match="label held-out is the corpus's own"):
        advise(place / "base", corpus, texts={HELD_OUT: corpus})
    with pytest.raises(InputError, match="must be at least 1, got 0"):
        advise(place / "base", corpus, largest=0)
    with pytest.raises(InputError, match="give neither a donor nor control tokens"):
        advise(place / "base", corpus, control_tokens=("<|tool|>",))
    (tmp_path / "same.txt").write_text("the the\n" * 20)
    with pytest.raises(TokenizerError, match="gives no new token"):
        advise(place / "base", tmp_path / "same.txt")

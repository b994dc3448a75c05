"""What each stage does with a text."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.data_scripts.corpus.corpora import PLAIN, SWAHILI, Run, pass_through, sentences, stages, texts
from vocabx.core.errors import InputError

pytest.importorskip("datatrove", reason="datatrove is not installed (pip install 'vocabx[data]')")


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


def test_text_is_composed_and_loses_controls(pipeline: Callable[[str], Any]) -> None:
    step = pipeline("text_rules").NormalForm(pipeline("stages").Normalize())
    assert pass_through(step, "\u1112\u1161\u11ab\r\n글 \u2028\x00끝\t \n") == ["한\n글\n끝"]
    assert pass_through(step, "one page\fthe next\vand a line") == ["one page\nthe next\nand a line"]


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


class Labels:
    """A model of fastText that knows Hangul when it sees it."""

    def get_labels(self) -> list[str]:
        return ["__label__kor_Hang", "__label__swh_Latn"]

    def predict(self, text: str, k: int) -> tuple[tuple[str, ...], tuple[float, ...]]:
        return ("__label__swh_Latn" if text.isascii() else "__label__kor_Hang",), (0.9,)


@pytest.mark.parametrize("keep", ["kor", "kor_Hang"])
def test_a_model_of_fasttext_is_asked_for_the_language_or_for_its_script_too(
    keep: str, pipeline: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, settings = pipeline("language"), pipeline("stages").Language
    monkeypatch.setattr(module, "_fasttext", lambda file: Labels())
    step = module.LanguageRule(settings((keep,), fasttext=str(tmp_path)))
    step.check()
    assert pass_through(step, *sentences(5, 2), *SWAHILI) == sentences(5, 2)
    assert step.stats["dropped_is_swh_Latn"].total == len(SWAHILI)
    with pytest.raises(InputError, match="does not know Hang"):
        module.LanguageRule(settings(("Hang",), fasttext=str(tmp_path))).check()

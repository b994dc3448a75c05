from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.eval.models import tiny_model, tiny_tokenizer
from vocabx.core.errors import InputError
from vocabx.eval.chrf import measure_chrf
from vocabx.eval.decoder import Decoder
from vocabx.eval.harness.translation import new_tokens_for, translate, write_task
from vocabx.eval.translated_pairs import Direction, Pairs

sacrebleu = pytest.importorskip("sacrebleu")
pytest.importorskip("lm_eval")
pytestmark = pytest.mark.torch
LINES = Direction("en", "ko", Pairs(("ab {{answer}}", "b", "a: b"), ("c", "dd", "한")), Pairs(("q", "r"), ("s", "t")))
ROLES: dict[str, Any] = {"bos_token": "<s>", "eos_token": "</s>"}


def tiny_decoder(words: tuple[str, ...] = (), **roles: str) -> Decoder:
    tokenizer = tiny_tokenizer(words, **roles)
    return Decoder(tiny_model(len(tokenizer)), tokenizer)


def greedy(decoder: Decoder, prompt: str, new_tokens: int) -> str:
    """Return the likeliest continuation of a prompt, up to the end of its first line, one token after the other."""
    import torch

    ids = decoder.tokenizer(prompt)["input_ids"]
    new = list[int]()
    with torch.no_grad():
        while len(new) < new_tokens and decoder.tokenizer.eos_token_id not in new:
            new.append(int(decoder.model(input_ids=torch.tensor([ids + new])).logits[0, -1].argmax()))
    text: str = decoder.tokenizer.decode(new, skip_special_tokens=True)
    return text.split("\n")[0]


def test_the_harness_reads_the_documented_prompts_and_continues_them_greedily() -> None:
    decoder = tiny_decoder(**ROLES)
    found = translate(decoder, LINES, new_tokens=5, batch_size=2)
    assert list(found.prompts) == LINES.prompts()
    assert list(found.answers) == [greedy(decoder, prompt, 5) for prompt in LINES.prompts()]


def test_without_examples_a_prompt_is_the_question_alone() -> None:
    asked = Direction("en", "ko", LINES.pairs)
    assert translate(tiny_decoder(**ROLES), asked, new_tokens=2).prompts[1] == "en: b\nko:"


def test_scores_are_those_of_sacrebleu(monkeypatch: pytest.MonkeyPatch) -> None:
    from lm_eval.models.huggingface import HFLM

    answers = [" the book is old", "한국어 문장", "a dd"]
    references = ("the book is very old", "한국어의 문장", "dd")
    monkeypatch.setattr(HFLM, "generate_until", lambda self, requests, disable_tqdm=False: list(answers))
    found = translate(tiny_decoder(**ROLES), Direction("en", "ko", Pairs(LINES.pairs.source, references)), new_tokens=2)
    assert list(found.answers) == answers
    assert found.scores["chrf"] == pytest.approx(sacrebleu.corpus_chrf(answers, [references]).score)
    assert found.scores["chrf"] == pytest.approx(measure_chrf(found.answers, references).value)
    assert found.scores["bleu"] == pytest.approx(sacrebleu.corpus_bleu(answers, [references]).score)
    assert found.scores["chrf"] > 40


def test_an_answer_may_be_half_as_long_again_as_the_longest_reference_in_its_own_tokens() -> None:
    pairs = Pairs(("a", "b"), ("abcd", "한국한국"))
    assert new_tokens_for(tiny_decoder(), pairs) == 12 * 1.5 + 1
    assert new_tokens_for(tiny_decoder(("한국",)), pairs) == 4 * 1.5 + 1


def test_progress_counts_lines() -> None:
    heard = list[tuple[int, int]]()
    progress: Any = lambda done, total: heard.append((done, total))  # noqa: E731
    translate(tiny_decoder(**ROLES), LINES, new_tokens=2, progress=progress)
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    translate(tiny_decoder(**ROLES), LINES, new_tokens=2)
    assert capfd.readouterr() == ("", "")


def test_a_tokenizer_that_cannot_end_a_text_is_refused() -> None:
    with pytest.raises(InputError, match="without an EOS token"):
        translate(tiny_decoder(bos_token="<s>"), LINES)


def test_a_prompt_that_leaves_no_room_is_refused_with_its_line() -> None:
    with pytest.raises(InputError, match=r"prompt of line 1 \(en-ko\) is 47 tokens, and with an answer of 30 that is"):
        translate(tiny_decoder(**ROLES), LINES, new_tokens=30)


def test_examples_are_never_among_the_lines_that_are_asked_for(tmp_path: Path) -> None:
    task = json.loads(write_task(tmp_path, LINES, 3).read_text("utf-8"))
    files = {split: Path(file).read_text("utf-8") for split, file in task["dataset_kwargs"]["data_files"].items()}
    rows = {split: [json.loads(line) for line in text.splitlines()] for split, text in files.items()}
    assert [row["answer"] for row in rows["test"]] == ["c", "dd", "한"]
    assert [row["answer"] for row in rows["train"]] == ["s", "t"]
    assert (task["test_split"], task["fewshot_split"], task["num_fewshot"]) == ("test", "train", 2)

"""A check that cannot run says why, and whether anything can be done about it."""

from __future__ import annotations

from pathlib import Path

import pytest

import vocabx
from tests.verification.damages import remove, setting
from tests.verification.models import ENGLISH, damaged, extend, failing, reasons, save_base, save_tokenizer
from vocabx.core.errors import CheckpointError, InputError, TokenizerError
from vocabx.manifest import FILE_NAME
from vocabx.verification import chat, needs, verify
from vocabx.verification.table import CHECKS

COMPARE_TOKENIZERS = {check.name for check in CHECKS if needs.base in check.needs}
COMPARE_WEIGHTS = {check.name for check in CHECKS if needs.base_weights in check.needs}
LOOK_AT_WEIGHTS = {check.name for check in CHECKS if needs.weights in check.where}
NO_BASE = "no base was given to compare with"
DRAWN = "the method 'multivariate' draws its rows and stores no weights"
UNPROMISED = "the method 'multivariate' does not promise convex rows"


def test_without_a_base_nothing_is_compared(untied: Path) -> None:
    result = verify(untied, lines=ENGLISH)
    assert {name for name, reason in reasons(result).items() if reason == NO_BASE} == (
        COMPARE_TOKENIZERS | COMPARE_WEIGHTS
    )
    assert result.passed
    assert not result.strict_passed


def test_a_directory_without_weights_is_verified_as_a_tokenizer(untied_base: Path, tmp_path: Path) -> None:
    (tmp_path / "korean.txt").write_text("모델은 파일의 글을 읽고 다른 글을 씁니다.\n" * 9, encoding="utf-8")
    from vocabx.directories import extend_tokenizer_only

    extend_tokenizer_only(untied_base, tmp_path / "korean.txt", tmp_path / "out", size=8)
    result = verify(tmp_path / "out", untied_base, ENGLISH)
    assert result.strict_passed, result.to_report().to_text()
    assert reasons(result) == dict.fromkeys(LOOK_AT_WEIGHTS, "the directory holds a tokenizer and no weights")


def test_a_base_without_weights_leaves_the_weights_uncompared(untied: Path, tmp_path: Path) -> None:
    save_tokenizer(tmp_path / "base")
    result = verify(untied, tmp_path / "base", ENGLISH)
    assert failing(result) == set()
    found = {name for name, reason in reasons(result).items() if reason == "the base holds no weights"}
    assert found == COMPARE_WEIGHTS


def test_a_base_of_pickles_names_the_option_that_opens_them(untied: Path, tmp_path: Path) -> None:
    save_tokenizer(tmp_path / "base")
    (tmp_path / "base" / "pytorch_model.bin").touch()
    found = reasons(verify(untied, tmp_path / "base", ENGLISH))
    assert {name for name, reason in found.items() if "--trust-pickle (trust_pickle=True) opens" in reason} == (
        COMPARE_WEIGHTS
    )


@pytest.mark.torch
def test_without_text_source_lines_are_not_compared(untied: Path, untied_base: Path) -> None:
    result = verify(untied, untied_base, [])
    assert set(reasons(result)) == {
        "source-language text keeps its ids",
        "no new token wins on source-language text",
        "kept tokens compute as in the base",
    }
    assert set(reasons(result).values()) == {"there is no source-language text"}
    assert not result.strict_passed


@pytest.mark.torch
def test_text_that_is_spelt_with_new_ids_says_nothing_about_greedy_output(untied: Path, untied_base: Path) -> None:
    result = verify(untied, untied_base, ["파일을 읽는"])
    assert reasons(result) == {
        "no new token wins on source-language text": "no source-language line is spelt with old ids only",
        "kept tokens compute as in the base": "none of the lines of the given text is spelt with kept ids only",
    }


@pytest.mark.torch
def test_drawn_rows_have_no_stored_weights(untied_base: Path, tmp_path: Path) -> None:
    result = verify(extend(untied_base, tmp_path / "out", method="multivariate"), untied_base, ENGLISH)
    found = reasons(result)
    assert found.pop("head rows are made of head rows").startswith("the head's rows are drawn: GaussianDraw(")
    assert found == {
        "rows equal the stored weights applied": DRAWN,
        "stored weights are convex": UNPROMISED,
        "no new token wins on a probe": UNPROMISED,
        "no new token wins on source-language text": UNPROMISED,
    }
    assert result.strict_passed


@pytest.mark.torch
def test_a_trained_model_is_not_compared_with_what_was_written(untied: Path, untied_base: Path) -> None:
    result = verify(untied, untied_base, ENGLISH, after_training=True)
    trained = {check.name for check in CHECKS if {needs.untrained, needs.recorded} & {*check.where}}
    assert reasons(result) == dict.fromkeys(trained, "the model was trained")
    assert "stored weights are convex" in trained


def test_without_torch_the_model_is_not_opened(
    untied: Path, untied_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    result = verify(untied, untied_base, ENGLISH)
    assert set(reasons(result)) == {
        "AutoModel opens it and computes",
        "no new token wins on source-language text",
        "kept tokens compute as in the base",
    }
    assert set(reasons(result).values()) == {"torch is not installed (pip install 'vocabx[torch]')"}
    assert not result.strict_passed


@pytest.mark.torch
def test_a_model_without_a_head_has_no_greedy_output(tied: Path, tied_base: Path, tmp_path: Path) -> None:
    # The names of a bare model's tensors lack the prefix, which AutoModel sees through.
    out = damaged(tied, tmp_path / "out", setting("config.json", "architectures", ["LlamaModel"]))
    base = damaged(tied_base, tmp_path / "base", setting("config.json", "architectures", ["LlamaModel"]))
    result = verify(out, base, ENGLISH)
    assert failing(result) == set(), result.to_report().to_text()
    assert reasons(result)["no new token wins on source-language text"] == "the model has no output head"


CHAT = "the chat template gives the same ids"


def test_a_base_without_a_chat_template_has_none_to_keep(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", tied=True, template=None)
    result = verify(extend(base, tmp_path / "out"), base, ENGLISH)
    assert reasons(result)[CHAT] == "the base has no chat template"


@pytest.mark.torch
def test_without_jinja_no_template_is_rendered(
    untied: Path, untied_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "find_spec", lambda name: None)
    result = verify(untied, untied_base, ENGLISH)
    assert reasons(result) == {CHAT: "jinja2 is not installed (pip install jinja2)"}
    assert not result.strict_passed


def test_a_template_that_refuses_the_conversation_is_not_rendered(tmp_path: Path) -> None:
    base = save_base(tmp_path / "base", tied=True, template="{{ raise_exception('only systems may speak') }}")
    result = verify(extend(base, tmp_path / "out"), base, ENGLISH)
    assert reasons(result)[CHAT] == "the base's chat template refuses a plain conversation: only systems may speak"


@pytest.mark.parametrize("write", [None, "{}", "[]", "no JSON"])
def test_without_a_readable_manifest_there_is_nothing_to_verify_by(
    write: str | None, untied: Path, tmp_path: Path
) -> None:
    out = damaged(untied, tmp_path / "out", remove(FILE_NAME))
    if write is not None:
        (out / FILE_NAME).write_text(write)
    with pytest.raises(InputError, match=r"vocabx\.json"):
        vocabx.verify(out)


def test_a_base_that_cannot_be_opened_is_not_the_directorys_fault(untied: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="neither a model directory nor a hub id"):
        verify(untied, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TokenizerError, match="holds no tokenizer"):
        verify(untied, tmp_path / "empty")


def test_a_directory_is_not_verified_against_itself(untied: Path) -> None:
    with pytest.raises(InputError, match="cannot be verified against itself"):
        verify(untied, untied)


def test_text_given_as_one_string_is_not_taken_for_lines(untied: Path) -> None:
    with pytest.raises(InputError, match="expected lines of text, got one string"):
        verify(untied, lines="english.txt")


def test_a_base_of_another_size_is_not_the_base(untied: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"so it is not the base: by vocabx\.json that is"):
        verify(untied, extend(untied, tmp_path / "again"))

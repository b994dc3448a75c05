"""Profiles: the ones that ship, and what a wrong one says. Nothing here needs datatrove."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from vocabx.core.errors import InputError, UnknownNameError

pytest.importorskip("yaml", reason="PyYAML is not installed (pip install 'vocabx[data]')")

SCRIPTS = Path(__file__).parents[2] / "data_scripts"


@pytest.fixture
def profile(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return import_module("corpus_pipeline.profile")


def read(profile: Any, tmp_path: Path, text: str, *changes: str) -> Any:
    file = tmp_path / "mine.yaml"
    file.write_text(text, "utf-8")
    return profile.find_profile(str(file), changes)


def test_the_profiles_that_ship_can_be_read_and_say_whose_their_thresholds_are(profile: Any) -> None:
    names = {file.stem: file.read_text("utf-8") for file in (SCRIPTS / "profiles").iterdir()}
    assert set(names) == {"generic", "korean"}
    for name in names:
        assert profile.find_profile(name).name == name
    assert "publishes no threshold" in names["korean"]
    korean = profile.find_profile("korean")
    assert korean.language.keep == ("ko",)
    assert korean.repetition.top_n_grams == {2: 0.25, 3: 0.22, 4: 0.2}


def test_every_stage_of_the_profile_that_ships_can_be_off(profile: Any) -> None:
    stages = set(profile.SECTIONS) - set(profile.ALWAYS)
    found = profile.find_profile("korean", [f"{name}=off" for name in stages])
    assert {name for name in stages if getattr(found, name) is not None} == set()


def test_a_setting_is_changed_from_the_command_line(profile: Any, tmp_path: Path) -> None:
    found = read(profile, tmp_path, "near: {words: 5}\n", "near.words=3", "language.keep=[sw, en]", "exact=on")
    assert (found.near.words, found.near.buckets) == (3, 14)
    assert found.language.keep == ("sw", "en")
    assert found.exact is not None
    assert found.quality is None
    assert found.name == "mine"


def test_one_path_may_stand_alone_where_several_may_be(profile: Any, tmp_path: Path) -> None:
    (tmp_path / "task.tsv").touch()
    found = read(profile, tmp_path, "near: {}\n", f"decontaminate.against={tmp_path}/task.tsv", "language.keep=sw")
    assert found.decontaminate.against == (f"{tmp_path}/task.tsv",)
    assert found.language.keep == ("sw",)
    with pytest.raises(InputError, match="against of decontaminate is nope, and there is no such file"):
        read(profile, tmp_path, "near: {}\n", "decontaminate.against=nope")


def test_what_is_typed_for_a_text_is_that_text_whatever_yaml_takes_it_for(profile: Any, tmp_path: Path) -> None:
    changes = (
        "slurm.time=12:00:00",
        "slurm.partition=1",
        "slurm.qos='high'",
        "language.keep=no",
        "slurm.gpus_per_task=2",
    )
    found = read(profile, tmp_path, "near: {}\n", *changes)
    assert (found.slurm.time, found.slurm.partition, found.slurm.qos) == ("12:00:00", "1", "high")
    assert (found.language.keep, found.slurm.gpus_per_task) == (("no",), 2)
    assert read(profile, tmp_path, "language: {keep: sw}\n", "language.fasttext=null").language.fasttext is None


def test_a_stage_that_is_not_known_is_answered_by_those_that_are(profile: Any) -> None:
    with pytest.raises(UnknownNameError) as caught:
        profile.find_profile("korean", ["foo=on"])
    listed = str(caught.value).partition("Known: ")[2].rstrip(".").split(", ")
    assert set(listed) == set(profile.SECTIONS) - set(profile.ALWAYS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nera: {}", "There is no stage in mine.yaml called 'nera'. Did you mean 'near'"),
        ("near: {wordz: 3}", "There is no setting of near in mine.yaml called 'wordz'. Did you mean 'words'"),
        ("near: {words: 0}", "words of near is 0; it must be at least 1"),
        ("near: {words: many}", "mine.yaml, near: words: expected a whole number, got 'many'"),
        ("near: 5", "near in mine.yaml is 5; it must be settings, or off"),
        ("sample: {share: 2}", "share of sample is 2; it must be from 0 to 1"),
        ("read: {document: page}", "There is no kind of document called 'page'"),
        ("read: off", "read cannot be off"),
        ("sample: {seed: -1}", "seed of sample is -1; it must be from 0 to 4294967295"),
        ("normalize: {form: NFX}", "There is no normal form called 'NFX'"),
        ("lines: {boilerplate: ['(']}", "not a regular expression"),
        ("lines: {script: Hangle}", "There is no script called 'Hangle'. Did you mean 'Hangul'"),
        ("repetition: {dup_n_grams: [5, 0.1]}", "it must give a share for each n"),
        ("repetition: {top_n_grams: {0: 0.1}}", "it must give a share for each n"),
        ("quality: {min_stop_words: 2}", "min_stop_words and no stop_words"),
        ("language: {}", "language keeps nothing; give keep"),
        ("language: {keep: [ko], fasttext: gone.bin}", "there is no such file or folder"),
        ("language: {keep: [ko], characters: 0}", "characters of language is 0; it must be at least 1"),
        ("perplexity: {model: '.', most: 2, batch: 0}", "batch of perplexity is 0; it must be at least 1"),
        ("perplexity: {model: '.', most: 2, sentencepiece: '.'}", "sentencepiece, which only cuts text for kenlm"),
        ("perplexity: {most: 2}", "needs either model, a causal language model's directory, or kenlm"),
        ("perplexity: {model: '.'}", "perplexity has no limit"),
        ("decontaminate: {}", "nothing to look for"),
        ("decontaminate: {against: [gone]}", "against of decontaminate is gone, and there is no such file"),
        ("decontaminate: {against: ['.'], words: 4}", "words of decontaminate is 4; it must be at least 5"),
        ("ray: {cpus_per_task: 0}", "cpus_per_task of ray is 0; it must be at least 1"),
        ("write: {format: csv}", "There is no format called 'csv'"),
        ("[", "mine.yaml is not YAML"),
        ("- a", "must name stages with their settings"),
    ],
)
def test_a_wrong_profile_is_a_sentence(profile: Any, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(profile, tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_not_text_is_no_profile(profile: Any, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"model\.bin is not text in UTF-8"):
        profile.find_profile(str(tmp_path / "model.bin"))


@pytest.mark.parametrize(
    ("line", "is_boilerplate"),
    [
        ("페이스북으로 공유", True),
        ("카카오톡 공유", True),
        ("그는 페이스북에서 일하다가 트위터로 자리를 옮겼다.", False),
        ("저작권자 ⓒ 우리일보, 무단 전재 및 재배포 금지", True),
        ("검색", True),
        ("검색 결과를 차례로 읽어 나갔다.", False),
    ],
)
def test_korean_boilerplate_is_what_no_sentence_says(profile: Any, line: str, is_boilerplate: bool) -> None:
    patterns = profile.find_profile("korean").lines.boilerplate
    assert any(re.search(pattern, line) for pattern in patterns) == is_boilerplate


def test_a_profile_that_is_not_there_and_a_change_without_a_value_are_sentences(profile: Any, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no profile or file called 'koran'\. Did you mean 'korean'"):
        profile.find_profile("koran")
    with pytest.raises(InputError, match=r"must be STAGE\.OPTION=VALUE"):
        profile.find_profile("korean", ["near"])

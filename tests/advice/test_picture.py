from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from tests.advice.test_advice import made
from vocabx.advice_picture import draw_advice
from vocabx.core.errors import InputError, MissingExtraError, OutputError
from vocabx.picture import check_picture

CURVES = {"a knee": [100, 60, 50, 49], "no knee": [100, 60, 50, 40]}
BEGINNINGS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("kind", BEGINNINGS)
def test_a_picture_is_written_with_the_same_bytes_each_time(tmp_path: Path, kind: str, curve: str) -> None:
    pytest.importorskip("matplotlib")
    first, second = tmp_path / f"first.{kind}", tmp_path / f"second.{kind}"
    draw_advice(made(CURVES[curve]), first)
    draw_advice(made(CURVES[curve]), second)
    assert first.read_bytes().startswith(BEGINNINGS[kind])
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [first.name, second.name]


def test_a_picture_that_exists_is_replaced_only_by_force(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "a.svg"
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"a\.svg exists already\. Choose another place, or replace it with --force"):
        draw_advice(made([100, 60, 50, 49]), path)
    assert path.read_text() == "mine"
    draw_advice(made([100, 60, 50, 49]), path, force=True)
    assert "recommended: 2,000" in path.read_text() or "<svg" in path.read_text()


def test_a_place_that_cannot_hold_a_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.png, \.svg, \.pdf; .*a\.gif does not"):
        check_picture(tmp_path / "a.gif")
    with pytest.raises(OutputError, match=r"There is no directory .*nowhere to write a\.png into"):
        check_picture(tmp_path / "nowhere" / "a.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match=r"folder\.png exists already"):
        check_picture(tmp_path / "folder.png", force=True)


def test_a_place_that_may_not_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(OutputError, match="You may not write into"):
        check_picture(tmp_path / "a.png")


def test_an_error_of_the_disk_is_reported_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = pytest.importorskip("matplotlib.figure")

    def fail(self: object, path: Path, **options: Any) -> None:
        Path(path).write_bytes(b"part")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure.Figure, "savefig", fail)
    with pytest.raises(OutputError, match=r"a\.png cannot be written: No space left on device\. Choose another place"):
        draw_advice(made([100, 60, 50, 49]), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = builtins.__import__

    def without(name: str, *others: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return load(name, *others, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"Drawing a picture needs .*: pip install 'vocabx\[report\]'$"):
        check_picture(tmp_path / "a.png")

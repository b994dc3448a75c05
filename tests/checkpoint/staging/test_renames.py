from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.checkpoint.stopped import without_flags
from vocabx.checkpoint.staging import renames
from vocabx.checkpoint.staging.renames import exchange, rename_to_new

FLAGS = pytest.mark.parametrize("refusal", ["none", "no such call", errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP])


@pytest.fixture(params=["/var/tmp", "/dev/shm"], ids=["the disk", "memory"])
def place(request: pytest.FixtureRequest) -> Iterator[Path]:
    if not os.access(request.param, os.W_OK):
        pytest.skip(f"{request.param} cannot be written to")
    with TemporaryDirectory(dir=request.param) as folder:
        yield Path(folder)


def made(place: Path, name: str, kind: str = "directory") -> Path:
    path = place / name
    if kind == "directory":
        path.mkdir()
        (path / name).write_text(name)
    elif kind == "link":
        path.symlink_to("nowhere")
    else:
        path.write_text(name)
    return path


def limit(monkeypatch: pytest.MonkeyPatch, refusal: str | int) -> None:
    if refusal != "none":
        without_flags(monkeypatch, refusal if isinstance(refusal, int) else None)


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="a system without renames with flags")
@pytest.mark.parametrize("kind", ["directory", "file", "link"])
def test_two_names_trade_what_they_name(place: Path, kind: str) -> None:
    one, other = made(place, "one"), made(place, "other", kind)
    before = other.lstat()
    assert exchange(one, other)
    assert os.listdir(other) == ["one"]
    assert os.path.samestat(one.lstat(), before)


@pytest.mark.parametrize("refusal", ["no such call", errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP])
def test_where_the_system_cannot_exchange_nothing_is_done(
    place: Path, refusal: str | int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = made(place, "one"), made(place, "other")
    limit(monkeypatch, refusal)
    assert not exchange(one, other)
    assert (os.listdir(one), os.listdir(other)) == (["one"], ["other"])


def test_other_refusals_are_errors(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = made(place, "one"), made(place, "other")
    with pytest.raises(FileNotFoundError, match="absent"):
        exchange(one, place / "absent")
    without_flags(monkeypatch, errno.EACCES)
    with pytest.raises(PermissionError) as raised:
        exchange(one, other)
    assert (raised.value.filename, raised.value.filename2) == (str(one), str(other))


@FLAGS
@pytest.mark.parametrize("kind", ["directory", "empty directory", "file", "link"])
def test_a_rename_to_a_new_name_overwrites_nothing(
    place: Path, refusal: str | int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, refusal)
    source = made(place, "source")
    rename_to_new(source, place / "target")
    assert os.listdir(place / "target") == ["source"]
    if kind == "empty directory":
        (place / "there").mkdir()
    else:
        made(place, "there", kind)
    before = (place / "there").lstat()
    with pytest.raises(FileExistsError):
        rename_to_new(place / "target", place / "there")
    assert os.path.samestat(before, (place / "there").lstat())
    assert os.listdir(place / "target") == ["source"]


def test_names_of_any_bytes_are_renamed(place: Path) -> None:
    odd = place / os.fsdecode(b"odd \xff\n")
    rename_to_new(made(place, "source"), odd)
    assert odd.is_dir()


def test_the_system_is_asked_once() -> None:
    assert renames._system_rename() is renames._system_rename()

"""A server on this machine that can break off, and a hub that is made up: what arrives is whole, and was promised."""

from __future__ import annotations

import hashlib
import http.client
import json
import lzma
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest

from vocabx.core.corpus import Corpus

SCRIPTS = Path(__file__).parents[2] / "data_scripts"
WORDS = "".join(f"나라 country{number}\n" for number in range(5000)).encode()


class Server:
    """Offers files by name; may break off after so many bytes; keeps the ranges that it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.most, self.has_ranges = 10**9, True
        self.ranges: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = server.files.get(self.path.rpartition("/")[2])
                if content is None:
                    self.send_error(404)
                    return
                asked = self.headers["Range"]
                server.ranges.append(asked)
                tag = f'"{hashlib.md5(content).hexdigest()}"'
                is_same = self.headers["If-Range"] in (None, tag)
                begin = int(asked[6:-1]) if asked and server.has_ranges and is_same else 0
                if begin >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(content)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206 if begin else 200)
                self.send_header("Content-Length", str(len(content) - begin))
                self.send_header("ETag", tag)
                self.end_headers()
                self.wfile.write(content[begin : begin + server.most])

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return import_module("data_scripts.get_corpora")


@pytest.fixture
def server(script: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    thread = Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    for name in ("muse", "cc100"):
        ours = replace(script.SOURCES[name], url=f"{server.url}/{script.SOURCES[name].url.rpartition('/')[2]}")
        monkeypatch.setitem(script.SOURCES, name, ours)
    yield server
    server.server.shutdown()
    server.server.server_close()
    thread.join()


def run(script: Any, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["get_corpora.py", *map(str, arguments)])
    script.main()


def test_a_file_that_breaks_off_is_gone_on_with_from_there(
    script: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files["en-ko.txt"], server.most = WORDS, len(WORDS) // 3 + 1
    run(script, monkeypatch, "muse:en-ko", "--data", tmp_path)
    assert (tmp_path / "muse.en-ko" / "en-ko.txt").read_bytes() == WORDS
    assert server.ranges == [None, f"bytes={server.most}-", f"bytes={2 * server.most}-"]
    assert [path.name for path in (tmp_path / "muse.en-ko").iterdir()] == ["en-ko.txt"]
    assert capsys.readouterr().out.endswith("muse:en-ko: complete. Licence: CC BY-NC 4.0.\n")
    run(script, monkeypatch, "muse:en-ko", "--data", tmp_path)
    assert len(server.ranges) == 3
    assert "there already" in capsys.readouterr().out


def test_what_a_stopped_run_left_is_kept_and_a_server_without_ranges_gives_all_again(
    script: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["en-ko.txt"], server.most = WORDS, 100
    with pytest.raises(SystemExit, match="broke off 5 times; run again to go on from there"):
        run(script, monkeypatch, "muse:en-ko", "--data", tmp_path)
    server.most, server.has_ranges = 10**9, False
    run(script, monkeypatch, "muse:en-ko", "--data", tmp_path)
    assert server.ranges[-1] == "bytes=500-"
    assert (tmp_path / "muse.en-ko" / "en-ko.txt").read_bytes() == WORDS


def test_a_file_that_changed_between_two_parts_comes_anew_and_whole(
    script: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["en-ko.txt"], server.most = WORDS, 100
    with pytest.raises(SystemExit):
        run(script, monkeypatch, "muse:en-ko", "--data", tmp_path)
    server.files["en-ko.txt"], server.most = WORDS[::-1], 10**9
    run(script, monkeypatch, "muse:en-ko", "--data", tmp_path)
    assert (tmp_path / "muse.en-ko" / "en-ko.txt").read_bytes() == WORDS[::-1]


@pytest.fixture
def stopped(script: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a run leaves that fetched a whole file and was stopped while it computed the checksum."""
    server.files["en-ko.txt"] = WORDS

    def stop(path: Path) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(script, "checksum", stop)
        with pytest.raises(KeyboardInterrupt):
            run(script, monkeypatch, "muse:en-ko", "--data", tmp_path)
    server.ranges.clear()
    staged = tmp_path / "muse.en-ko" / ".en-ko.txt.incomplete"
    assert staged.read_bytes() == WORDS
    return staged


def test_a_whole_file_that_was_stopped_before_it_had_its_name_is_not_fetched_again(
    script: Any, server: Server, stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(script, monkeypatch, "muse:en-ko", "--data", tmp_path)
    assert server.ranges == [f"bytes={len(WORDS)}-"]
    assert [(path.name, path.read_bytes()) for path in stopped.parent.iterdir()] == [("en-ko.txt", WORDS)]


def test_a_whole_file_that_was_stopped_and_then_changed_comes_anew_even_in_the_same_size(
    script: Any, server: Server, stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["en-ko.txt"] = WORDS[::-1]
    run(script, monkeypatch, "muse:en-ko", "--data", tmp_path)
    assert server.ranges == [f"bytes={len(WORDS)}-"]
    assert [(path.name, path.read_bytes()) for path in stopped.parent.iterdir()] == [("en-ko.txt", WORDS[::-1])]


def test_a_file_that_is_longer_than_what_is_offered_comes_anew(
    script: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["en-ko.txt"] = WORDS
    (tmp_path / "muse.en-ko").mkdir()
    (tmp_path / "muse.en-ko" / ".en-ko.txt.incomplete").write_bytes(WORDS + b"x")
    run(script, monkeypatch, "muse:en-ko", "--data", tmp_path)
    assert server.ranges == [f"bytes={len(WORDS) + 1}-", None]
    assert (tmp_path / "muse.en-ko" / "en-ko.txt").read_bytes() == WORDS


def test_other_bytes_than_the_first_time_are_a_sentence_until_they_are_wanted(
    script: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["en-ko.txt"] = WORDS
    run(script, monkeypatch, "muse:en-ko", "--data", tmp_path)
    shutil.rmtree(tmp_path / "muse.en-ko")
    server.files["en-ko.txt"] = WORDS[1:]
    with pytest.raises(SystemExit, match=r"en-ko.txt of muse:en-ko has the SHA-256 .* was expected.*--update"):
        run(script, monkeypatch, "muse:en-ko", "--data", tmp_path)
    assert list((tmp_path / "muse.en-ko").iterdir()) == []
    run(script, monkeypatch, "muse:en-ko", "--data", tmp_path, "--update")
    assert (tmp_path / "muse.en-ko" / "en-ko.txt").read_bytes() == WORDS[1:]


def test_a_published_checksum_holds_from_the_first_time(
    script: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["en-ko.txt"] = WORDS
    promised = replace(script.SOURCES["muse"], sha256={"en-ko": "0" * 64})
    monkeypatch.setitem(script.SOURCES, "muse", promised)
    with pytest.raises(SystemExit, match=r"000000000000\.\.\. was expected"):
        run(script, monkeypatch, "muse:en-ko", "--data", tmp_path)


def test_xz_is_compressed_anew_so_that_corpora_are_read(
    script: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["ko.txt.xz"] = lzma.compress(WORDS)
    for _ in range(2):
        run(script, monkeypatch, "cc100:ko", "--data", tmp_path)
    assert len(server.ranges) == 1
    assert "\n".join(Corpus.open([tmp_path / "cc100.ko"]).lines()).encode() == WORDS[:-1]
    server.files["sw.txt.xz"] = b"no xz"
    with pytest.raises(SystemExit, match=r"sw.txt.xz is not what xz makes"):
        run(script, monkeypatch, "cc100:sw", "--data", tmp_path)


def test_what_was_stopped_while_it_was_compressed_anew_is_not_fetched_again(
    script: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["ko.txt.xz"] = lzma.compress(WORDS)

    def stop(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(script.shutil, "copyfileobj", stop)
        with pytest.raises(KeyboardInterrupt):
            run(script, monkeypatch, "cc100:ko", "--data", tmp_path)
    run(script, monkeypatch, "cc100:ko", "--data", tmp_path)
    assert len(server.ranges) == 1
    assert "\n".join(Corpus.open([tmp_path / "cc100.ko"]).lines()).encode() == WORDS[:-1]


def test_an_answer_that_ends_early_is_asked_for_again(
    script: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["en-ko.txt"] = WORDS
    whole, calls = script._continue, list[int]()

    def end_early(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise http.client.IncompleteRead(b"")
        return whole(*arguments)

    monkeypatch.setattr(script, "_continue", end_early)
    run(script, monkeypatch, "muse:en-ko", "--data", tmp_path)
    assert (tmp_path / "muse.en-ko" / "en-ko.txt").read_bytes() == WORDS


def test_a_place_that_cannot_be_written_and_a_number_of_files_that_cannot_be_are_sentences(
    script: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match="file cannot be written"):
        run(script, monkeypatch, "muse:en-ko", "--data", tmp_path / "file")
    with pytest.raises(SystemExit):
        run(script, monkeypatch, "muse:en-ko", "--data", tmp_path, "--files", 0)
    assert "--files must be at least 1" in capsys.readouterr().err


def test_what_is_not_there_is_a_sentence(
    script: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match=r"en-xx.txt cannot be fetched: 404 Not Found"):
        run(script, monkeypatch, "muse:en-xx", "--data", tmp_path)
    with pytest.raises(SystemExit, match=r"There is no corpus called 'mouse'\. Did you mean 'muse'"):
        run(script, monkeypatch, "mouse:en-ko", "--data", tmp_path)
    with pytest.raises(SystemExit, match="muse needs a code after a colon, such as muse:en-ko"):
        run(script, monkeypatch, "muse", "--data", tmp_path)
    with pytest.raises(SystemExit, match="needs a code"):
        run(script, monkeypatch, "muse:../x", "--data", tmp_path)


class Hub:
    """A repository with two files in each language."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str | None]] = []
        self.commit, self.sha256 = "c0ffee", dict[str, str]()
        self.files = {f"data/swh_Latn/train/{number}.parquet": b"swh" * (number + 1) for number in range(2)}

    def dataset_info(self, repository: str, revision: str, files_metadata: bool) -> Any:
        self.calls.append((repository, revision))
        siblings = [
            SimpleNamespace(
                rfilename=name,
                lfs=SimpleNamespace(sha256=self.sha256.get(name, hashlib.sha256(content).hexdigest())),
            )
            for name, content in self.files.items()
        ]
        return SimpleNamespace(sha=self.commit, siblings=siblings)

    def download(self, repository: str, path: str, *, repo_type: str, revision: str, local_dir: Path) -> str:
        self.calls.append((path, revision))
        (local_dir / path).parent.mkdir(parents=True, exist_ok=True)
        (local_dir / path).write_bytes(self.files[path])
        return str(local_dir / path)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub()
    monkeypatch.setattr(huggingface_hub, "HfApi", type("HfApi", (), {"__new__": lambda cls: hub}))
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub.download)
    return hub


def test_a_slice_of_the_hub_is_its_first_files_at_the_commit_that_was_noted(
    script: Any, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "fineweb-2.swh_Latn" / "data/swh_Latn/train"
    run(script, monkeypatch, "fineweb-2:swh_Latn", "--data", tmp_path)
    assert [path.name for path in folder.iterdir()] == ["0.parquet"]
    hub.commit = "newer"
    run(script, monkeypatch, "fineweb-2:swh_Latn", "--data", tmp_path)
    assert len(hub.calls) == 2  # it is there already, and nobody was asked
    run(script, monkeypatch, "fineweb-2:swh_Latn", "--data", tmp_path, "--files", 2)
    assert hub.calls[2:] == [
        ("HuggingFaceFW/fineweb-2", "c0ffee"),
        ("data/swh_Latn/train/1.parquet", "c0ffee"),
    ]
    record = json.loads((tmp_path / "corpora.json").read_text())["fineweb-2:swh_Latn"]
    assert record["commit"] == "c0ffee"
    assert len(record["files"]) == 2


def test_a_slice_that_was_cut_off_goes_on_at_the_same_commit(
    script: Any, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = "data/swh_Latn/train/1.parquet"
    kept = hub.files.pop(second)
    monkeypatch.setitem(hub.sha256, second, hashlib.sha256(kept).hexdigest())
    hub.files[second] = b"damaged"
    with pytest.raises(SystemExit, match=r"1.parquet of fineweb-2:swh_Latn has the SHA-256"):
        run(script, monkeypatch, "fineweb-2:swh_Latn", "--data", tmp_path, "--files", 2)
    hub.commit, hub.files[second], done = "newer", kept, len(hub.calls)
    run(script, monkeypatch, "fineweb-2:swh_Latn", "--data", tmp_path, "--files", 2)
    assert hub.calls[done:] == [("HuggingFaceFW/fineweb-2", "c0ffee"), (second, "c0ffee")]


def test_a_slice_that_the_hub_lacks_or_gives_damaged_is_a_sentence(
    script: Any, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match=r"fineweb-2 has no file data/xxx/train/\*.parquet in its commit c0ffee"):
        run(script, monkeypatch, "fineweb-2:xxx", "--data", tmp_path)
    hub.sha256["data/swh_Latn/train/0.parquet"] = "0" * 64
    with pytest.raises(SystemExit, match=r"0.parquet of fineweb-2:swh_Latn has the SHA-256"):
        run(script, monkeypatch, "fineweb-2:swh_Latn", "--data", tmp_path)
    assert not list(tmp_path.rglob("*.parquet"))


def test_the_list_names_every_source_with_its_licence(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(script, monkeypatch, "--list")
    printed = capsys.readouterr().out
    for name, source in script.SOURCES.items():
        assert f"{name}:{source.example}" in printed
        assert source.licence in printed
        assert source.place in printed

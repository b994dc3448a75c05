"""Corpora that are made for tests, and what is read of a prepared one."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vocabx.core.corpus import Corpus

SCRIPTS = Path(__file__).parents[3] / "data_scripts"


NOUNS = ("나라", "사람", "시간", "마음", "도시", "하늘", "바다", "학교", "친구", "음악", "책상", "기차", "겨울", "여름")


VERBS = ("바라보았다", "걸어갔다", "기다렸다", "생각했다", "만들었다", "노래했다", "적어두었다", "돌아왔다", "시작했다")


ENDS = ("에서", "으로", "까지", "부터", "처럼", "보다", "에게", "하고", "만큼", "조차")


SWAHILI = (
    "Watu wengi walikuwa wakisubiri gari la moshi asubuhi hiyo mjini",
    "Mtoto alisoma kitabu chake kipya kabla ya kwenda shuleni na rafiki zake",
    "Mvua ilinyesha usiku kucha na mto ukajaa maji mengi sana",
)


EVALUATION = "그 오래된 다리 밑에서 우리는 늦은 여름 내내 물고기를 잡으며 놀았다"


KOREAN = ("--set", "quality.min_doc_words=10", "--set", "script.least=0.3")


FEWER = ("--set", "near.buckets=6", "--set", "near.hashes=3")


PLAIN = (
    "--set",
    "quality=off",
    "--set",
    "near=off",
    "--set",
    "c4=off",
    "--set",
    "repetition=off",
    "--set",
    "lines=off",
)


Run = Callable[..., str]


def sentences(count: int, seed: int) -> list[str]:
    """Korean sentences of eleven words and a full stop, all different."""
    rng = random.Random(seed)
    return [
        " ".join([*(rng.choice(NOUNS) + rng.choice(ENDS) for _ in range(9)), "그리고", rng.choice(VERBS)])
        + f" {place}."
        for place in range(count)
    ]


def texts(folder: Path) -> list[str]:
    return list(Corpus.open([folder]).lines())


def shards(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != "report.json"}


def stages(folder: Path) -> dict[str, dict[str, Any]]:
    return {one["stage"]: one for one in json.loads((folder / "report.json").read_text("utf-8"))["stages"]}


def lines_of(folder: Path) -> list[str]:
    import zstandard

    return [
        line
        for file in sorted(folder.glob("*.zst"))
        for line in zstandard.decompress(file.read_bytes(), max_output_size=1 << 24).decode().splitlines()
    ]


def archive(name: str, kind: str, pages: Sequence[str], place: Path) -> Path:
    """Write a web archive: of responses with their HTTP headers, or of conversions to plain text."""
    mime = "text/plain" if kind == "conversion" else "text/html"
    records = []
    for number, page in enumerate(pages):
        headers = "" if kind == "conversion" else f"HTTP/1.0 200 OK\r\nContent-Type: {mime}\r\n\r\n"
        content = (headers + page).encode()
        head = {
            "WARC-Type": kind,
            "WARC-Record-ID": f"<urn:uuid:{name}-{number}>",
            "WARC-Date": "2024-01-01T00:00:00Z",
            "WARC-Target-URI": f"http://example.com/{number}",
            "WARC-Identified-Payload-Type": mime,
            "Content-Type": mime if kind == "conversion" else "application/http; msgtype=response",
            "Content-Length": str(len(content)),
        }
        lines = "".join(f"{key}: {value}\r\n" for key, value in head.items())
        records.append(f"WARC/1.0\r\n{lines}\r\n".encode() + content + b"\r\n\r\n")
    file = place / name
    file.write_bytes(b"".join(map(gzip.compress, records)) if name.endswith(".gz") else b"".join(records))
    return file


def pass_through(step: Any, *given: str) -> list[str]:
    from datatrove.data import Document

    return [document.text for document in step(Document(text, str(place)) for place, text in enumerate(given))]

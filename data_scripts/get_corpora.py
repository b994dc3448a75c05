"""Bring slices of web corpora, word vectors and dictionaries, checked, and resumed where a download was cut off.

What    Fetches what is asked for, by the hub's client or by HTTP, and compares it with a published checksum, or else
        with the one of the first time. `prepare_corpus.py` and the methods' options read these files; CC-100's, which
        are compressed by xz, are made `.txt.zst` (their documents have blank lines between: `read.document=blank-line`;
        OSCAR's text is in `read.text_field=content`).
From    `--list` prints each name with its address, licence and about how large it is. Codes are given after a colon,
        such as `fineweb-2:kor_Hang`, `cc100:ko`, `fasttext:sw` or `muse:en-ko`. OSCAR is open to those who accepted
        its terms on the hub (`HF_TOKEN`). Web text belongs to its authors: the licences are those of the collections.
Out     A folder for each in `--data`, and `corpora.json`: commits, sizes and SHA-256 of all files. A later run takes
        the same commits, fetches only what is not there, and stops where bytes differ; `--update` forgets all that.
Time    As long as the network takes: `--files N` takes so many files of those that a hub's slice has (default 1).

    python data_scripts/get_corpora.py fineweb-2:kor_Hang wikipedia:ko fasttext:ko wechsel:korean --data data
    python data_scripts/prepare_corpus.py data/fineweb-2.kor_Hang --profile korean --out corpus
"""

from __future__ import annotations

import argparse
import http.client
import lzma
import os
import re
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from downloads import ask_hub, fetch_from_hub, read_records, write_records

from vocabx.core.checksum import checksum
from vocabx.core.errors import InputError, OutputError, UnknownNameError, VocabxError
from vocabx.core.report import Report, Table

RECORD = "corpora.json"
BLOCK = 1 << 20
RETRIES = 5
MUSE_TERMS = "CC BY-NC 4.0"


@dataclass(frozen=True)
class HubSource:
    """Files of a dataset of the hub; the hub publishes their checksums."""

    repository: str
    pattern: str
    licence: str
    size: str
    example: str
    revision: str = "main"

    @property
    def place(self) -> str:
        """Where it is from, for people."""
        return f"{self.repository}: {self.pattern}"


@dataclass(frozen=True)
class WebSource:
    """A file behind an address, with its SHA-256 by code where that is published."""

    url: str
    licence: str
    size: str
    example: str
    sha256: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where it is from, for people."""
        return self.url


Source = HubSource | WebSource

SOURCES: Mapping[str, Source] = {
    "fineweb-2": HubSource(
        "HuggingFaceFW/fineweb-2", "data/{code}/train/*.parquet", "ODC-BY 1.0", "1-4 GB a file", "kor_Hang"
    ),
    "hplt": HubSource("HPLT/HPLT2.0_cleaned", "{code}/train-*.parquet", "CC0 1.0", "0.3 GB a file", "swh_Latn"),
    "oscar": HubSource(
        "oscar-corpus/OSCAR-2301",
        "{code}_meta/*.jsonl.zst",
        "CC0 1.0, after terms that are accepted on the hub",
        "0.1-1 GB a file",
        "ko",
    ),
    "wikipedia": HubSource(
        "wikimedia/wikipedia", "20231101.{code}/*.parquet", "CC BY-SA 3.0 and GFDL", "0.1-1 GB a file", "ko"
    ),
    "cc100": WebSource(
        "https://data.statmt.org/cc-100/{code}.txt.xz", "Common Crawl's terms of use", "0.3 GB (sw) to 14 GB (ko)", "ko"
    ),
    "fasttext": WebSource(
        "https://dl.fbaipublicfiles.com/fasttext/vectors-crawl/cc.{code}.300.bin.gz", "CC BY-SA 3.0", "4.5 GB", "ko"
    ),
    "fasttext-text": WebSource(
        "https://dl.fbaipublicfiles.com/fasttext/vectors-crawl/cc.{code}.300.vec.gz", "CC BY-SA 3.0", "1.3 GB", "ko"
    ),
    "fasttext-languages": WebSource(
        "https://dl.fbaipublicfiles.com/fasttext/supervised-models/lid.176.{code}", "CC BY-SA 3.0", "0.13 GB", "bin"
    ),
    "wechsel": WebSource(
        "https://raw.githubusercontent.com/CPJKU/wechsel/main/dicts/data/{code}.txt",
        "MIT; Wiktionary's CC BY-SA",
        "1 MB",
        "korean",
    ),
    "muse": WebSource("https://dl.fbaipublicfiles.com/arrival/dictionaries/{code}.txt", MUSE_TERMS, "1 MB", "en-ko"),
}
"""By name; `{code}` stands for what follows the colon."""


@dataclass
class Record:
    """What is known of one slice: its commit, and of each file its size, its SHA-256 and the size it is kept in."""

    commit: str | None = None
    files: dict[str, list[Any]] = field(default_factory=dict)


def parse_name(name: str) -> tuple[Source, str]:
    """Return the source and the code of `SOURCE:CODE`."""
    source, _, code = name.partition(":")
    if source not in SOURCES:
        raise UnknownNameError("corpus", source, SOURCES)
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", code):
        raise InputError(f"{name} needs a code after a colon, such as {source}:{SOURCES[source].example}.")
    return SOURCES[source], code


def get(name: str, data: Path, record: Record, files: int = 1) -> bool:
    """Bring one slice and note what it is; return whether anything was to be fetched.

    Raises
    ------
    InputError
        When the place cannot be reached, lacks it, or gives other bytes than published or than before.
    """
    source, code = parse_name(name)
    folder = data / name.replace(":", ".")
    if isinstance(source, WebSource):
        url = source.url.format(code=code)
        wanted = {url.rpartition("/")[2]: source.sha256.get(code)}
    else:
        wanted = _hub_files(source, code, record, files)
    is_new = False
    for path, promised in wanted.items():
        target = folder / path
        known = record.files.get(path)
        # A large file is not read again: its size tells whether it was exchanged since.
        if known and readable(target).is_file() and readable(target).stat().st_size == known[2]:
            continue
        is_new = True
        print(f"fetching {name}: {path}", file=sys.stderr)
        if isinstance(source, HubSource):
            staged = fetch_from_hub(source.repository, path, record.commit, folder)
        elif readable(target) != target and target.is_file():
            staged = target  # a run was stopped while it compressed this anew
        else:
            staged = download(url, target.with_name(f".{target.name}.incomplete"))
        record.files[path] = keep(staged, target, promised or (known[1] if known else None), f"{path} of {name}")
    return is_new


def _hub_files(source: HubSource, code: str, record: Record, files: int) -> dict[str, str | None]:
    """Return the first files of a slice with their checksums, of the commit that was noted."""
    known = sorted(record.files)[:files]
    if record.commit and len(known) == files:
        return dict.fromkeys(known)
    offered = ask_hub(source.repository, record.commit, source.revision)
    record.commit = offered.commit
    return {path: offered.promised[path] for path in offered.find(source.pattern.format(code=code))[:files]}


def keep(staged: Path, target: Path, expected: str | None, what: str) -> list[Any]:
    """Give a file that has the expected checksum its name, and return its size, its SHA-256 and the size as kept."""
    size, found = staged.stat().st_size, checksum(staged)
    if expected is not None and found != expected:
        staged.unlink()  # or the next run would take it for good
        _tag_of(staged).unlink(missing_ok=True)
        raise InputError(
            f"{what} has the SHA-256 {found[:12]}..., and {expected[:12]}... was expected. If it was changed there and "
            "the new one is right, run again with --update."
        )
    os.replace(staged, target)
    _tag_of(staged).unlink(missing_ok=True)
    final = readable(target)
    if final != target:
        recompress(target, final)
    kept = final.stat().st_size
    print(f"{kept:>15,}  {final}")
    return [size, found, kept]


def readable(path: Path) -> Path:
    """Return under which name a file is kept: what is compressed by xz is compressed anew."""
    return path.with_suffix(".zst") if path.suffix == ".xz" else path


def recompress(path: Path, final: Path) -> None:
    """Turn a file from xz into zst; it appears whole, and then the other goes."""
    import zstandard

    staged = final.with_name(f".{final.name}.incomplete")
    try:
        with lzma.open(path) as source, zstandard.open(staged, "wb") as target:
            shutil.copyfileobj(source, target, BLOCK)
    except (lzma.LZMAError, EOFError) as error:
        raise InputError(f"{path} is not what xz makes: {error}. Take it away and run again.") from error
    os.replace(staged, final)
    path.unlink()


# --- HTTP ---------------------------------------------------------------------------------------------------------


def download(url: str, staged: Path) -> Path:
    """Fetch a file behind what is there of it, again where the connection breaks; return where it is.

    Raises
    ------
    InputError
        When the server cannot be reached, lacks the file, or breaks off too often.
    """
    staged.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(RETRIES):
        try:
            if _continue(url, staged):
                return staged
        except urllib.error.HTTPError as error:
            if error.code != 416:
                raise InputError(f"{url} cannot be fetched: {error.code} {error.reason}.") from error
            if staged.is_file() and error.headers["Content-Range"] == f"bytes */{staged.stat().st_size}":
                return staged  # a run was stopped after the last byte, before the file had its name
            staged.unlink(missing_ok=True)  # what is there is not a beginning of what is offered now
        except (OSError, http.client.HTTPException) as error:
            if attempt == RETRIES - 1:
                raise InputError(f"{url} cannot be fetched: {error}") from error
    raise InputError(f"{url} broke off {RETRIES} times; run again to go on from there.")


def _tag_of(staged: Path) -> Path:
    """Return where the version of a file is noted until it has its name."""
    return staged.with_name(f"{staged.name}.etag")


def _continue(url: str, staged: Path) -> bool:
    """Ask for the rest of a file, and write what comes; return whether it is whole now."""
    tag = _tag_of(staged)
    have = staged.stat().st_size if staged.is_file() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "vocabx"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if tag.is_file():
            request.add_header("If-Range", tag.read_text("utf-8"))  # a changed file comes whole
    with urllib.request.urlopen(request, timeout=60) as answer:
        if answer.status != 206:
            have = 0
        length = answer.headers.get("Content-Length")
        with staged.open("ab" if have else "wb") as file:
            # Once the file is emptied, or a run that is stopped here leaves the new tag beside the old bytes.
            if answer.headers.get("ETag") and not answer.headers["ETag"].startswith("W/"):
                tag.write_text(answer.headers["ETag"], "utf-8")
            came = 0
            while block := cast("bytes", answer.read(BLOCK)):
                file.write(block)
                came += len(block)
    return length is None or came == int(length)


# --- command line -------------------------------------------------------------------------------------------------


def list_sources() -> Report:
    """Tabulate the sources."""
    rows = [
        (
            f"{name}:{one.example}",
            one.size,
            "published" if isinstance(one, HubSource) or one.sha256 else "recorded",
            one.licence,
            one.place,
        )
        for name, one in SOURCES.items()
    ]
    return Report("", {}, [Table("", ("name", "size", "checksum", "licence", "from"), rows)])


def bring(names: Sequence[str], data: Path, files: int, is_update: bool) -> None:
    """Bring slices one after the other, and note after each, even one that was cut off, what is there of it."""
    for name in names:
        parse_name(name)
    try:
        data.mkdir(parents=True, exist_ok=True)
        records = read_records(data / RECORD, Record)
        for name in names:
            record = Record() if is_update else records.get(name, Record())
            try:
                is_new = get(name, data, record, files)
            finally:
                if record.files:
                    records[name] = record
                    write_records(data / RECORD, records)
            licence = SOURCES[name.partition(":")[0]].licence
            print(f"{name}: {'complete' if is_new else 'there already'}. Licence: {licence}.")
    except OSError as error:
        raise OutputError(f"{data} cannot be written: {error}") from error


def main() -> None:
    """Read the arguments, bring what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="SOURCE:CODE", help=f"{', '.join(SOURCES)}, each with a code")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder for the files (default: %(default)s)")
    parser.add_argument("--files", type=int, default=1, help="of a slice of the hub (default: %(default)s)")
    parser.add_argument("--update", action="store_true", help="take the newest, and forget earlier checksums")
    parser.add_argument("--list", action="store_true", help="print what there is, and stop")
    options = parser.parse_args()
    if options.list:
        print(list_sources().to_text())
        return
    if not options.names:
        parser.error("name what to bring; --list prints what there is")
    if options.files < 1:
        parser.error("--files must be at least 1")
    try:
        bring(options.names, options.data, options.files, options.update)
    except VocabxError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()

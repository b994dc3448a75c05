"""Plant what a clean corpus must not hold into text, with the answers, so that `prepare_corpus.py` can be tried.

What    Groups of lines become documents, and into some of them or beside them are planted: copies; near copies, in
        which single words are changed or left out; lines of boilerplate; documents in another language, wholly or in
        half of their lines; and lines of evaluation sets.
From    A text file, one in another language, and evaluation sets (KoBEST's and XNLI's `.tsv` files).
Out     `corpus.jsonl` (id, text; in random order) and `answers.json`: the groups of copies, the planted lines, the
        documents in another language. The same seed gives the same bytes. `--check` compares a prepared corpus with the
        answers.
Time    Seconds.

    python data_scripts/plant_corpus.py docs.ko.txt --other docs.sw.txt --evaluation kobest/*/dev.tsv --out planted
    python data_scripts/prepare_corpus.py planted/corpus.jsonl --profile korean --out clean
    python data_scripts/plant_corpus.py --check clean --out planted
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vocabx.core.corpus import Corpus
from vocabx.core.errors import InputError, OutputError, VocabxError
from vocabx.core.report import Report, Table
from vocabx.core.text_files import read_lines, read_text, split_lines

BOILERPLATE = (
    "저작권자 ⓒ 우리일보, 무단 전재 및 재배포 금지",
    "홍길동 기자 hong@example.com",
    "로그인",
    "개인정보처리방침 | 이용약관 | 청소년보호정책",
    "이 사이트는 쿠키를 사용합니다. 쿠키 사용에 동의하시겠습니까?",
    "Copyright © 2024 Example. All rights reserved.",
    "본문 바로가기",
)
LEAST_WORDS = 8
"""Of an evaluation text that is planted: what is shorter may be anyone's words."""


@dataclass(frozen=True)
class Numbers:
    """How much of each kind is planted, and how: `lines` make a document, `changed` is the share of words."""

    lines: int = 12
    documents: int | None = None
    exact: int = 500
    near: int = 500
    boilerplate: int = 500
    foreign: int = 200
    mixed: int = 200
    contaminated: int = 300
    changed: float = 0.05

    def __post_init__(self) -> None:
        if self.lines < 1 or not 0 <= self.changed <= 1 or min(self.counts) < 0:
            raise InputError("Numbers of documents are 0 or more, of lines 1 or more, and the share of words 0 to 1.")

    @property
    def counts(self) -> tuple[int, ...]:
        """How many of each kind are planted."""
        return self.exact, self.near, self.boilerplate, self.foreign, self.mixed, self.contaminated


@dataclass
class Planted:
    """Documents with their ids, and what is known of them."""

    documents: dict[str, str] = field(default_factory=dict)
    exact: list[list[str]] = field(default_factory=list)
    near: list[list[str]] = field(default_factory=list)
    boilerplate: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    contaminated: dict[str, str] = field(default_factory=dict)


def group(lines: Sequence[str], size: int) -> list[str]:
    """Make documents of so many lines each; what is left over is left out."""
    return ["\n".join(lines[start : start + size]) for start in range(0, len(lines) - size + 1, size)]


def nearly(text: str, share: float, rng: random.Random) -> str:
    """Change or leave out a share of the words: each is replaced by another of the document, or removed."""
    words = text.split(" ")
    count = max(1, round(len(words) * share))
    others = [word for word in words if "\n" not in word]
    for place in sorted(rng.sample(range(len(words)), count), reverse=True):
        if "\n" in words[place]:
            continue
        if rng.random() < 0.5:
            del words[place]
        else:
            words[place] = rng.choice(others)
    return " ".join(words)


def plant(
    texts: Sequence[str], others: Sequence[str], evaluation: Sequence[str], numbers: Numbers, seed: int
) -> Planted:
    """Plant everything; raise `InputError` where there is too little text for it."""
    rng = random.Random(seed)
    wanted = sum(numbers.counts) - numbers.foreign
    sentences = sorted({text for text in evaluation if len(text.split()) >= LEAST_WORDS})
    _check_supply(
        ("documents", len(texts), wanted),
        ("documents in another language", len(others), numbers.foreign + numbers.mixed),
        ("evaluation texts", len(sentences), min(1, numbers.contaminated)),
    )
    found = Planted(dict((f"base-{number}", text) for number, text in enumerate(texts)))
    names = iter(rng.sample(sorted(found.documents), wanted))
    strange = iter(rng.sample(list(others), numbers.foreign + numbers.mixed))
    for number in range(numbers.exact):
        found.exact.append(_beside(found, next(names), f"exact-{number}", lambda text: text))
    for number in range(numbers.near):
        found.near.append(
            _beside(found, next(names), f"near-{number}", lambda text: nearly(text, numbers.changed, rng))
        )
    for _ in range(numbers.boilerplate):
        name = next(names)
        found.documents[name] = _with_line(found.documents[name], rng.choice(BOILERPLATE), rng)
        found.boilerplate.append(name)
    for number in range(numbers.foreign):
        found.documents[f"foreign-{number}"] = next(strange)
        found.foreign.append(f"foreign-{number}")
    for _ in range(numbers.mixed):
        name = next(names)
        found.documents[name] = _mixed(found.documents[name], next(strange))
        found.mixed.append(name)
    for _ in range(numbers.contaminated):
        name, sentence = next(names), rng.choice(sentences)
        found.documents[name] = _with_line(found.documents[name], sentence, rng)
        found.contaminated[name] = sentence
    order = list(found.documents.items())
    rng.shuffle(order)
    found.documents = dict(order)
    return found


def _check_supply(*supplies: tuple[str, int, int]) -> None:
    short = [name for name, has, needs in supplies if has < needs]
    if short:
        raise InputError(f"There are too few {' and '.join(short)} to plant so much.")


def _beside(found: Planted, name: str, copy: str, change: Callable[[str], str]) -> list[str]:
    found.documents[copy] = change(found.documents[name])
    return [name, copy]


def _with_line(text: str, line: str, rng: random.Random) -> str:
    lines = text.split("\n")
    lines.insert(rng.randrange(len(lines) + 1), line)
    return "\n".join(lines)


def _mixed(text: str, other: str) -> str:
    """Exchange every second line for one of the other language."""
    lines, others = text.split("\n"), other.split("\n")
    return "\n".join(others[place % len(others)] if place % 2 else line for place, line in enumerate(lines))


def evaluation_cells(paths: Sequence[Path]) -> Iterator[str]:
    """Yield the cells of `.tsv` files, without those of the heading."""
    for path in paths:
        for line in read_lines(path)[1:]:
            yield from map(str.strip, line.split("\t"))


def write(planted: Planted, out: Path) -> None:
    """Write the corpus and its answers; raise `OutputError` where that cannot be."""
    records = ({"id": name, "text": text} for name, text in planted.documents.items())
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    answers = {name: value for name, value in asdict(planted).items() if name != "documents"}
    answers["mixed_lines"] = {name: planted.documents[name].split("\n")[1::2] for name in planted.mixed}
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "corpus.jsonl").write_text(lines, "utf-8")
        (out / "answers.json").write_text(json.dumps(answers, ensure_ascii=False, indent=1), "utf-8")
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error}") from error


# --- checking -----------------------------------------------------------------------------------------------------


def compare(texts: Mapping[str, str], answers: Mapping[str, Any]) -> list[tuple[str, int, int, int]]:
    """Compare a prepared corpus, texts by id, with the answers.

    Returns
    -------
    list of (kind, planted, removed, left)
        Of copies, pairs are counted: one of a pair may stay. A pair of which nothing is left says nothing of copies,
        and is counted neither as removed nor as left.
    """
    rows = []
    for kind in ("exact", "near"):
        staying = [sum(name in texts for name in pair) for pair in answers[kind]]
        rows.append((f"{kind} copies", len(staying), staying.count(1), staying.count(2)))
    lines = [line for name in answers["boilerplate"] for line in texts.get(name, "").split("\n")]
    left = sum(line in BOILERPLATE for line in lines)
    rows.append(("boilerplate lines", len(answers["boilerplate"]), len(answers["boilerplate"]) - left, left))
    for kind in ("foreign", "mixed"):
        left = sum(_is_foreign(texts, answers, kind, name) for name in answers[kind])
        rows.append((f"{kind} documents", len(answers[kind]), len(answers[kind]) - left, left))
    left = sum(line in texts.get(name, "") for name, line in answers["contaminated"].items())
    rows.append(("evaluation lines", len(answers["contaminated"]), len(answers["contaminated"]) - left, left))
    return rows


def _is_foreign(texts: Mapping[str, str], answers: Mapping[str, Any], kind: str, name: str) -> bool:
    if kind == "foreign" or name not in texts:
        return name in texts
    kept = set(texts[name].split("\n"))
    return any(line in kept for line in answers["mixed_lines"][name])


def check(clean: Path, planted: Path) -> Report:
    """Read a prepared corpus, whose ids end with the place in what was planted, and tabulate what is left of that."""
    shards = sorted(clean.glob("*.jsonl.zst"))
    if not shards:
        raise InputError(f"{clean} holds no shards in .jsonl.zst, as prepare_corpus.py writes them.")
    try:
        answers = json.loads(read_text(planted / "answers.json"))
        names = [json.loads(line)["id"] for line in read_lines(planted / "corpus.jsonl")]
        records = (json.loads(line) for file in shards for line in _lines(file))
        texts = {names[int(record["id"].rpartition(":")[2])]: record["text"] for record in records}
        rows = compare(texts, answers)
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(f"{clean} was not made of what was planted in {planted}: {error}") from error
    return Report("", {}, [Table("", ("kind", "planted", "removed", "left"), rows)])


def _lines(file: Path) -> list[str]:
    import zstandard

    with zstandard.open(file, "rt", encoding="utf-8", newline="\n") as stream:
        return split_lines(stream.read())


def main() -> None:
    """Parse the command line; plant, or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="*", help="text files, one line a paragraph")
    parser.add_argument("--other", nargs="+", default=[], help="text in another language")
    parser.add_argument("--evaluation", nargs="+", type=Path, default=[], help=".tsv files of evaluation sets")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the planted corpus and its answers")
    parser.add_argument("--check", type=Path, metavar="CLEAN", help="compare this prepared corpus with the answers")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    for name, value in asdict(Numbers()).items():
        kind = float if name == "changed" else int
        parser.add_argument(f"--{name}", type=kind, default=value, help=f"see Numbers (default: {value})")
    options = parser.parse_args()
    try:
        if options.check is not None:
            print(check(options.check, options.out).to_text())
            return
        numbers = Numbers(**{name: getattr(options, name) for name in asdict(Numbers())})
        texts = group(list(Corpus.open(options.text).lines()), numbers.lines)[: numbers.documents]
        others = group(list(Corpus.open(options.other).lines()), numbers.lines) if options.other else []
        planted = plant(texts, others, list(evaluation_cells(options.evaluation)), numbers, options.seed)
        write(planted, options.out)
    except VocabxError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()

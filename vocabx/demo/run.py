"""Run the main job on the small model that ships with the package, and show what it is worth."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from vocabx.core.corpus import Corpus
from vocabx.core.report import Report, Table
from vocabx.directories import extend, plan_extension
from vocabx.eval.audit import audit
from vocabx.eval.bits_per_byte import BitsPerByte, bits_per_byte
from vocabx.explanation import Explainer
from vocabx.extension import Extension
from vocabx.output import write_model
from vocabx.request import Request
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import read_tokenizer
from vocabx.verification import verify

__all__ = ["METHODS", "SIZE", "run_demo"]

SIZE = 1500
METHODS = ("constituents", "mean", "random")
LANGUAGES = {"ko": "held-out.ko.txt", "en": "held-out.en.txt"}
RULE = "=" * 78


@dataclass(frozen=True)
class _Demo:
    """The shipped inputs."""

    base: Path
    text: Path

    @classmethod
    def open(cls) -> _Demo:
        folder = Path(str(files("vocabx.demo")))
        return cls(folder / "base", folder / "text")

    @property
    def corpus(self) -> Path:
        return self.text / "corpus.ko.txt"

    def held_out(self, language: str) -> list[str]:
        return list(Corpus.open([self.text / LANGUAGES[language]]).lines())


def run_demo(out: Path | None, *, force: bool, stages: Stages) -> Iterator[str]:
    """Yield the parts of the demonstration as text; the extended model stays in `out` when it is given."""
    demo = _Demo.open()
    with TemporaryDirectory() as temporary:
        target = out or Path(temporary) / "extended"
        yield f"Extending a small English model with {SIZE:,} Korean tokens ({METHODS[0]})."
        extension = extend(demo.base, demo.corpus, target, size=SIZE, force=force, stages=stages)
        yield extension.report(stages).to_text()
        yield _titled("What the tokenizers make of held-out text", _audit(demo, target).to_text())
        yield _titled("One new token explained", _explain(target, extension))
        checks = verify(target, base=demo.base, lines=demo.held_out("en"), progress=stages.say)
        yield _titled("Is it sound?", checks.to_report().to_text())
        yield _titled("Bits per byte before any training", _bits(demo, extension, target, Path(temporary), stages))
        yield f"Kept in {out}." if out else "Add --out DIR to keep the extended model."


def _titled(title: str, body: str) -> str:
    return f"{RULE}\n{title}\n{RULE}\n{body}"


def _audit(demo: _Demo, target: Path) -> Report:
    segmenters = {"base": read_tokenizer(demo.base), "extended": read_tokenizer(target)}
    return audit(segmenters, {name: Corpus.open([demo.text / file]).batches for name, file in LANGUAGES.items()})


def _explain(target: Path, extension: Extension) -> str:
    frequent = [token for token in extension.manifest.new_tokens if token.witness][: SIZE // 10]
    longest = max(frequent, key=lambda token: len(token.text))
    return Explainer.open(target).explain(str(longest.id)).to_text()


def _bits(demo: _Demo, extension: Extension, target: Path, temporary: Path, stages: Stages) -> str:
    if find_spec("torch") is None:
        return "Left out: measuring needs torch. Install it with: pip install 'vocabx[torch]'"
    models = {"base": demo.base, METHODS[0]: target}
    for method in METHODS[1:]:
        models[method] = temporary / method
        _write_with(method, demo, extension, models[method])
    rows = []
    for name, directory in models.items():
        stages.say(f"measuring {name}")
        measured = {language: bits_per_byte(directory, demo.held_out(language)) for language in LANGUAGES}
        rows.append((name, *(_cell(measured[language]) for language in LANGUAGES)))
        shutil.rmtree(directory) if directory.parent == temporary and directory != target else None
    columns = ("model", "Korean", "English")
    notes = (
        "Mean of held-out paragraphs with 95 % bootstrap intervals; less is better. The base spells Korean in bytes,\n"
        "which it has seen in training; the rows of the new tokens have not been trained yet."
    )
    return Table("", columns, rows).to_text() + "\n\n" + notes


def _write_with(method: str, demo: _Demo, extension: Extension, target: Path) -> None:
    target.mkdir()
    quiet = Stages()
    request = Request(demo.corpus, SIZE, method=method)
    planned, checkpoint = plan_extension(demo.base, request, quiet, extension.tokenizer)
    write_model(planned, checkpoint, target, quiet)


def _cell(measured: BitsPerByte) -> str:
    interval = measured.interval(np.random.default_rng(0))
    return f"{interval.estimate:.3f}  ({interval.low:.3f} to {interval.high:.3f})"

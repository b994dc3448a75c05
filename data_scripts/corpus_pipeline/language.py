"""Which language a document is in: py3langid's packaged model, or fastText's where a file is given."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from corpus_pipeline.stages import Language
from corpus_pipeline.step import Rule
from vocabx.core.errors import InputError, MissingExtraError

__all__ = ["LanguageRule"]

LABEL = "__label__"


@cache
def _packaged() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as error:
        raise MissingExtraError("Identifying languages", "data") from error
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@cache
def _fasttext(file: Path) -> Any:
    try:
        from fasttext.FastText import _FastText
    except ImportError as error:
        raise MissingExtraError("Identifying languages by fastText", "data") from error
    try:
        return _FastText(str(file))
    except ValueError as error:
        raise InputError(f"{file} is no model of fastText: {error}") from error


class LanguageRule(Rule):
    """Drops documents in other languages, and those of which it is not sure enough."""

    def __init__(self, stage: Language) -> None:
        super().__init__("language")
        self.stage = stage
        self.file = Path(stage.fasttext).expanduser() if stage.fasttext is not None else None

    def check(self) -> None:
        """Open the model, and know the languages; raise `InputError` where that fails."""
        if self.file is None:
            known = set(_packaged().labels)
        else:
            known = {name for label in _fasttext(self.file).get_labels() for name in _names(label.removeprefix(LABEL))}
        if unknown := sorted(set(self.stage.keep) - known):
            raise InputError(f"The identifier of languages does not know {', '.join(unknown)}.")

    def identify(self, text: str) -> tuple[str, float]:
        """Return the most likely language and its probability."""
        text = text[: self.stage.characters]
        if self.file is None:
            language, probability = _packaged().classify(text)
            return language, float(probability)
        (label,), (probability,) = _fasttext(self.file).predict(text.replace("\n", " "), k=1)
        return label.removeprefix(LABEL), float(probability)

    def examine(self, document: Any) -> str | None:
        """Identify it."""
        language, probability = self.identify(document.text)
        if _names(language).isdisjoint(self.stage.keep):
            return f"is_{language}"
        return None if probability >= self.stage.least else "unsure"


def _names(label: str) -> set[str]:
    """Return what a label may be called: GlotLID's name the script too, as `kor_Hang`."""
    return {label, label.partition("_")[0]}

"""Write a trained tokenizer so that plain `AutoTokenizer` opens it, and check that it does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vocabx.core.errors import TokenizerError
from vocabx.tokenizer_tools.sentencepiece_model import differing_lines
from vocabx.tokenizer_tools.train.pieces import MODEL_FILE
from vocabx.tokenizer_tools.train.trained import TrainedTokenizer
from vocabx.tokenizer_tools.write import check_reopened, write_tokenizer

__all__ = ["ModelFileCheck", "check_directory", "check_model_file", "write_trained"]

SETTINGS = "tokenizer_config.json"
TIE = 1e-4
"""Difference of log-likelihoods, per token, that single precision may make of nothing."""
ROLES_FILE = "special_tokens_map.json"
STALE = ("added_tokens_decoder",)
"""Settings that hold ids; `tokenizer.json` says the same with the right ones."""


def write_trained(trained: TrainedTokenizer, out: Path, like: Path | None = None) -> None:
    """Write the files of a tokenizer into a directory, with the settings and chat template of `like` if given."""
    # A tokenizer that is like no other has no settings to take over: `out` itself has none yet.
    write_tokenizer(trained.segmenter, like or out, out)
    path = out / SETTINGS
    settings = {
        name: value for name, value in json.loads(path.read_text(encoding="utf-8")).items() if name not in STALE
    }
    roles = {f"{role}_token": text for role, text in trained.blueprint.roles.items()}
    path.write_text(json.dumps({**settings, **roles}, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    for file in [out / ROLES_FILE] if (out / ROLES_FILE).is_file() else []:
        file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **roles}, indent=2) + "\n")
    for name, content in trained.files.items():
        (out / name).write_bytes(content)


@dataclass(frozen=True)
class ModelFileCheck:
    """How many lines of text a SentencePiece model and `tokenizer.json` were compared on, and where ties differ."""

    lines: int = 0
    ties: int = 0


def check_model_file(trained: TrainedTokenizer, lines: Sequence[str]) -> ModelFileCheck:
    """Compare a SentencePiece model, if there is one, with the `tokenizer.json` that goes beside it.

    Two ways to cut a line that a Unigram model thinks equally likely (`//` `/` and `/` `//`) are a tie, and the two
    libraries may take different ones.

    Raises
    ------
    TokenizerError
        When a line gets other ids and it is no tie.
    """
    from sentencepiece import SentencePieceProcessor

    model = trained.files.get(MODEL_FILE)
    if model is None:
        return ModelFileCheck()
    different = [lines[line] for line in differing_lines(trained.segmenter, model, lines)]
    scores = trained.scores
    theirs_by_line = SentencePieceProcessor(model_proto=model).encode(different)
    for line, ours, theirs in zip(different, trained.segmenter.encode(different), theirs_by_line, strict=True):
        if not len(scores) or abs(scores[ours].sum() - scores[theirs].sum()) > TIE * max(len(ours), 1):
            raise TokenizerError(
                f"{len(different):,} of {len(lines):,} lines get other ids from {MODEL_FILE} than from tokenizer.json, "
                f"such as {line!r}. Nothing was written."
            )
    return ModelFileCheck(len(lines), len(different))


def check_directory(trained: TrainedTokenizer, out: Path, lines: Sequence[str]) -> None:
    """Open what was written as its users will, and compare roles, vocabulary and ids; raise `TokenizerError`."""
    check_reopened(out, trained.segmenter, [*lines, *trained.witnesses.values()])

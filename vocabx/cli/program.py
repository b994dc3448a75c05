"""The program: the command line in a process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from vocabx.cli import INTERRUPTED, NOTHING, main
from vocabx.core.collection import give_back_large_blocks

__all__ = ["COMPUTING_OPTIONS", "TOKENIZER_COMMANDS", "run"]

TOKENIZER_COMMANDS = ("extend", "replace", "tokenizer", "trim")
"""Commands that take transformers for its tokenizers alone."""
COMPUTING_OPTIONS = ("--encoder",)
"""Options whose code may take its models all the same."""


def run() -> None:
    """Run the command of this process's arguments."""
    give_back_large_blocks()
    # Without torch, transformers announces that models cannot be used; here only its tokenizers are.
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    if _needs_tokenizers_alone(sys.argv[1:]):
        try:
            _import_tokenizers_alone()
        except KeyboardInterrupt:
            sys.stderr.write(f"\nInterrupted. {NOTHING}\n")
            raise SystemExit(INTERRUPTED) from None
    main(prog_name="vocabx")


def _needs_tokenizers_alone(arguments: Sequence[str]) -> bool:
    asks_for_help = {"-h", "--help"}.intersection(arguments)
    computes = any(argument.startswith(COMPUTING_OPTIONS) for argument in arguments)
    return len(arguments) > 1 and arguments[0] in TOKENIZER_COMMANDS and not asks_for_help and not computes


def _import_tokenizers_alone() -> None:
    """Have transformers take it that there is no torch: to read a tokenizer it would import all of it.

    That would take 200 MB, and more seconds than the rest of a small job. What imports torch itself still finds it.
    """
    if {"torch", "transformers"} & sys.modules.keys():
        return
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        from transformers import AutoTokenizer  # noqa: F401
        from transformers.utils import is_torch_available

        is_torch_available()  # remembered from here on
    finally:
        del sys.modules["torch"]

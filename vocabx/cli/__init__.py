"""The command line: one module per command, which parses, calls and prints."""

from __future__ import annotations

import signal
from typing import Any

import click

from vocabx import __version__
from vocabx.cli.card import card
from vocabx.cli.compare import compare
from vocabx.cli.demo import demo
from vocabx.cli.distill import distill
from vocabx.cli.evaluate import evaluate
from vocabx.cli.explain import explain
from vocabx.cli.extend import extend
from vocabx.cli.methods import methods
from vocabx.cli.options import LEFT_BEHIND
from vocabx.cli.pretrain import pretrain
from vocabx.cli.push import push
from vocabx.cli.replace import replace
from vocabx.cli.report import report
from vocabx.cli.tokenizer_advise import tokenizer_advise
from vocabx.cli.tokenizer_audit import tokenizer_audit
from vocabx.cli.tokenizer_extend import tokenizer_extend
from vocabx.cli.tokenizer_train import tokenizer_train
from vocabx.cli.trim import trim
from vocabx.cli.verify import verify
from vocabx.core.errors import VocabxError
from vocabx.core.places import current_directory

__all__ = ["INTERRUPTED", "NOTHING", "main"]

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
NOTHING = "Nothing was changed."


class Group(click.Group):
    """Prints a VocabxError as one sentence; every other exception is a bug and keeps its traceback."""

    def invoke(self, context: click.Context) -> Any:
        try:
            current_directory()  # libraries that are imported later need it too
            return super().invoke(context)
        except VocabxError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt as interrupt:
            click.echo(f"\nInterrupted. {_left(context, interrupt)}", err=True)
            raise SystemExit(INTERRUPTED) from interrupt
        except SystemExit as stop:
            if stop.code == TERMINATED:
                click.echo(f"Terminated. {_left(context, stop)}", err=True)
            raise


def _left(context: click.Context, stop: BaseException) -> str:
    """Say what a command that was stopped leaves, and how to go on with it."""
    return " ".join([context.meta.get(LEFT_BEHIND, NOTHING), *getattr(stop, "__notes__", ())])


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    """Give a pretrained language model the vocabulary of a new language."""


@main.group()
def tokenizer() -> None:
    """Train, extend or audit a tokenizer alone; advise on sizes."""


# In the order of a user's work, which is the order of the help text.
COMMANDS = (
    extend, replace, trim, tokenizer, distill, pretrain, verify, evaluate, report, card, push, explain, methods,
    compare, demo,
)  # fmt: skip
for command in COMMANDS:
    main.add_command(command)
for command in (tokenizer_train, tokenizer_advise, tokenizer_extend, tokenizer_audit):
    tokenizer.add_command(command)

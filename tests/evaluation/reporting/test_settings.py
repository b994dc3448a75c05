from __future__ import annotations

from collections.abc import Iterator

import click

from vocabx.cli import main
from vocabx.evaluation.reporting.settings import OPTIONS, as_options


def options_of(command: click.Command) -> Iterator[str]:
    for option in command.params:
        yield from option.opts
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from options_of(child)


def test_settings_are_spelt_as_options_that_exist() -> None:
    evaluate = main.get_command(click.Context(main), "evaluate")
    assert evaluate is not None
    assert {f"--{name}" for name in OPTIONS.values()} <= set(options_of(evaluate))


def test_what_files_call_otherwise_is_one_setting() -> None:
    assert as_options({"few_shot": 3}) == as_options({"few-shot": 3})
    assert as_options({"batch size": 3}) == as_options({"batch_size": 3}) == {"batch-size": 3}
    assert as_options({"documents of ko": "40", "limit": None}) == {"documents of ko": "40", "limit": None}


def test_the_characters_of_all_texts_are_not_the_option() -> None:
    both = as_options({"characters": 600, "characters of each text": 30})
    assert both == {"characters of all texts": 600, "characters": 30}

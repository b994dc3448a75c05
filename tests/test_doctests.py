"""Every example in a docstring is true."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module
from types import ModuleType

import pytest

import vocabx
from tests.source_tree import WRITTEN_BESIDE_MODELS

EXTRAS = {"accelerate", "datasets", "datatrove", "lm_eval", "matplotlib", "peft", "ray", "torch"}

MODULES = ["vocabx", *(found.name for found in pkgutil.walk_packages(vocabx.__path__, "vocabx."))]
MODULES = [name for name in MODULES if not name.endswith("__main__") and name not in WRITTEN_BESIDE_MODELS]


def import_or_skip(name: str) -> ModuleType:
    """Import a module, or skip the test if it needs what only an extra installs."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] in EXTRAS:
            pytest.skip(f"{name} needs {error.name}, which is not installed")
        raise


@pytest.mark.smoke
@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name: str) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    report: list[str] = []
    for example in doctest.DocTestFinder().find(import_or_skip(name)):
        runner.run(example, out=report.append)
    assert runner.failures == 0, "".join(report)


@pytest.mark.smoke
def test_there_are_examples_in_every_part() -> None:
    finder = doctest.DocTestFinder()
    with_examples = {name for name in MODULES if any(test.examples for test in finder.find(import_or_skip(name)))}
    parts = {f"{name}..".split(".")[1] for name in with_examples}
    assert {"core", "aligners", "eval", "tokenizer_tools"} <= parts

"""What every test gets: no network, the same settings everywhere, and a way to find large inputs."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Libraries read these when they are imported, so they are set before anything else is.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"  # threads of `tokenizers` and a fork do not mix
os.environ["MPLBACKEND"] = "Agg"

import hypothesis
import pytest

from vocabx.verification import old_language

hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None, max_examples=50)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")

import_module("tqdm").tqdm.monitor_interval = 0  # its watching thread and a fork do not mix either

SOME_CHARACTERS = [*old_language.PROBE_CHARACTERS[::32], "€"]

LOCAL = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "", None)


def is_local(host: object) -> bool:
    """Whether a host name or address means this machine."""
    return (host.decode() if isinstance(host, bytes) else host) in LOCAL


class NetworkUsedError(RuntimeError):
    """A test reached for the network."""

    def __init__(self, host: object) -> None:
        super().__init__(f"This test tried to reach {host!r}. Tests work without a network: give it a local input.")


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Let sockets reach this machine only."""
    patch = pytest.MonkeyPatch()
    look_up = socket.getaddrinfo

    def guarded_look_up(host: Any, *args: Any, **options: Any) -> Any:
        if not is_local(host):
            raise NetworkUsedError(host)
        return look_up(host, *args, **options)

    def guarded(connect: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
        def only_local(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
                raise NetworkUsedError(address[0])
            return connect(self, address)

        return only_local

    patch.setattr(socket, "getaddrinfo", guarded_look_up)
    patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="module")
def nothing_old_is_looked_through() -> None:
    """Spare the collector what was imported before: libraries that train collect after each run, 0.3 s at a time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def fewer_characters(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `verify` try one character in 32, and the euro sign. Processes of their own and real models get them all."""
    if not any(map(request.node.get_closest_marker, ("slow", "resources"))):
        monkeypatch.setattr(old_language, "PROBE_CHARACTERS", SOME_CHARACTERS)


@pytest.fixture(scope="session")
def resources() -> Callable[[str], Path]:
    """Find a large input by its name, or skip the test. Tests that use this are marked `resources`."""
    root = Path(os.environ.get("VOCABX_RESOURCES") or Path.home() / ".cache" / "vocabx-resources")

    def find(name: str) -> Path:
        if not (root / name).exists():
            pytest.skip(f"There is no {name!r} in {root}; set VOCABX_RESOURCES to the folder that holds it.")
        return root / name

    return find


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses `resources`, before tests are chosen by marker; skip what needs torch where there is none."""
    without_torch = find_spec("torch") is None
    for item in items:
        if "resources" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.resources)
        if without_torch and item.get_closest_marker("torch"):
            item.add_marker(pytest.mark.skip(reason="torch is not installed; pip install torch"))

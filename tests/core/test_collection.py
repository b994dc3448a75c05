from __future__ import annotations

import gc
import platform
import subprocess
import sys

import pytest

from vocabx.core.collection import paused_collection


def test_the_collector_is_as_it_was_after_an_error_too() -> None:
    def fail() -> None:
        with paused_collection():
            assert not gc.isenabled()
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert gc.isenabled()


def test_one_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with paused_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


FREED = """
from vocabx.core.collection import give_back_large_blocks

def held():
    lines = open("/proc/self/status", encoding="utf-8").readlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))

give_back_large_blocks()
bytearray(30 * 2**20)  # from which the library would learn to keep smaller ones
blocks = [bytearray(b"x") * (2 * 2**20) for _ in range(50)]
before = held()
del blocks[:-1]
assert before - held() > 90 * 2**20, (before, held())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library decides by itself")
def test_large_blocks_go_back_to_the_system_though_a_later_one_is_kept() -> None:
    subprocess.run([sys.executable, "-c", FREED], check=True)

from __future__ import annotations

import gc

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

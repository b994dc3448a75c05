"""The demonstration: a small English model learns Korean tokens, offline, on what ships with the package."""

from vocabx.demo.run import run_demo

__all__ = ["run_demo"]

"""Progress on stderr: one changing line on a terminal, one line per step elsewhere."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from vocabx.core.say import DETAIL

__all__ = ["StderrProgress"]


@dataclass
class StderrProgress:
    """Says messages; elsewhere than on a terminal it leaves out how far a step is (`vocabx.core.say.step`)."""

    quiet: bool = False
    last: str = ""

    def __call__(self, message: str) -> None:
        """Show a message."""
        if self.quiet:
            return
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K{message.replace(DETAIL, ': ')}")
            sys.stderr.flush()
            return
        step = message.partition(DETAIL)[0]
        if step != self.last:
            sys.stderr.write(f"{step}\n")
            self.last = step

    def close(self) -> None:
        """Clear the line."""
        if not self.quiet and sys.stderr.isatty():
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()

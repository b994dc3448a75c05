"""Text files that are read whole, as UTF-8."""

from __future__ import annotations

from pathlib import Path

from vocabx.core.errors import CorpusError

__all__ = ["decode_text", "read_lines", "read_text", "split_lines"]


def read_text(path: Path) -> str:
    """Return what a file holds, as `decode_text` does.

    Raises
    ------
    CorpusError
        When it cannot be read, or is not text in UTF-8.
    """
    try:
        return decode_text(path.read_bytes(), path)
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}.") from error


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file, blank ones too, so that line n stays line n; an empty file has none.

    Raises
    ------
    CorpusError
        When it cannot be read, or is not text in UTF-8.
    """
    return split_lines(read_text(path))


def split_lines(text: str) -> list[str]:
    """Return the lines of a text; what stands behind the last line feed is one unless it is empty."""
    # Not splitlines(): Unicode has line separators that stand inside sentences.
    return text.removesuffix("\n").split("\n") if text else []


def decode_text(content: bytes, path: Path) -> str:
    r"""Return bytes as text, without a byte order mark, and with ``\n`` where a line ends in ``\r\n``.

    `path` is where they are from. A ``\r`` alone ends no line.

    Raises
    ------
    CorpusError
        With the line, where they are not UTF-8.

    Examples
    --------
    >>> decode_text("\ufeff하나\r\n둘".encode(), Path("ko.txt"))
    '하나\n둘'
    """
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        # Not of `content`: the decoder counts from behind a byte order mark.
        line = error.object.count(b"\n", 0, error.start) + 1
        raise CorpusError(
            f"{path} is not text in UTF-8: line {line} holds other bytes. Convert it, for example with iconv -f OLD "
            "-t UTF-8."
        ) from error

"""Unicode scripts of characters, vectorised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np
import regex
from numpy.typing import NDArray

from vocabx.core.arrays import Bools
from vocabx.core.errors import UnknownNameError

__all__ = ["SCRIPTS", "characters_of_scripts", "check_script", "script_shares"]

# Unicode Standard Annex 31, tables 5 and 7: the scripts in everyday use; and Mongolian.
NAMES = """
Adlam Arabic Armenian Balinese Bamum Batak Bengali Bopomofo Canadian_Aboriginal Chakma Cham Cherokee Cyrillic
Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi Han Hangul Hanifi_Rohingya Hebrew Hiragana Javanese Kannada
Katakana Kayah_Li Khmer Lao Latin Lepcha Limbu Lisu Malayalam Mandaic Meetei_Mayek Miao Mongolian Myanmar
New_Tai_Lue Newa Nko Nyiakeng_Puachue_Hmong Ol_Chiki Oriya Osage Saurashtra Sinhala Sundanese Syloti_Nagri Syriac
Tai_Le Tai_Tham Tai_Viet Tamil Telugu Thaana Thai Tibetan Tifinagh Vai Wancho Yi
"""
SCRIPTS = tuple(NAMES.split())


def check_script(name: str) -> str:
    """Return a script's Unicode name, given in any case, else raise `UnknownNameError` with a suggestion."""
    name = {script.lower(): script for script in SCRIPTS}.get(name.lower(), name)
    if name not in SCRIPTS:
        raise UnknownNameError("script", name, SCRIPTS)
    return name


@cache
def _pattern(script: str) -> regex.Pattern[str]:
    return regex.compile(rf"\p{{Script={script}}}+")


def script_shares(characters: Mapping[str, int] | Iterable[str]) -> dict[str, float]:
    """Return the scripts of counted characters, or of a text, with their shares, largest first.

    Only characters that belong to one script count; digits, punctuation and emoji do not. The shares add up to 1,
    or there are none.

    >>> script_shares("한국어 API")
    {'Hangul': 0.5, 'Latin': 0.5}
    """
    counts = Counter(characters)
    text = "".join(counts)
    found = {script: sum(counts[c] for c in "".join(_pattern(script).findall(text))) for script in SCRIPTS}
    total = sum(found.values())
    return {
        script: count / total for script, count in sorted(found.items(), key=lambda pair: (-pair[1], pair[0])) if count
    }


def characters_of_scripts(codes: NDArray[np.uint32], scripts: Iterable[str]) -> Bools:
    """Mark the code points that belong to one of the scripts, in the shape of `codes`."""
    # Counting is faster than sorting, and there are few code points compared with the characters of a corpus.
    distinct = np.flatnonzero(np.bincount(codes.ravel())).astype(np.uint32)
    text = distinct.astype("<u4").tobytes().decode("utf-32-le", "replace")
    wanted = {character for script in scripts for run in _pattern(script).findall(text) for character in run}
    is_wanted = np.zeros(int(distinct.max(initial=0)) + 1, np.bool_)
    is_wanted[distinct] = [character in wanted for character in text]
    return np.asarray(is_wanted[codes])

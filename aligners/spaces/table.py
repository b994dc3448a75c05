"""The spaces by name; each is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["SPACES"]

SPACES: Mapping[str, str] = MappingProxyType(
    {
        "token-level": "vocabx.aligners.spaces.token_level:TokenLevel",
        "aligned-words": "vocabx.aligners.spaces.crosslingual:AlignedWords",
        "multilingual-words": "vocabx.aligners.spaces.multilingual:Multilingual",
        "cooccurrence": "vocabx.aligners.spaces.cooccurrence:Cooccurrence",
        "donor": "vocabx.aligners.spaces.donor_rows:DonorRows",
        "encoder": "vocabx.aligners.spaces.encoded:Encoded",
    }
)
"""Name → ``"module:class"``."""

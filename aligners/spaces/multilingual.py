"""Multilingual: one file of word vectors for both languages (OFA)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vocabx.aligners.space import TokenVectors
from vocabx.aligners.spaces.labelled_words import is_labelled, labelled_words
from vocabx.aligners.spaces.read_vectors import read_vectors
from vocabx.aligners.spaces.shared import require_shared
from vocabx.aligners.spaces.token_vectors import WAYS, token_vectors
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.transfer import Materials, Transfer

__all__ = ["Multilingual"]


@dataclass(frozen=True)
class Multilingual:
    """Make vectors of both vocabularies' tokens of one set of word vectors (Liu et al. 2024, OFA).

    Attributes
    ----------
    how : str
        How words make tokens: ``compose``, ``incidence`` or ``incidence-unweighted``. See `token_vectors`.
    languages : str
        ISO 639-3 codes with commas between them; only words labelled so take part. By default all do.
    """

    how: str = "incidence-unweighted"
    languages: str = ""

    def __post_init__(self) -> None:
        if self.how not in WAYS:
            raise UnknownNameError("way to make token vectors", self.how, WAYS)

    def vectors(self, transfer: Transfer) -> TokenVectors:
        """Return vectors of source and new tokens; raise `InputError` without a file of vectors."""
        file = _one_file(transfer.materials)
        words = read_vectors(file, trust_pickle=transfer.materials.trust_pickle)
        named = [code.strip() for code in self.languages.split(",") if code.strip()]
        if named and not is_labelled(words):
            raise InputError(f"The words of {file} are not labelled with languages, so none can be chosen.")
        chosen = labelled_words(words).of(named) if is_labelled(words) else words
        transfer.say(f"making token vectors of {len(chosen.rows):,} words of {file}")
        source = token_vectors(transfer.source, None, chosen, self.how)
        vectors = TokenVectors(source, token_vectors(transfer.target, transfer.new_ids, chosen, self.how))
        require_shared(vectors, transfer, str(file))
        return vectors


def _one_file(materials: Materials) -> Path:
    given = {file.resolve(): file for file in (materials.source_vectors, materials.target_vectors) if file is not None}
    if not given:
        raise InputError("This method needs word vectors of both languages in one file. Give it with --vectors.")
    if len(given) > 1:
        raise InputError(
            f"{' and '.join(map(str, given.values()))} are two files, but this method needs the vectors of both "
            "languages in one space. Give one file with --vectors."
        )
    return next(iter(given.values()))

"""The model card: `README.md` beside the weights, which says what was done and how it was proved."""

from vocabx.card.proof import write_proof
from vocabx.card.write import CARD, check_languages, write_card

__all__ = ["CARD", "check_languages", "write_card", "write_proof"]

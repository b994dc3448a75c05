"""Factorise a model: what becomes of its rows, which tensors are new, and what of it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vocabx.checkpoint import Checkpoint
from vocabx.checkpoint.recoding import Decoder, Recoding, RowMap
from vocabx.core.arrays import Floats, Matrix
from vocabx.core.errors import CheckpointError, InputError
from vocabx.factorization.factors import Factors, Spectrum, spectrum

__all__ = [
    "FOLDED",
    "FORMS",
    "MODEL",
    "MODEL_CODE",
    "PRIMITIVES",
    "RANK_SETTING",
    "Coordinates",
    "Factorization",
    "Factorized",
    "Projected",
    "factorize",
    "is_own_code",
    "model_settings",
    "primitives_name",
    "source_matrices",
    "write_model_code",
]

FOLDED, MODEL = "folded", "model"
FORMS = (FOLDED, MODEL)
"""Multiplied out, so that any program opens it; or with the two factors as parameters, by code of its own."""
RANK_SETTING = "num_primitives"
PRIMITIVES = "primitives.weight"
MODEL_CODE = "modeling_factorized.py"
AUTO_CLASSES = (
    "AutoModel",
    "AutoModelForCausalLM",
    "AutoModelForMaskedLM",
    "AutoModelForPreTraining",
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoModelForQuestionAnswering",
    "AutoModelForMultipleChoice",
)


@dataclass(frozen=True, slots=True)
class Factorization:
    """What is asked for: so many primitives, written in one of the `FORMS`, with the scale split evenly or not."""

    rank: int
    form: str = FOLDED
    balanced: bool = False

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise InputError(f"An embedding can be factorised to 1 primitive or more, not {self.rank}.")
        if self.form not in FORMS:
            raise InputError(f"There is no factorised form {self.form!r}. Known: {', '.join(FORMS)}.")


@dataclass(frozen=True)
class Projected:
    """Rows multiplied out again: as long as before, and of the factors' rank."""

    factors: Factors

    @property
    def columns(self) -> int:
        """Numbers of a row, D."""
        return int(self.factors.primitives.shape[1])

    def __call__(self, rows: Floats) -> Matrix:
        """Return rows of shape (B, D)."""
        return self.factors.project(rows)


@dataclass(frozen=True)
class Coordinates:
    """Rows as their coordinates."""

    factors: Factors

    @property
    def columns(self) -> int:
        """Numbers of a row, K."""
        return self.factors.rank

    def __call__(self, rows: Floats) -> Matrix:
        """Return rows of shape (B, K)."""
        return self.factors.coordinates(rows)


@dataclass(frozen=True)
class Factorized:
    """How to write a factorised model, and what the manifest says of it."""

    recoding: Recoding
    record: Mapping[str, Any]

    @property
    def note(self) -> str:
        """Say in a line what was done and what it cost."""
        kept = ", ".join(f"{share:.1%} of the {matrix}" for matrix, share in self.record["retained"].items())
        count = self.record["rank"]
        return f"{count} primitives, {self.record['form']}, keep {kept}; no old row is bit-identical any more"


def factorize(checkpoint: Checkpoint, factorization: Factorization, tokens: int) -> Factorized:
    """Factorise the input embedding, and an untied head by itself, over the rows of the base's `tokens` ids.

    Raises
    ------
    InputError
        When the rank is more than that of a matrix.
    CheckpointError
        When the model's class cannot have factors as parameters.
    """
    if factorization.form == MODEL:
        _check_class(checkpoint)
    found: dict[str, Spectrum] = {}
    maps: dict[str, RowMap] = {}
    decoders, retained = dict[str, Decoder](), dict[str, float]()
    for name, source in source_matrices(checkpoint).items():
        if source not in found:
            found[source] = spectrum(checkpoint.matrix(source)[:tokens])
        factors = found[source].factors(factorization.rank, factorization.balanced)
        maps[name] = Coordinates(factors) if factorization.form == MODEL else Projected(factors)
        if name == source:
            retained["input" if name == checkpoint.input else "head"] = factors.retained
            if factorization.form == MODEL:
                decoders[primitives_name(name)] = Decoder(name, factors.primitives.T)
    settings = model_settings(factorization.rank) if factorization.form == MODEL else {}
    record = {
        "rank": factorization.rank,
        "form": factorization.form,
        "balanced": factorization.balanced,
        "retained": retained,
    }
    return Factorized(Recoding(maps, decoders, settings), record)


def source_matrices(checkpoint: Checkpoint) -> dict[str, str]:
    """Name for each matrix with one row per token the one that it is made of: a tied head is the input."""
    names = {checkpoint.input: checkpoint.input}
    if checkpoint.head is not None:
        names[checkpoint.head] = checkpoint.input if checkpoint.tied else checkpoint.head
    return names


def primitives_name(matrix: str) -> str:
    """Name the primitives of a matrix.

    >>> primitives_name("model.embed_tokens.weight")
    'model.embed_tokens.primitives.weight'
    """
    return matrix.removesuffix("weight") + PRIMITIVES


def model_settings(rank: int) -> dict[str, Any]:
    """Return what config.json says of a model with factors as parameters."""
    module = MODEL_CODE.removesuffix(".py")
    return {RANK_SETTING: rank, "auto_map": {name: f"{module}.Factorized{name}" for name in AUTO_CLASSES}}


def write_model_code(directory: Path) -> None:
    """Write the code that opens a model with factors as parameters."""
    (directory / MODEL_CODE).write_bytes(Path(__file__).with_name(MODEL_CODE).read_bytes())


def is_own_code(directory: Path) -> bool:
    """Whether the code in a directory is what `write_model_code` writes."""
    path = directory / MODEL_CODE
    return path.is_file() and path.read_bytes() == Path(__file__).with_name(MODEL_CODE).read_bytes()


def _check_class(checkpoint: Checkpoint) -> None:
    advice = "Choose the folded form, which needs no code."
    if checkpoint.config.get("auto_map"):
        raise CheckpointError(f"The model in {checkpoint.directory} is opened by code of its own. {advice}")
    if checkpoint.config.get("is_encoder_decoder"):
        raise CheckpointError(f"The model in {checkpoint.directory} has several input embeddings. {advice}")
    if isinstance(checkpoint.config.get("text_config"), dict):
        raise CheckpointError(f"The model in {checkpoint.directory} reads more than text. {advice}")
    strange = [name for name in source_matrices(checkpoint) if not name.endswith(".weight")]
    if strange:
        raise CheckpointError(f"{checkpoint.directory}: {strange[0]} is not the weight of a module. {advice}")

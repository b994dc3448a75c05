"""Factorise a model: what becomes of its rows, which tensors are new, and what of it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vocabx.checkpoint import Checkpoint
from vocabx.checkpoint.writing.recoding import Decoder, Recoding, RowMap
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
FORMS = {
    FOLDED: "multiplied out again, which any program opens",
    MODEL: "kept apart by code of its own: open it with from_pretrained(DIR, trust_remote_code=True)",
}
"""What becomes of the two factors, for people."""
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
    """What is asked for: factors of some rank, written in one of the `FORMS`, with the scale split evenly or not."""

    rank: int
    form: str = FOLDED
    balanced: bool = False

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise InputError(f"Factors have a rank of 1 or more, not {self.rank}. Choose another with --factorize.")
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
    """How to write a factorised model, what its rows become, and what is said of it.

    `factors` are those of the ``input``, and of the ``head`` where it is not tied.
    """

    factorization: Factorization
    recoding: Recoding
    factors: Mapping[str, Factors]

    @property
    def record(self) -> dict[str, Any]:
        """What the manifest says of it."""
        retained = {matrix: factors.retained for matrix, factors in self.factors.items()}
        return {**asdict(self.factorization), "retained": retained}

    @property
    def note(self) -> str:
        """Say in a line what the embeddings are now, and how the model is opened."""
        return f"the embeddings are two factors of rank {self.factorization.rank}, {FORMS[self.factorization.form]}"

    @property
    def warning(self) -> str:
        """Say what it cost and what has to be done."""
        kept = ", ".join(f"{factors.retained:.1%} of the {matrix}" for matrix, factors in self.factors.items())
        return (
            f"All rows changed, old ones too: two factors of rank {self.factorization.rank} keep {kept}, in energy "
            "(the sum of squares). A decoder must be trained before it is of use; an encoder suffers less."
        )

    def project(self, matrix: str, blocks: Iterable[Floats]) -> Iterable[Floats]:
        """Return what is left of rows of the ``input`` or the ``head``, which come in blocks of shape (B, D)."""
        return (self.factors[matrix].project(block).astype(np.float32) for block in blocks)


def factorize(checkpoint: Checkpoint, factorization: Factorization, tokens: int) -> Factorized:
    """Factorise the input embedding, and an untied head by itself, over the rows of the base's `tokens` ids.

    Raises
    ------
    InputError
        When the rank is more than that of a matrix; where it is more than the width, before any row is read.
    CheckpointError
        When the model's class cannot have factors as parameters.
    """
    if factorization.form == MODEL:
        _check_class(checkpoint)
    _check_width(checkpoint, factorization.rank)
    found: dict[str, Spectrum] = {}
    maps: dict[str, RowMap] = {}
    decoders, kept = dict[str, Decoder](), dict[str, Factors]()
    for name, source in source_matrices(checkpoint).items():
        if source not in found:
            found[source] = spectrum(checkpoint.matrix(source)[:tokens])
        factors = found[source].factors(factorization.rank, factorization.balanced)
        maps[name] = Coordinates(factors) if factorization.form == MODEL else Projected(factors)
        if name == source:
            kept["input" if name == checkpoint.input else "head"] = factors
            if factorization.form == MODEL:
                decoders[primitives_name(name)] = Decoder(name, factors.primitives.T)
    settings = model_settings(factorization.rank) if factorization.form == MODEL else {}
    return Factorized(factorization, Recoding(maps, decoders, settings), kept)


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


def _check_width(checkpoint: Checkpoint, rank: int) -> None:
    width = min(checkpoint.matrix(name).shape[1] for name in source_matrices(checkpoint).values())
    if rank > width:
        raise InputError(
            f"An embedding of {width} dimensions has factors of rank 1 to {width}, not {rank}. Choose a number in this "
            "range with --factorize."
        )


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

"""What the user asks for about new rows: the method, its options, and what it may draw on."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, TypedDict, cast

from vocabx.checkpoint import open_checkpoint
from vocabx.checkpoint.sources.hub_options import HubOptions
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.checkpoint.writing.storage import COPY, Storage, type_name
from vocabx.core.arrays import Bools, Ints, Matrix
from vocabx.core.checksum import checksum
from vocabx.core.corpus import Corpus, Texts, open_texts
from vocabx.core.embeddings import Embeddings
from vocabx.core.errors import InputError
from vocabx.core.initialization import Initialization
from vocabx.core.say import Say, say_nothing
from vocabx.core.segmenter import Segmenter
from vocabx.core.setting_types import check_types
from vocabx.core.transfer import Donor, Encoder, Materials, Parallel, Transfer
from vocabx.factorization import Factorization
from vocabx.initializers.table import DEFAULT_METHOD, INITIALIZERS
from vocabx.materials import check_needs, existing_file
from vocabx.output_head import OutputHead
from vocabx.ready_rows import ReadyRows
from vocabx.tokenizer_tools.read import read_tokenizer

__all__ = ["RowRequest", "RowSettings", "WrittenSettings", "open_encoder"]


RECORDED_FILES = ("dictionary", "links", "source_vectors", "target_vectors", "vectors", "donor")


class RowSettings(TypedDict, total=False):
    """The settings of `RowRequest`, as keywords of the functions that make one."""

    method: str
    method_options: Mapping[str, Any]
    seed: int
    pad_to_multiple: int | None
    factorization: Factorization | None
    source_corpus: Texts
    parallel: tuple[str | Path, str | Path] | None
    links: str | Path | None
    dictionary: str | Path | None
    source_vectors: str | Path | None
    target_vectors: str | Path | None
    vectors: str | Path | None
    donor: str | Path | None
    encoder: str | Encoder | None
    cache: str | Path | None
    trust_pickle: bool
    text_field: str
    rows: str | Path | None
    hub: HubOptions


class WrittenSettings(RowSettings, total=False):
    """The same where a model is written, with how its weights are stored."""

    shards: str
    dtype: str | None


@dataclass(frozen=True, kw_only=True)
class RowRequest:
    """How new rows are to be made.

    Attributes
    ----------
    method : str
        A name of `vocabx methods`.
    method_options : mapping
        Options of that method, in place of its published ones.
    seed : int
        Fixes every draw.
    pad_to_multiple : int, optional
        Fill the matrices up to a multiple with rows of the mean, which generation suppresses.
    factorization : Factorization, optional
        Write the embeddings as a product of two smaller matrices, such as ``vocabx.Factorization(rank=50)``.
    source_corpus : path, pattern, or several
        Source-language text.
    parallel : two paths, optional
        Line-aligned files: source language, target language.
    links : path, optional
        Word alignments of the parallel lines, where they are known: ``0-0 1-2 ...`` a line.
    dictionary : path, optional
        Pairs of source words and their translations.
    source_vectors, target_vectors, vectors : path, optional
        Word vectors of either language, or of both in one file.
    donor : path or hub id, optional
        Another model, whose input rows relate tokens.
    encoder : str or callable, optional
        A function that gives vectors to texts, or ``"module:name"`` of one; a class is made first.
    cache : path, optional
        Folder that keeps vectors once trained.
    trust_pickle : bool
        Open vector files that hold pickled objects, which can run code, and models whose weights are PyTorch files
        (`.bin`) alone; of these only tensors are read.
    text_field : str
        Where JSONL and Parquet corpora keep the text.
    rows : path, optional
        Ready-made rows, a `.safetensors` or `.npz` file; the method makes those of the tokens that it lacks.
    shards : str
        What becomes of weight files that do not change: ``"copy"``, ``"hardlink"`` (base and output share them) or
        ``"reflink"`` (they share space on the disk until one is written to).
    dtype : str, optional
        Cast all floating-point tensors to ``"float32"``, ``"float16"`` or ``"bfloat16"``. New rows are made of the
        rows as they are stored, and rounded once.
    hub : HubOptions
        How hub ids are looked up.
    """

    method: str = DEFAULT_METHOD
    method_options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    pad_to_multiple: int | None = None
    factorization: Factorization | None = None
    source_corpus: Texts = ()
    parallel: tuple[str | Path, str | Path] | None = None
    links: str | Path | None = None
    dictionary: str | Path | None = None
    source_vectors: str | Path | None = None
    target_vectors: str | Path | None = None
    vectors: str | Path | None = None
    donor: str | Path | None = None
    encoder: str | Encoder | None = None
    cache: str | Path | None = None
    trust_pickle: bool = False
    text_field: str = "text"
    rows: str | Path | None = None
    shards: str = COPY
    dtype: str | None = None
    hub: HubOptions = field(default_factory=HubOptions)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", type_name(self.dtype))
        check_types(self)
        INITIALIZERS[self.method]
        _ = self.storage
        if self.pad_to_multiple is not None and self.pad_to_multiple < 1:
            raise InputError(f"The rows can be padded to a multiple of at least 1, got {self.pad_to_multiple}.")
        if self.seed < 0:
            raise InputError(f"The seed must not be negative, got {self.seed}.")
        if self.vectors and (self.source_vectors or self.target_vectors):
            raise InputError("Give --vectors, or --source-vectors and --target-vectors, not both.")
        if not isinstance(self.factorization, Factorization | None):
            raise InputError(
                f"A factorisation is described by vocabx.Factorization(rank), not by {self.factorization!r}."
            )
        if self.links and not self.parallel:
            raise InputError(f"{self.links} links words of parallel lines: give these with --parallel.")

    def check(self, corpus: Corpus | None) -> Materials:
        """Open what was given; raise `InputError` when a part of it is missing, or the method needs more."""
        entry = INITIALIZERS[self.method]
        entry.load(**self.method_options)
        given = self.materials(corpus)
        check_needs(self.method, entry, given)
        _ = self.ready_rows
        return given

    def check_rows(self, input_rows: Matrix, head: OutputHead) -> None:
        """Raise `InputError` where ready-made rows cannot be rows of the base's matrices."""
        if self.ready_rows is not None:
            self.ready_rows.check_widths(input_rows, head.rows, head.has_bias)

    @cached_property
    def ready_rows(self) -> ReadyRows | None:
        """Ready-made rows, if they are given: read once, and held until they are written."""
        path = self._file("rows")
        return None if path is None else ReadyRows.open(path)

    @property
    def storage(self) -> Storage:
        """How weights are stored."""
        return Storage(self.shards, self.dtype)

    def materials(self, corpus: Corpus | None) -> Materials:
        """Open what was given for methods to draw on."""
        both = self._file("vectors")
        return Materials(
            corpus=corpus,
            source_corpus=open_texts(self.source_corpus, self.text_field) if self.source_corpus else None,
            parallel=self._parallel(),
            dictionary=self._file("dictionary"),
            source_vectors=both or self._file("source_vectors"),
            target_vectors=both or self._file("target_vectors"),
            encoder=None if self.encoder is None else open_encoder(self.encoder),
            donor=None if self.donor is None else open_donor(self.donor, self.hub.for_others, self.trust_pickle),
            cache=None if self.cache is None else Path(self.cache),
            trust_pickle=self.trust_pickle,
        )

    def transfer(
        self,
        source: Segmenter,
        target: Segmenter,
        new_ids: Ints,
        usable: Bools,
        materials: Materials,
        input_rows: Matrix,
        head_rows: Matrix | None,
        say: Say = say_nothing,
    ) -> Transfer:
        """Put together all that a method is told; `head_rows` is None where the head is tied or absent."""
        return Transfer(source, target, new_ids, usable, self.seed, materials, input_rows, head_rows, say)

    def initialize(self, transfer: Transfer, has_bias: bool = False) -> Initialization:
        """Return the rules of the method for all new rows, with ready-made ones in their place where they are given."""
        made: Initialization = INITIALIZERS[self.method].load(**self.method_options).initialize(transfer)
        return made if self.ready_rows is None else self.ready_rows.put_into(made, transfer, has_bias)

    def given(self) -> dict[str, Any]:
        """Name what was given, for the record: no paths, so that the record does not depend on where it was made."""
        files = {name: getattr(self, name) for name in RECORDED_FILES}
        named: dict[str, Any] = {name: Path(path).name for name, path in files.items() if path is not None}
        if self.parallel is not None:
            named["parallel"] = [Path(path).name for path in self.parallel]
        if self.encoder is not None:
            named["encoder"] = self.encoder if isinstance(self.encoder, str) else type(self.encoder).__name__
        if self.rows is not None:
            named["rows"] = {"file": Path(self.rows).name, "sha256": checksum(Path(self.rows))}
        if self.source_corpus:
            named["source_corpus"] = [file.name for file in open_texts(self.source_corpus, self.text_field).files]
        return named

    def _parallel(self) -> Parallel | None:
        if self.parallel is None:
            return None
        source, target = (existing_file(path, "--parallel") for path in self.parallel)
        return Parallel(source, target, self._file("links"))

    def _file(self, name: str) -> Path | None:
        path = getattr(self, name)
        return None if path is None else existing_file(path, f"--{name.replace('_', '-')}")


def open_donor(
    model: str | Path,
    hub: HubOptions = HubOptions(),  # noqa: B008  frozen
    trust_pickle: bool = False,
) -> Donor:
    """Open another model's tokenizer and input rows."""
    directory = resolve_model(model, hub=hub, trust_pickle=trust_pickle)
    checkpoint, segmenter = open_checkpoint(directory), read_tokenizer(directory)
    return Donor(segmenter, Embeddings(segmenter.tokens, checkpoint.matrix(checkpoint.input)), directory.name)


def open_encoder(name: str | Encoder) -> Encoder:
    """Import ``"module:name"``, from the working directory too; make an instance of a class."""
    if not isinstance(name, str):
        return name
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise InputError(f"An encoder is named MODULE:FUNCTION, got {name!r}.")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = getattr(import_module(module), attribute)
        encoder: Any = found() if inspect.isclass(found) else found
    except (ImportError, AttributeError, SyntaxError, TypeError, ValueError) as error:
        raise InputError(f"The encoder {name} cannot be loaded: {error}.") from error
    if not callable(encoder):
        raise InputError(f"The encoder {name} is of type {type(encoder).__name__} and cannot be called with texts.")
    return cast("Encoder", encoder)

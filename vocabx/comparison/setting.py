"""Setting: what all methods that are compared have in common, decided once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from vocabx import __version__
from vocabx.checkpoint import Checkpoint
from vocabx.checkpoint.sources.resolve import resolve_model
from vocabx.comparison.results import fingerprint
from vocabx.comparison.variants import Variant
from vocabx.core.corpus import Corpus
from vocabx.core.embeddings import Embeddings
from vocabx.core.errors import InputError
from vocabx.core.initialization import Initialization
from vocabx.core.transfer import Materials, Transfer
from vocabx.directories import open_base, plan_extension
from vocabx.initializers.table import DEFAULT_METHOD, INITIALIZERS
from vocabx.materials import check_needs, missing
from vocabx.output import Decision, base_name
from vocabx.output_head import OutputHead
from vocabx.replacement import Replacement, ReplaceRequest, plan_replacement
from vocabx.request import Request
from vocabx.stages import Stages
from vocabx.tokenizer_tools.read import FastSegmenter
from vocabx.tokenizer_tools.write import TokenizerStyle

__all__ = ["Setting", "check_variants", "open_materials", "usable_variants"]

DONOR_ROWS = 1000
"""Rows of a donor that are looked at to know it again."""


@dataclass(frozen=True)
class Setting:
    """A base and one change of its vocabulary, whose new rows any method can make.

    Attributes
    ----------
    name : str
        Of the base.
    request : Request or ReplaceRequest
        The change, and the materials; its method is not looked at.
    checkpoint, source, base
        The base's weights, tokenizer and input rows.
    decision : Decision
        Plan, new tokenizer and padding.
    materials : Materials
        What the user gave, opened once for all methods.
    """

    name: str
    request: Request | ReplaceRequest
    checkpoint: Checkpoint = field(repr=False)
    source: FastSegmenter = field(repr=False)
    base: Embeddings = field(repr=False)
    decision: Decision = field(repr=False)
    materials: Materials = field(repr=False)

    @classmethod
    def open(
        cls,
        model: str | Path,
        request: Request | ReplaceRequest,
        stages: Stages,
        materials: Materials | None = None,
    ) -> Setting:
        """Train the tokenizer, or read the one to swap in, and decide what happens to every id.

        Materials that are given, as `open_materials` does, are not opened again.
        """
        if request.factorization is not None:
            raise InputError("Methods are compared without a factorisation; leave it out.")
        request = replace(request, method=DEFAULT_METHOD, method_options={})
        materials = materials or open_materials(request)
        decision: Decision
        if isinstance(request, ReplaceRequest):
            decision, checkpoint = plan_replacement(model, request, stages, materials)
        else:
            decision, checkpoint = plan_extension(model, request, stages, materials=materials)
        _, source, base = open_base(resolve_model(model, hub=request.hub, trust_pickle=request.trust_pickle), stages)
        return cls(base_name(model), request, checkpoint, source, base, decision, materials)

    @property
    def is_extension(self) -> bool:
        """Whether all ids of the base stay what they are."""
        return self.decision.plan.keeps_ids

    @property
    def style(self) -> TokenizerStyle | None:
        """What of the base's ways the tokenizer keeps."""
        return self.decision.style if isinstance(self.decision, Replacement) else None

    @property
    def corpus(self) -> Corpus | None:
        """Target-language text."""
        return self.materials.corpus

    def initialize(self, variant: Variant, stages: Stages) -> Initialization:
        """Make the rules of one method for all new rows."""
        request = replace(self.request, method=variant.method, method_options=dict(variant.options))
        return request.initialize(self._transfer(stages))

    def _transfer(self, stages: Stages) -> Transfer:
        return self.request.transfer(
            self.source,
            self.decision.segmenter,
            self.decision.plan.new_ids,
            self.base.usable(),
            self.materials,
            self.base.rows,
            OutputHead.of(self.checkpoint).rows,
            stages.say,
        )

    def fingerprint(self) -> str:
        """Hash what every measurement rests on: the program, the model, the two tokenizers, and which rows stay."""
        files = [file.path for _, file in sorted(self.checkpoint.files.items())]
        plan = self.decision.plan
        tokenizers = [segmenter.backend.to_str() for segmenter in (self.source, self.decision.segmenter)]
        rows = [plan.rows_before, plan.rows_after]
        return fingerprint(__version__, dict(self.checkpoint.config), *files, *tokenizers, plan.origins.tobytes(), rows)

    def fingerprint_of(self, variant: Variant) -> str:
        """Hash what the rows of a method are made from, besides; no donor is part of a method that needs none."""
        needs = INITIALIZERS[variant.method].needs
        is_any_space = "space" in variant.options  # which may need more than the row of the table says
        return fingerprint(
            variant.method,
            dict(variant.options),
            self.request.seed,
            self._files_fingerprint if needs else None,
            self._donor_fingerprint if is_any_space or "donor model" in needs else None,
            self.request.given().get("encoder") if is_any_space or "encoder" in needs else None,
        )

    @cached_property
    def _files_fingerprint(self) -> str:
        given = self.materials
        texts = [text for text in (given.corpus, given.source_corpus) if text is not None]
        files: list[Path | None] = [file for text in texts for file in text.files]
        files += [given.dictionary, given.source_vectors, given.target_vectors]
        if given.parallel:
            files += [given.parallel.source, given.parallel.target, given.parallel.links]
        return fingerprint(*files)

    @cached_property
    def _donor_fingerprint(self) -> str | None:
        donor = self.materials.donor
        return None if donor is None else fingerprint(donor.name, donor.embeddings.rows[:DONOR_ROWS].tobytes())


def open_materials(request: Request | ReplaceRequest) -> Materials:
    """Open what methods may draw on; raise `InputError` when a part of it is missing."""
    return request.materials(request.open_corpus())


def check_variants(variants: Iterable[Variant], materials: Materials) -> None:
    """Raise `InputError` when a method does not know an option, or needs what was not given."""
    for variant in variants:
        entry = INITIALIZERS[variant.method]
        entry.load(**variant.options)
        check_needs(variant.label, entry, materials)


def usable_variants(materials: Materials) -> tuple[Variant, ...]:
    """Return every method whose materials are there, without options, in the order of the table."""
    names = [name for name, entry in INITIALIZERS.entries.items() if not missing(entry, materials)]
    return tuple(Variant(name, name) for name in names)

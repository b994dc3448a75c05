"""Constrained Word2Vec (CW2V): every new row a convex combination of source rows, learned on code-mixed text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vocabx.aligners.constituents import Constituents
from vocabx.aligners.convex_word2vec.candidates import (
    choose_anchors,
    hold_new_tokens,
    largest,
    pieces,
    translated,
    wanted,
)
from vocabx.aligners.convex_word2vec.comparison import COMPARISONS, Comparison, Evidence, SourcePairs
from vocabx.aligners.convex_word2vec.counted import Counted
from vocabx.aligners.convex_word2vec.loss import LOSSES, skip_gram
from vocabx.aligners.convex_word2vec.mixture import Mixture
from vocabx.aligners.convex_word2vec.pairs import Pairs, keep_chances, noise
from vocabx.aligners.convex_word2vec.text import TEXTS, Text, read_text
from vocabx.aligners.convex_word2vec.training import Model, Problem, Schedule, train
from vocabx.core.alignment import Alignment
from vocabx.core.arrays import Ints, Matrix
from vocabx.core.errors import InputError, UnknownNameError
from vocabx.core.initialization import Initialization
from vocabx.core.transfer import Transfer

__all__ = ["ConvexWord2Vec"]

DRAWS = 128
PATIENCE = 2
LEAST_WEIGHT = 1e-3
"""Weights below this share of the row's largest are pruned."""


@dataclass(frozen=True)
class ConvexWord2Vec:
    """Skip-gram with negative sampling in which new rows are softmax mixtures of frozen source rows.

    Mundra et al. 2024 (2407.05841, CoNLL). Input rows are centres and head rows contexts, each with weights of its own;
    a tied model has one set for both.

    Attributes
    ----------
    text : str
        What is mixed: ``auto`` (all that is given), ``dictionary``, ``parallel`` or ``plain``. See `read_text`.
    mixed : float
        The chance of a word to be replaced by its translation, from 0 to 1.
    lines : int
        Most lines of each file or corpus that are used.
    candidates : int
        Most source tokens that a new token may be made of. They are its constituents, translations of the words that
        it stands in, and those that the first gradient asks for.
    window : int
        How far from a token the tokens stand that it is to predict.
    negatives : int
        Random tokens that each token of a pair is told from.
    subsample : float
        Frequent tokens count the less, the smaller this is; 0 counts all alike. A centre of relative frequency f counts
        with sqrt(subsample / f), at most 1.
    compare : str
        How rows make a score: ``fitted``, ``scaled`` or ``raw`` (plain products). ``fitted``: by the bilinear form
        of rank `rank` that fits best which source tokens stand together in the text. ``scaled``: centred rows, with a
        scale and an offset fitted on the same. ``raw``: by the plain product of rows, as the paper has it.
    rank : int
        Rank of the form that rows are compared by with compare=fitted.
    loss : str
        ``sgns`` (of skip-gram) or ``paper`` (of the authors' code). The latter sums negatives before the log-sigmoid.
    epochs : int
        Most passes over the text; the best by held-out loss is kept. That may be the start.
    rate : float
        Learning rate of Adam for the logits of the weights.
    batch : int
        Distinct pairs of tokens in a step of training.
    held_out : float
        Share of the lines that is measured on and not learned from, between 0 and 1.

    Notes
    -----
    Differences from the authors' code: a new token has `candidates` anchors instead of all source tokens through two
    factors; it starts at its constituents instead of at random; the loss is skip-gram's unless asked otherwise;
    negatives are drawn with replacement and shared within a batch; equal pairs are counted, not repeated; subsampling
    knows relative frequencies. All three maps of `compare` are affine in the rows, so that weights mean the same.
    Rows of a language model are no word vectors: raw products of SmolLM2's rows tell pairs from noise worse than
    chance, which is why `fitted` is the default.

    A token without pairs keeps its constituents' weights.
    """

    text: str = "auto"
    mixed: float = 0.5
    lines: int = 400_000
    candidates: int = 128
    window: int = 5
    negatives: int = 5
    subsample: float = 1e-4
    compare: str = "fitted"
    rank: int = 128
    loss: str = "sgns"
    epochs: int = 8
    rate: float = 0.2
    batch: int = 1 << 18
    held_out: float = 0.05

    def __post_init__(self) -> None:
        for kind, name, known in (
            ("text", self.text, TEXTS),
            ("comparison", self.compare, COMPARISONS),
            ("loss", self.loss, LOSSES),
        ):
            if name not in known:
                raise UnknownNameError(kind, name, known)
        for name in ("lines", "candidates", "window", "negatives", "rank", "batch"):
            if getattr(self, name) < 1:
                raise InputError(f"The option {name} must be at least 1, not {getattr(self, name)}.")
        if not 0 < self.held_out < 1 or not 0 <= self.mixed <= 1:
            raise InputError(
                f"The options held_out and mixed must lie between 0 and 1, not at {self.held_out} and {self.mixed}."
            )

    def initialize(self, transfer: Transfer) -> Initialization:
        """Return one alignment for the input rows and, where the head is untied, another for the head and its bias.

        Raises
        ------
        InputError
            When there is no text to learn from, or the base's rows were not given.
        """
        if transfer.input_rows is None:
            raise InputError("Constrained Word2Vec learns from the base's rows, and they were not given.")
        text = self._read(transfer)
        start = Constituents().align(transfer)
        if not self.epochs or not len(start):
            return Initialization.shared(start)
        counted = Counted.of(transfer, text.lines, self.window, self.held_out)
        if not len(counted.new):
            transfer.say("No new token stands in the text: all keep their constituents' weights.")
            return Initialization.shared(start)
        model = self._learn(transfer, transfer.input_rows, text, counted, start)
        if model is None:
            transfer.say("Training did not lower the held-out loss: all keep their constituents' weights.")
            return Initialization.shared(start)
        input_rows = _finish(start, counted, model.input)
        if model.head is None:
            return Initialization.shared(input_rows)
        head = _finish(start, counted, model.head)
        return Initialization(input_rows, head, head)

    def _read(self, transfer: Transfer) -> Text:
        return read_text(
            transfer.materials,
            self.text,
            self.mixed,
            self.lines,
            transfer.generator(0),
            transfer.say,
            lambda words: hold_new_tokens(transfer, words),
        )

    def _learn(
        self, transfer: Transfer, inputs: Matrix, text: Text, counted: Counted, start: Alignment
    ) -> Model | None:
        heads = inputs if transfer.head_rows is None else transfer.head_rows
        compared = self._compare(transfer, counted, inputs, heads)
        problem = self._problem(counted, compared)
        schedule = Schedule(self.epochs, PATIENCE, self.rate, self.batch, DRAWS, self.negatives, self.loss)
        begun = start.weights[counted.new]
        anchors = self._anchors(transfer, text, counted, problem, begun)
        mixture = Mixture.start(anchors, begun)
        model = Model(mixture, None if transfer.head_rows is None else mixture)
        best, losses = train(problem, model, schedule, transfer.generator(2), transfer.say)
        return best if min(losses) < losses[0] else None

    def _compare(self, transfer: Transfer, counted: Counted, inputs: Matrix, heads: Matrix) -> Comparison:
        fit, test = (
            SourcePairs(counts, counted.source_frequencies(len(transfer.usable)), self.subsample, self.negatives)
            for counts in counted.source_pairs(len(transfer.usable))
        )
        evidence = Evidence(inputs, heads, transfer.usable, fit, test, self.rank, transfer.generator(1))
        return COMPARISONS[self.compare](evidence)

    def _problem(self, counted: Counted, compared: Comparison) -> Problem:
        keep = keep_chances(counted.frequencies, self.subsample)
        train_pairs, held_out = (Pairs.of_counts(counts, keep, len(counted.new)) for counts in counted.counts)
        return Problem(compared, counted.sources, noise(counted.frequencies), train_pairs, held_out)

    def _anchors(self, transfer: Transfer, text: Text, counted: Counted, problem: Problem, begun: csr_array) -> Ints:
        groups = [pieces(begun)]
        if text.pairs:
            groups.append(largest(translated(transfer, text.pairs)[counted.new], self.candidates // 4))
        own = Mixture.start(choose_anchors(groups, 1, transfer.usable), begun)
        draws = problem.draw(DRAWS * 4, self.negatives, transfer.generator(3))
        found = skip_gram(problem.rows(Model(own)), problem.train, draws, self.loss)
        compared, half = problem.comparison, self.candidates // 2
        by_centre = wanted(-found.centres, compared.centres, transfer.usable, half)
        by_context = wanted(-found.contexts, compared.contexts, transfer.usable, half)
        groups.append(np.stack([by_centre, by_context], axis=2).reshape(len(begun.indptr) - 1, -1))
        return choose_anchors(groups, self.candidates, transfer.usable)


def _finish(start: Alignment, counted: Counted, mixture: Mixture) -> Alignment:
    """Put the learned weights in the place of the start's, for tokens that have pairs."""
    learned = counted.evidence > 0
    weights = mixture.to_sparse(start.weights.shape[1], LEAST_WEIGHT)
    rows = Alignment.build(weights, evidence=counted.evidence)
    if not learned.all():
        kept = np.flatnonzero(learned)
        rows = Alignment.build(csr_array(weights[kept]), evidence=counted.evidence[kept])
    return start.with_rows(counted.new[learned], rows)

"""Objective: how far a model that reads new tokens is from the same model reading their old pieces.

The old rows are frozen, and the teacher reads nothing else: one model is teacher and student. What is compared are
places up to which both have read the same bytes.

``hidden``
    Mean squared distance of the states, after Token Distillation (2505.20133). It moves the rows as input.
``chunk-kl``
    What comes next. The teacher's probability of the next token is that of its pieces one after the other; the
    student's is compared with it as one event against the rest. And the teacher's distribution of the next old piece is
    compared with the student's, in which each new token counts for its first piece: KL divergences from teacher to
    student. It moves rows as input and, where the head is tied, as output.
``both``
    Their sum, the second scaled to the size of the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vocabx.core.arrays import Bools, Ints
from vocabx.distillation.batches import Batch
from vocabx.distillation.pieces import OldPieces
from vocabx.distillation.reading import read_states, read_states_and_scores
from vocabx.distillation.settings import BOTH, CHUNK_KL, HIDDEN, NEXT_TOKEN, DistillationSettings

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Objective"]

ROWS_AT_ONCE = 512
"""Places whose scores of all tokens are turned into probabilities together."""
SURE = 1e-6
"""No event is taken for surer than this leaves room for, so that logarithms stay finite."""


@dataclass(frozen=True)
class Objective:
    """Losses of a batch.

    Attributes
    ----------
    model : transformers model
        Its new rows may be apart, as `TrainedRows` makes them.
    pieces : OldPieces
    settings : DistillationSettings
    depth : int or None
        After how many layers states are compared.
    """

    model: Any
    pieces: OldPieces
    settings: DistillationSettings
    depth: int | None = None

    def loss(self, batch: Batch) -> Tensor:
        """Return what is to be made small; gradients flow to the student's side alone."""
        import torch

        scored = batch.compared & _has_next(batch)
        with torch.no_grad():
            states, chunks, following = self._teach(batch, scored)
        if not self.settings.uses_head:
            return self._distance(read_states(self.model, batch.student, batch.student_mask, self.depth), states, batch)
        student, scores = read_states_and_scores(self.model, batch.student, batch.student_mask, scored)
        logs = scores.log_softmax(-1)
        next_ids = torch.from_numpy(batch.student[:, 1:][scored[:, :-1]]).to(logs.device)
        own = logs.gather(1, next_ids[:, None])[:, 0]
        parts = []
        if self.settings.objective in (HIDDEN, BOTH):
            parts.append(self._distance(student, states, batch))
        has_next = bool(scored.any())  # not where each snippet ends with the token that is drawn in it
        if has_next and self.settings.objective in (CHUNK_KL, BOTH):
            divergence = _event_divergence(chunks, own) + self._divergence(following, logs)
            size = divergence.detach().clamp(min=SURE**2)
            parts.append(divergence * (parts[0].detach() / size if parts else 1.0))
        if has_next and self.settings.head == NEXT_TOKEN:
            parts.append(-own.mean())
        return torch.stack(parts).sum() if parts else student.sum() * 0.0

    def moments(self, batch: Batch) -> tuple[float, float, Any, int]:
        """Return what the error of all batches is made of.

        The summed squared distance of the compared states from the teacher's; of the teacher's the sum of squares, the
        sum, shape (D,), and how many there are.
        """
        import torch

        with torch.no_grad():
            states = read_states(self.model, batch.teacher, batch.teacher_mask, self.depth)
            wanted = self._aligned(states, batch)
            student = read_states(self.model, batch.student, batch.student_mask, self.depth)
            found = student[torch.from_numpy(batch.compared).to(student.device)]
            distance, wanted = (found - wanted).double().square().sum(), wanted.double()
            return float(distance), float(wanted.square().sum()), wanted.sum(0).cpu().numpy(), len(wanted)

    def _teach(self, batch: Batch, scored: Bools) -> tuple[Tensor, Any, Any]:
        """Return aligned states, log probabilities of the next tokens' pieces, and those of the next old piece."""
        import torch

        if self.settings.objective == HIDDEN:
            states = read_states(self.model, batch.teacher, batch.teacher_mask, self.depth)
            return self._aligned(states, batch), None, None
        everywhere = batch.teacher_mask.copy()
        states, scores = read_states_and_scores(self.model, batch.teacher, batch.teacher_mask, everywhere)
        scores[:, torch.from_numpy(np.flatnonzero(self.pieces.is_new)).to(scores.device)] = -torch.inf
        number = np.cumsum(everywhere).reshape(everywhere.shape) - 1
        rows, columns = np.nonzero(scored)
        following = torch.from_numpy(number[rows, batch.places[rows, columns]]).to(scores.device)
        for start in range(0, len(scores), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            scores[part] = scores[part].log_softmax(-1)
        sums = self._sums_of_pieces(batch, scores, number)
        begins, ends = batch.places[rows, columns], batch.places[rows, columns + 1]
        chunks = torch.from_numpy(sums[rows, ends] - sums[rows, begins]).to(scores.device)
        return self._aligned(states, batch), chunks, scores[following]

    def _sums_of_pieces(self, batch: Batch, logs: Tensor, number: Ints) -> Any:
        """Return for each place of the teacher the log probability of all pieces up to it, but for the first."""
        import torch

        sums = np.zeros(batch.teacher.shape)
        known = batch.teacher_mask[:, 1:]
        before = torch.from_numpy(number[:, :-1][known]).to(logs.device)
        piece = torch.from_numpy(batch.teacher[:, 1:][known]).to(logs.device)
        sums[:, 1:][known] = logs[before, piece].double().cpu().numpy()
        return np.cumsum(sums, axis=1)

    def _aligned(self, states: Tensor, batch: Batch) -> Tensor:
        import torch

        rows, columns = np.nonzero(batch.compared)
        places = torch.from_numpy(batch.places[rows, columns]).to(states.device)
        return states[torch.from_numpy(rows).to(states.device), places]

    def _distance(self, student: Tensor, wanted: Tensor, batch: Batch) -> Tensor:
        import torch

        found = student[torch.from_numpy(batch.compared).to(student.device)]
        distance: Tensor = (found - wanted).square().mean()
        return distance

    def _divergence(self, wanted: Tensor, logs: Tensor) -> Tensor:
        """Return KL from the teacher's next old piece to the student's, in nats, mean over places."""
        import torch

        first = torch.from_numpy(self.pieces.first(logs.shape[1])).to(logs.device)
        shares = torch.zeros_like(logs).index_add(1, first, logs.exp()).clamp(min=SURE**2)
        # An id that the teacher never gives has the logarithm of nothing, and no part in the sum.
        terms = torch.where(wanted > -torch.inf, wanted.exp() * (wanted - shares.log()), 0.0)
        divergence: Tensor = terms.sum(-1).mean()
        return divergence


def _has_next(batch: Batch) -> Bools:
    has_next = np.zeros_like(batch.student_mask)
    has_next[:, :-1] = batch.student_mask[:, 1:]
    return has_next


def _event_divergence(wanted: Tensor, found: Tensor) -> Tensor:
    """Return KL between two coins whose log probabilities are given, in nats, mean over places."""
    import torch

    wanted, shares = wanted.to(found.dtype).clamp(max=-SURE), wanted.to(found.dtype).exp().clamp(max=1 - SURE)
    found = found.clamp(max=-SURE)
    rest, found_rest = torch.log1p(-shares), torch.log1p(-found.exp())
    divergence: Tensor = (shares * (wanted - found) + (1 - shares) * (rest - found_rest)).mean()
    return divergence

"""Losses against plain loops over places, on a small model in float32."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.distillation.models import extend_small
from vocabx.distillation.batches import Batch, make_batch
from vocabx.distillation.contexts import ContextSampler
from vocabx.distillation.objective import Objective
from vocabx.distillation.reading import read_states
from vocabx.distillation.settings import DistillationSettings
from vocabx.distillation.subject import Subject

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Subject, Batch]:
    small = extend_small(tmp_path_factory.mktemp("small"), tied=request.param)
    subject = small.open()
    sampler = ContextSampler(subject.segmenter, subject.pieces, subject.pieces.is_new, 2, 12)
    sampler.add(small.corpus.read_text("utf-8").splitlines()[:40])
    contexts = sampler.contexts()
    return subject, make_batch(contexts, np.arange(min(5, len(contexts))), subject.pieces, *subject.around, 1)


def plain(subject: Subject, batch: Batch) -> dict[str, float]:
    """Compute each part one place at a time, each row by itself and without padding."""
    import torch

    model, pieces, distances, events, divergences, likelihoods = subject.model, subject.pieces, [], [], [], []
    for number in range(len(batch.student)):
        student = batch.student[number][batch.student_mask[number]]
        teacher = batch.teacher[number][batch.teacher_mask[number]]
        with torch.no_grad():
            read = [
                model(input_ids=torch.from_numpy(ids)[None], output_hidden_states=True) for ids in (student, teacher)
            ]
        states = [each.hidden_states[-1][0] for each in read]
        wanted = read[1].logits[0].double().clone()
        wanted[:, torch.from_numpy(np.flatnonzero(pieces.is_new))] = -torch.inf
        old, new = wanted.log_softmax(-1), read[0].logits[0].double().log_softmax(-1)
        for place in np.flatnonzero(batch.compared[number]).tolist():
            at = int(batch.places[number, place])
            distances.append(float((states[0][place] - states[1][at]).square().mean()))
            if place + 1 == len(student):
                continue
            following = int(student[place + 1])
            p = np.exp(sum(float(old[at + k, piece]) for k, piece in enumerate(pieces.rows[following].tolist())))
            q = float(new[place, following].exp())
            events.append(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))
            likelihoods.append(float(new[place, following]))
            first, shares = pieces.first(len(new[place])), np.zeros(len(new[place]))
            np.add.at(shares, first, new[place].exp().numpy())
            teacher_shares = old[at].exp().numpy()
            some = teacher_shares > 0
            divergences.append(float((teacher_shares[some] * np.log(teacher_shares[some] / shares[some])).sum()))
    hidden, chunk = float(np.mean(distances)), float(np.mean(events) + np.mean(divergences))
    return {"hidden": hidden, "chunk-kl": chunk, "both": 2 * hidden, "next": -float(np.mean(likelihoods))}


def loss(subject: Subject, batch: Batch, **settings: Any) -> float:
    return float(Objective(subject.model, subject.pieces, DistillationSettings(**settings)).loss(batch).detach())


@pytest.mark.parametrize("objective", ["hidden", "chunk-kl", "both"])
def test_a_loss_is_what_a_plain_loop_gives(opened: tuple[Subject, Batch], objective: str) -> None:
    expected = plain(*opened)
    assert loss(*opened, objective=objective) == pytest.approx(expected[objective], rel=1e-4)
    with_head = loss(*opened, objective=objective, head="next-token")
    assert with_head == pytest.approx(expected[objective] + expected["next"], rel=1e-4)


@pytest.mark.parametrize("objective", ["hidden", "chunk-kl", "both"])
def test_a_batch_in_which_nothing_comes_next_has_the_loss_of_its_states_alone(
    opened: tuple[Subject, Batch], objective: str
) -> None:
    subject, batch = opened
    ends = batch.student_mask & ~np.pad(batch.student_mask[:, 1:], ((0, 0), (0, 1)))
    last = replace(batch, compared=batch.compared & ends)
    assert last.compared.any()
    for head in ("keep", "next-token"):
        expected = 0.0 if objective == "chunk-kl" else loss(subject, last, objective="hidden")
        assert loss(subject, last, objective=objective, head=head) == pytest.approx(expected, rel=1e-6)


def test_a_model_that_reads_old_text_is_its_own_teacher(opened: tuple[Subject, Batch]) -> None:
    subject, batch = opened
    places = np.tile(np.arange(batch.teacher.shape[1]), (len(batch.teacher), 1))
    alone = Batch(
        batch.teacher,
        batch.teacher,
        batch.teacher_mask,
        batch.teacher_mask,
        places,
        np.zeros_like(batch.teacher_mask),
        batch.teacher_mask,
    )
    assert loss(subject, alone, objective="hidden") == 0


def test_states_of_a_layer_are_those_that_transformers_gives_and_later_layers_are_not_run(
    opened: tuple[Subject, Batch],
) -> None:
    import torch

    subject, batch = opened
    model = subject.model
    with torch.no_grad():
        found = read_states(model, batch.student, batch.student_mask, 1)
        embedded = model.get_input_embeddings()(torch.from_numpy(batch.student))
        whole = model(
            input_ids=torch.from_numpy(batch.student),
            attention_mask=torch.from_numpy(batch.student_mask).long(),
            output_hidden_states=True,
        )
    assert found.shape == embedded.shape
    normed = model.model.norm(found)
    mask = torch.from_numpy(batch.student_mask)
    torch.testing.assert_close(normed[mask], whole.hidden_states[-1][mask])  # there is one layer

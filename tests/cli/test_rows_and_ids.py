"""`--rows` of `vocabx extend`, and `vocabx explain --new-ids`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import vocabx
from tests.cli.conftest import Place, Run
from tests.extension.bases import WIDTH


def test_ready_made_rows_are_taken_and_counted(place: Place, run: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", input=np.ones((1, WIDTH), np.float32), ids=[700])
    ran = run(*place.extend(), "--rows", tmp_path / "rows.npz", "--json")
    assert ran.status == 0, ran.err
    assert json.loads(ran.out)["ready-made rows"] == "1 of 40 new tokens, the others by constituents"


def test_new_ids_are_printed_as_peft_takes_them(place: Place, run: Run) -> None:
    assert run(*place.extend()).status == 0
    ran = run("explain", place.out, "--new-ids")
    assert (ran.status, json.loads(ran.out)) == (0, vocabx.trainable_token_indices(place.out))


def test_new_ids_are_those_of_all_tokens(place: Place, run: Run) -> None:
    assert run(*place.extend()).status == 0
    assert run("explain", place.out).status == 2
    assert run("explain", place.out, "700", "--new-ids").status == 2

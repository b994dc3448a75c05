"""Kill `vocabx extend` many times, and look at what is there: `python -m tests.resilience.kills --kills 200`.

After each kill the target must be absent, the earlier output or the new one, to the byte, and the inputs unchanged.
Then the same command goes on, perhaps to be killed again, or another one starts anew; its end must be the output of a
run that nobody killed. Moments are drawn: a fifth over the whole run, the others over the time of writing. With
`--steps` a run is killed before each step that concerns files instead, one after the other.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np

from tests.checkpoint.models import checksums
from tests.resilience.processes import (
    Ended,
    Hook,
    run,
    run_and_kill_after,
    run_and_kill_at_step,
    warm_up,
    without_renames_with_flags,
)
from tests.resilience.scene import Scene

__all__ = ["KINDS", "Kills"]

KINDS: Mapping[str, tuple[str, ...]] = {
    "copied": (),
    "hard-linked": ("--shards", "hardlink"),
    "cast": ("--dtype", "bfloat16"),
}
EARLIER = 20
"""Tokens of the earlier output, which `--force` replaces."""
OTHER = 30
"""Tokens of a command that is not the one that was killed."""
KILLED = -9


@dataclass
class Kills:
    """One scene, the outputs that nobody disturbed, and the counts of what happened."""

    scene: Scene
    generator: np.random.Generator
    counts: Counter[str] = field(default_factory=Counter)
    outputs: dict[str, Mapping[str, str]] = field(default_factory=dict)
    seconds: tuple[float, float] = (0.0, 0.0)

    def prepare(self) -> None:
        """Make the outputs, and measure the time of a run and of its writing."""
        _ = self.scene.inputs
        ends = []
        self._make("earlier", EARLIER, ())
        for kind, options in KINDS.items():
            ends.append(self._make(f"new, {kind}", 40, options))
            self._make(f"other, {kind}", OTHER, options)
        self.seconds = (max(end.seconds for end in ends), max(end.seconds_of_writing for end in ends))

    def _make(self, name: str, size: int, options: tuple[str, ...]) -> Ended:
        ended = run(self.scene.arguments(*options, size=size))
        assert ended.status == 0, ended.said
        self.outputs[name] = checksums(self.scene.out)
        if name == "earlier":
            shutil.copytree(self.scene.out, self.scene.root / "earlier")
        self.scene.clear()
        return ended

    def at_random(self, kills: int) -> None:
        """Kill this many runs at moments that are drawn."""
        while self.counts["kills"] < kills:
            kind, force, old = self._drawn(list(KINDS)), self._chance(0.5), self._chance(0.5)
            arguments, hook = self._start(kind, force), without_renames_with_flags if old else None
            before = "earlier" if force else "absent"
            while self.counts["kills"] < kills:
                ended = self._kill_at_random(arguments, hook)
                before = self._look(ended, before, f"new, {kind}")
                if before.startswith("new") or self._chance(0.5):
                    break
            self._finish(kind, force, before, hook)

    def at_each_step(self, kind: str, *, force: bool, old: bool) -> int:
        """Kill a run before each of its steps that concern files; return their number."""
        hook = without_renames_with_flags if old else None
        step = 0
        while True:
            arguments = self._start(kind, force)
            ended = run_and_kill_at_step(arguments, step, hook)
            state = self._look(ended, "earlier" if force else "absent", f"new, {kind}")
            self._finish(kind, force, state, hook)
            if ended.status != KILLED:
                return step
            step += 1

    def _start(self, kind: str, force: bool) -> list[str]:
        self.scene.clear()
        if force:
            shutil.copytree(self.scene.root / "earlier", self.scene.out)
        return self.scene.arguments(*KINDS[kind], *(["--force"] if force else []))

    def _kill_at_random(self, arguments: list[str], hook: Hook | None) -> Ended:
        of_writing = self._chance(0.8)
        seconds = self.generator.uniform(0, 1.1 * self.seconds[of_writing])
        return run_and_kill_after(arguments, seconds, of_writing=of_writing, hook=hook)

    def _look(self, ended: Ended, before: str, new: str) -> str:
        """Check what is there after a run, and count it."""
        states = self.scene.states(self.outputs)
        self.counts["kills" if ended.status == KILLED else "runs that ended before they were killed"] += 1
        # In two renames there is a moment without either; the next run mends it.
        (state, *_) = [expected for expected in (before, new, "absent") if expected in states] or ["wrong"]
        assert state != "wrong", states
        assert ended.status in (0, KILLED), ended.said
        assert ended.status != 0 or state == new, ended.said
        if ended.status == KILLED:
            self.counts[f"after a kill: {state if state in ('earlier', 'absent') else 'new'}"] += 1
            self.counts["after a kill: absent, an earlier output aside"] += state == "absent" != before
        self.counts["weight files taken over"] += ended.taken_over
        self.counts["runs that took files over"] += ended.taken_over > 0
        return state

    def _finish(self, kind: str, force: bool, state: str, hook: Hook | None) -> None:
        """Run the same command, or another one, to its end."""
        is_other = self._chance(0.2)
        force = force or state not in ("absent", "earlier")
        options = [*KINDS[kind], *(["--force"] if force else [])]
        ended = run(self.scene.arguments(*options, size=OTHER if is_other else 40), hook)
        assert ended.status == 0, ended.said
        assert f"{'other' if is_other else 'new'}, {kind}" in self.scene.states(self.outputs)
        assert [path.name for path in self.scene.place.iterdir()] == ["out"]
        assert not is_other or not ended.taken_over, "files of another job were taken over"
        self.counts["another command to the end" if is_other else "the same command to the end"] += 1
        self.counts["weight files taken over"] += ended.taken_over
        self.counts["runs that took files over"] += ended.taken_over > 0

    def _chance(self, share: float) -> bool:
        return bool(self.generator.random() < share)

    def _drawn(self, names: list[str]) -> str:
        return names[self.generator.integers(len(names))]

    def lines(self) -> Iterator[str]:
        """Say what was counted."""
        yield f"a run: {self.seconds[0]:.2f} s, writing {self.seconds[1]:.2f} s of it"
        for name, count in sorted(self.counts.items()):
            yield f"{count:5} {name}"


@click.command()
@click.option("--kills", default=200, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--steps", is_flag=True, help="Kill before each step that concerns files instead.")
@click.option("--place", type=click.Path(path_type=Path), help="Where to work. Default: the system's temporary place.")
def main(kills: int, seed: int, steps: bool, place: Path | None) -> None:
    """Kill runs, and print what was counted."""
    start = time.perf_counter()
    warm_up()
    with TemporaryDirectory(dir=place) as folder:
        work = Kills(Scene.make(Path(folder)), np.random.default_rng(seed))
        work.prepare()
        if not steps:
            work.at_random(kills)
        for kind in KINDS if steps else ():
            for force, old in ((False, False), (True, False), (True, True)):
                count = work.at_each_step(kind, force=force, old=old)
                way = "" if not force else " --force, in two renames" if old else " --force, at once"
                click.echo(f"{count:5} steps: {kind}{way}")
    click.echo("\n".join([*work.lines(), f"{time.perf_counter() - start:.0f} s in all"]))


if __name__ == "__main__":
    sys.exit(main())

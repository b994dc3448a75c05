"""Run the published package of WECHSEL or FOCUS once, on inputs that `benchmark_initializers` prepared.

It runs in an environment that has the packages and not vocabx, so it imports nothing of either.

    python tests/benchmarks/reference_packages.py wechsel FOLDER
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import numpy as np
from numpy.typing import NDArray
from transformers import AutoTokenizer


def wechsel(folder: Path) -> Callable[[], NDArray[np.float32]]:
    """Open tokenizers and matrix; return what is timed."""
    import fasttext
    from wechsel import WECHSEL

    source, target = (AutoTokenizer.from_pretrained(folder / side) for side in ("source", "target"))
    matrix = np.load(folder / "rows.npy")

    def work() -> NDArray[np.float32]:
        own, other = (fasttext.load_model(str(folder / f"{side}.bin")) for side in ("source", "target"))
        method = WECHSEL(own, other, bilingual_dictionary=str(folder / "dictionary.txt"))
        made: NDArray[np.float32] = method.apply(source, target, matrix)[0]
        return made

    return work


def focus(folder: Path) -> Callable[[], NDArray[np.float32]]:
    """Open tokenizers and matrix; return what is timed. The package opens the vectors itself."""
    import torch
    from deepfocus import FOCUS

    source, target = (AutoTokenizer.from_pretrained(folder / side) for side in ("source", "target"))
    matrix = torch.from_numpy(np.load(folder / "rows.npy"))

    def work() -> NDArray[np.float32]:
        made: NDArray[np.float32] = FOCUS(
            target_tokenizer=target,
            source_tokenizer=source,
            source_embeddings=matrix,
            fasttext_model_path=str(folder / "target.bin"),
            verbosity="silent",
        ).numpy()
        return made

    return work


class PeakMemory:
    """What `initializer_inputs.PeakMemory` is; this file can import nothing of vocabx's."""

    def __init__(self) -> None:
        self._anonymous = status("RssAnon")
        Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self._anonymous = max(self._anonymous, status("RssAnon"))
            time.sleep(0.01)

    def to_json(self) -> dict[str, int]:
        """Return the peak of all memory and of anonymous memory, in bytes."""
        return {"peak": status("VmHWM"), "anonymous": self._anonymous}


def status(name: str) -> int:
    """Return an entry of the process's status, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    """Run one package and print what it took."""
    method, folder = sys.argv[1], Path(sys.argv[2])
    memory = PeakMemory()
    work = {"wechsel": wechsel, "focus": focus}[method](folder)
    start = time.perf_counter(), time.process_time()
    made = work()
    spent = time.perf_counter() - start[0], time.process_time() - start[1]
    taken = {"seconds": spent[0], "core_seconds": spent[1], **memory.to_json()}
    np.save(folder / "theirs.npy", made)
    print(json.dumps(taken))


if __name__ == "__main__":
    main()

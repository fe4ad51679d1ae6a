"""A shell loop of short trainings, each with another weight or learning rate: how soon is each one's first step done?

Every run is a process of its own, on a terminal: its progress bar shows the first step, which is a chunk of its own.
"""

from __future__ import annotations

import json
import os
import pty
import tempfile
import time
from pathlib import Path

from commands import result, start
from results import spread, table

RUNS = 16
STEPPED = b"epoch 1/"  # what the bar shows once a step is done; before it says that it compiles


def shell(peers: str | None, repeats: int) -> None:
    """RUNS runs, whatever the repeats; the first fills the cache of compiled programs."""
    with tempfile.TemporaryDirectory() as name:
        found = [timed(Path(name), override) for override in overrides()]
    rows = [(o, f"{f:.2f}", f"{w:.2f}", str(n)) for o, (f, w, n) in zip(overrides(), found, strict=True)]
    print(table(rows, ("run", "first step done after (s)", "whole command (s)", "programs compiled")))
    later = found[1:]
    print(
        f"from the second on: first step after {spread([f for f, _, _ in later])} s, "
        f"{sum(n for *_, n in later)} programs compiled"
    )


def overrides() -> list[str]:
    """Weights and learning rates in turn, no value twice."""
    weights = [f"objective.rate.weight={0.5 + 0.1 * i:.1f}" for i in range(RUNS // 2)]
    rates = [f"training.optimizer.learning_rate={1e-3 * 0.8**i:.3g}" for i in range(RUNS // 2)]
    return [text for pair in zip(weights, rates, strict=True) for text in pair]


def timed(folder: Path, override: str) -> tuple[float, float, int]:
    """Seconds from the command's start to its first step and to its end, and how many programs it compiled."""
    terminal, inside = pty.openpty()
    began = time.perf_counter()
    process = start(folder, override, stderr=inside)
    os.close(inside)
    first = watched(terminal, began)
    run = result(process)["run"]
    whole = time.perf_counter() - began
    return first, whole, json.loads((Path(run) / "run.json").read_text())["compiled"]["misses"]


def watched(terminal: int, began: float) -> float:
    """When a step was done, as the terminal shows it; read to its end, lest the command wait for room to write."""
    seen, first = b"", float("nan")
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # how Linux tells that the other side is closed
            part = b""
        if not part:
            os.close(terminal)
            return first
        seen += part
        if first != first and STEPPED in seen:
            first = time.perf_counter() - began

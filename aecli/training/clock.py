"""The clock of a training: seconds by what they were spent on, compilation apart."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import jax

ROWS, STEPS, EVALUATION, CHECKPOINT = "rows", "steps", "evaluation", "checkpoint"


@dataclass(frozen=True)
class Spent:
    """Seconds by phase, and in `total`, what lies between the phases included; the chunks and steps of them."""

    seconds: dict[str, float]
    total: float
    chunks: int
    steps: int

    def __add__(self, other: Spent) -> Spent:
        """Both."""
        names = {*self.seconds, *other.seconds}
        seconds = {name: self.seconds.get(name, 0.0) + other.seconds.get(name, 0.0) for name in names}
        return Spent(seconds, self.total + other.total, self.chunks + other.chunks, self.steps + other.steps)

    def __sub__(self, before: Spent) -> Spent:
        """What came after."""
        seconds = {name: value - before.seconds.get(name, 0.0) for name, value in self.seconds.items()}
        return Spent(seconds, self.total - before.total, self.chunks - before.chunks, self.steps - before.steps)


NOTHING = Spent({}, 0.0, 0, 0)


@dataclass
class Clock:
    """Seconds of a training, and the chunks, steps and examples of its steady state."""

    compile_seconds: float = 0.0
    train_seconds: float = 0.0
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    chunks: int = 0
    steps: int = 0
    examples: int = 0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the block's seconds under `name`; a trace shows it as `aecli:<name>`."""
        began = time.perf_counter()
        with jax.profiler.TraceAnnotation(f"aecli:{name}"):
            yield
        self.seconds[name] += time.perf_counter() - began

    def spent(self) -> Spent:
        """All up to now, `total` from a moment that is the same for all."""
        return Spent(dict(self.seconds), time.perf_counter(), self.chunks, self.steps)

    def timings(self) -> dict[str, float | None]:
        """As run.json holds them; waiting for rows is part of a step."""
        stepped = self.seconds[STEPS] + self.seconds[ROWS]
        speed = self.examples / stepped if stepped else None
        return {
            "compile_seconds": round(self.compile_seconds, 3),
            "train_seconds": round(self.train_seconds, 3),
            "examples_per_second": round(speed, 1) if speed else None,
        }

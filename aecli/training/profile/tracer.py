"""Traces a window of a training's steps, once the first chunks are behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aecli.training.clock import NOTHING, Clock, Spent
from aecli.training.profile.hlo import parse
from aecli.training.profile.shares import Profile, profiled
from aecli.training.profile.trace import read

BEFORE, STEPS = 21, 64  # the chunks of 1, 4 and 16 steps that find out how long one may be; the window
NEEDED = BEFORE + STEPS


class Watch:
    """What looks on while a training steps; this one sees nothing and wants nothing."""

    def begun(self, chunk: Any, step: int) -> None:
        """The compiled chunk, and the step it is about to start from."""

    def room(self, step: int) -> int | None:
        """How many steps a chunk from `step` on may have at most; None: any number."""

    def at(self, step: int) -> None:
        """Between chunks."""

    def close(self) -> None:
        """Nothing is left to look at."""


@dataclass
class Tracer(Watch):
    """Traces into `folder` the STEPS steps that follow the first BEFORE of this process; no chunk crosses its edges.

    What is not traced is `untraced`, by the clock, without the first chunk: there memory is touched for the first time.
    """

    folder: Path
    clock: Clock
    chunk: Any = None
    start: int = 0
    tracing: bool = False
    traced: int = 0
    untraced: Spent = NOTHING
    since: Spent | None = None  # what the clock said when it began to count for `untraced`

    def begun(self, chunk: Any, step: int) -> None:
        """Remember where the window is."""
        self.chunk, self.start = chunk, step

    def room(self, step: int) -> int | None:
        """Up to the window's beginning, then up to its end."""
        done = step - self.start
        return None if done >= NEEDED else (BEFORE if done < BEFORE else NEEDED) - done

    def at(self, step: int) -> None:
        """Begin and end where it is time to."""
        done = step - self.start
        if done and not self.tracing and self.since is None:
            self.since = self.clock.spent()
        if done >= BEFORE and not self.tracing and not self.traced:
            self._begin()
        elif done >= NEEDED and self.tracing:
            self._end()

    def close(self) -> None:
        """End a trace that the training ended within."""
        if self.tracing:
            self._end()
        self._count()

    def _begin(self) -> None:
        import jax

        self._count()
        self.traced = -self.clock.steps
        options = jax.profiler.ProfileOptions()
        options.python_tracer_level = 0  # a call of Python costs more to trace than to run
        jax.profiler.start_trace(self.folder, create_perfetto_trace=True, profiler_options=options)
        self.tracing = True

    def _end(self) -> None:
        import jax

        jax.profiler.stop_trace()
        self.tracing = False
        self.traced += self.clock.steps
        self.since = self.clock.spent()

    def _count(self) -> None:
        if self.since is not None:
            self.untraced += self.clock.spent() - self.since
        self.since = None

    def profile(self) -> Profile | None:
        """What the trace says; None where the training ended before its window began."""
        if not self.traced:
            return None
        module = parse(self.chunk.as_text())
        return profiled(read(self.file, module.name), module, self.traced, self.untraced)

    @property
    def file(self) -> Path:
        """The trace as XLA's profiler wrote it."""
        return max(self.folder.rglob("*.xplane.pb"), key=lambda path: path.stat().st_mtime)

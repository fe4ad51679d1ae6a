"""Which step of a chunk was the first bad one: the chunk is taken again from where it began, in halves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, Shaped

from aecli.training.divergence import Divergence, first_bad
from aecli.training.feed import Order, Window
from aecli.training.program import Program
from aecli.training.stages import BESIDES
from aecli.training.state import State


@dataclass(frozen=True)
class Inquest:
    """Looks into a chunk that ended badly. Steps are pure functions: taken again they do the same."""

    program: Program
    chunk: Any
    order: Order
    seed: Any
    numbers: Any

    def held(
        self, before: State, window: Window, count: int, ids: Shaped[np.ndarray, " rows"]
    ) -> tuple[State, Divergence]:
        """The state before the first bad one of `count` steps, and all that can be said of that step."""
        good, taken = first_bad(lambda n: self._run(before, window, n), count)
        step = int(good.step)
        rows = self._rows(step)
        terms, losses = self._terms(good, window), self._losses(good, window)
        return good, Divergence(
            step=step,
            epoch=step // self.program.steps_per_epoch + 1,
            what="gradient" if np.isfinite(terms["loss"]) else "loss",
            rows=ids[rows].tolist(),
            own=ids[rows[~np.isfinite(losses)]].tolist(),
            terms=terms,
            before=self._terms(self._run(before, window, taken - 1), window) if taken else None,
        )

    def _run(self, before: State, window: Window, count: int) -> State:
        state = self.program.copied(before)
        first, steps = np.int32(window.start), np.int32(count)
        return self.chunk(state, window.data, window.order, self.seed, self.numbers, first, steps)

    def _rows(self, step: int) -> Int[np.ndarray, " batch"]:
        """The training rows of a step, padding left out."""
        rows = self.order.part(step, 1)[0]
        return rows[rows >= 0]

    def _terms(self, state: State, window: Window) -> dict[str, float]:
        """The mean over the batch of each term of the part that is trained, in the step that is about to be taken."""
        share = len(self._rows(int(state.step))) / self.program.rows
        after = self._run(state._replace(sums=jax.tree.map(jnp.zeros_like, state.sums)), window, 1)
        names = after.sums if self.program.part is None else ["loss"]
        if self.program.part == "labels":
            share = float(after.sums["labelled"]) or 1.0
        return {name: float(after.sums[name]) / share for name in names if name not in BESIDES}

    def _losses(self, state: State, window: Window) -> np.ndarray:
        rows = window.order[int(state.step) - window.start]
        found = self.program.losses(state, window.data, rows, self.seed, self.numbers)
        return np.asarray(found)[np.asarray(rows) >= 0]

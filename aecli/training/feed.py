"""How rows come to the step: all of them on the device, or window by window from memory or from disk.

Either way a step sees the same rows: which ones is a function of (seed, step) alone, and so are the results, bit
for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Array, Float, Int

from aecli.data.dataset import Dataset
from aecli.data.permutation import MANY, permuted
from aecli.data.residency import ASKED, Choice
from aecli.training.devices import memory_of
from aecli.training.program import Program

BYTES = 2**25  # of a window
AHEAD = 2  # windows made ready while one is trained on


WHERE = {"device": "on the device", "host": "in memory beside the device", "streamed": "streamed from disk"}
ROOM = 0.5  # share of a device's memory that rows may take


def placed(dataset: Dataset, device: Any) -> Choice:
    """Where the rows are trained from: those in memory go to the device if it has room for them."""
    choice, size = dataset.residency, dataset.train.x.nbytes
    there = None if device is None or device.platform == "cpu" else memory_of(device)
    if choice.place == "device" and choice.why != ASKED and there is not None and size > ROOM * there:
        return Choice("host", f"{size / 2**30:.1f} GiB of rows, {there / 2**30:.1f} GiB on {device}")
    return choice


class Window(NamedTuple):
    """Rows, and for each step from `start` up to (not with) `stop` which of them are its batch; -1 is padding."""

    data: Float[Array, " rows *features"]
    order: Int[Array, "steps batch"]
    start: int
    stop: int


class Feed(Protocol):
    """Rows for steps, in an order."""

    order: Order

    def windows(self, step: int, total: int) -> Iterator[Window]:
        """Windows that cover the steps from `step` up to `total`; none crosses the end of an epoch."""
        ...

    def first(self) -> Window:
        """A window like all others, to compile for."""
        ...


class Order:
    """The rows of each step: every epoch a permutation of all rows, a function of (seed, epoch).

    Drawn as a whole by the program; above 2^24 rows, a keyed bijection computes any part of it in constant memory.
    """

    def __init__(self, program: Program, seed: Any):
        self.program, self.seed = program, seed
        self._epoch = lru_cache(maxsize=2)(self.drawn)

    def drawn(self, epoch: int) -> Int[np.ndarray, "steps batch"]:
        """The whole epoch."""
        if self.program.rows <= MANY:
            return self.program.order(self.seed, np.int32(epoch))
        return self._part(epoch, 0, self.program.steps_per_epoch)

    def part(self, step: int, count: int) -> Int[np.ndarray, "steps batch"]:
        """`count` steps from `step` on, within one epoch."""
        epoch, first = divmod(step, self.program.steps_per_epoch)
        if self.program.rows <= MANY:
            return self._epoch(epoch)[first : first + count]
        return self._part(epoch, first, count)

    def _part(self, epoch: int, first: int, count: int) -> Int[np.ndarray, "steps batch"]:
        batch, rows = self.program.batch, self.program.rows
        index = np.arange(first * batch, (first + count) * batch)
        found = permuted(np.minimum(index, rows - 1), rows, (int(self.seed), epoch, len("order")))
        return np.where(index < rows, found, -1).astype(np.int32).reshape(count, batch)


class Resident:
    """All rows on the device; a window is the rest of an epoch."""

    def __init__(self, program: Program, rows: np.ndarray, seed: Any, put: Any):
        self.program, self.order = program, Order(program, seed)
        self.put, self.rows = put, put(np.ascontiguousarray(rows))

    def windows(self, step: int, total: int) -> Iterator[Window]:
        """One an epoch."""
        each = self.program.steps_per_epoch
        for epoch in range(step // each, -(-total // each)):
            yield Window(self.rows, self.put(self.order.drawn(epoch)), epoch * each, (epoch + 1) * each)

    def first(self) -> Window:
        """The first epoch's."""
        return Window(self.rows, self.put(self.order.drawn(0)), 0, self.program.steps_per_epoch)


class Streamed:
    """Rows gathered from memory or disk by threads, some windows ahead of the device."""

    def __init__(self, program: Program, rows: Any, seed: Any, put: Any):
        self.program, self.rows, self.put, self.order = program, rows, put, Order(program, seed)
        each = program.batch * int(np.prod(rows.shape[1:])) * 4
        self.steps = max(1, min(BYTES // each, program.steps_per_epoch))

    def windows(self, step: int, total: int) -> Iterator[Window]:
        """As many steps a window as fit into it; the last of an epoch may have fewer."""
        import grain

        parts = list(self._parts(step, total))
        options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=AHEAD)
        pipeline = grain.MapDataset.range(len(parts)).map(lambda i: self._gathered(*parts[i]))
        for (start, stop), (data, order) in zip(parts, pipeline.to_iter_dataset(options), strict=True):
            yield Window(self.put(data), self.put(order), start, stop)

    def first(self) -> Window:
        """The first window of all."""
        data, order = self._gathered(0, self.steps)
        return Window(self.put(data), self.put(order), 0, self.steps)

    def _parts(self, step: int, total: int) -> Iterator[tuple[int, int]]:
        each = self.program.steps_per_epoch
        while step < total:
            stop = min(step + self.steps, (step // each + 1) * each, total)
            yield step, stop
            step = stop

    def _gathered(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows of the steps in the order they are seen, and that order; both padded to a whole window."""
        wanted = self.order.part(start, stop - start).reshape(-1)
        data = np.zeros((self.steps * self.program.batch, *self.rows.shape[1:]), np.float32)
        there = wanted >= 0
        data[: there.sum()] = self.rows[wanted[there]]
        order = np.full(len(data), -1, np.int32)
        order[: len(wanted)] = np.where(there, np.arange(len(wanted)), -1)
        return data, order.reshape(self.steps, self.program.batch)

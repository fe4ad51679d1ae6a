"""What a row is between data and model: a table keeps one number a column, and the model unfolds it.

A stored row has a column's number in the model's space, the category's code (k for the k-th of K known ones, 0 for
one unknown), and NaN for a hole. Rows stay small on disk and in memory; one-hot vectors exist in a batch alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

UNKNOWN = 0  # the code of a category that training did not have
HIDDEN = 0.02  # share of category cells shown as unknown in a training step, so that its input weights are trained


@dataclass(frozen=True)
class Layout:
    """Rows of `shape`. A table's columns are numbers, but for those with `categories` K > 0.

    `holes`: a numeric column of which training rows lacked some: an input says where. `unseen`: what an unknown
    category is charged, nats; `known`: log of the probability that it is a known one. All are empty for images and
    arrays, which have no holes. `classes`: how many the labels name, where training uses them.
    """

    shape: tuple[int, ...]
    table: bool = False
    categories: tuple[int, ...] = ()
    holes: tuple[bool, ...] = ()
    unseen: tuple[float, ...] = ()
    known: tuple[float, ...] = ()
    classes: int = 0

    @property
    def trained_shape(self) -> tuple[int, ...]:
        """Of a row that is trained on: with its label, it is flat, and the class's number comes last (-1: none)."""
        return (prod(self.shape) + 1,) if self.classes else self.shape

    def parted(self, rows: Any) -> tuple[Any, Any]:
        """Rows that are trained on [batch, *trained_shape], as x [batch, *shape] and classes [batch], or None."""
        if not self.classes:
            return rows, None
        return rows[:, :-1].reshape(rows.shape[0], *self.shape), rows[:, -1]

    @cached_property
    def numeric(self) -> np.ndarray:
        """The indices of the numeric columns."""
        return np.array([j for j in range(prod(self.shape)) if not self._cards[j]], int)

    @cached_property
    def categorical(self) -> np.ndarray:
        """The indices of the columns with categories."""
        return np.array([j for j in range(prod(self.shape)) if self._cards[j]], int)

    @property
    def mixed(self) -> bool:
        """Whether any column has categories."""
        return any(self.categories)

    @property
    def unfolded(self) -> bool:
        """Whether the encoder sees more than the row itself."""
        return self.mixed or any(self.holes)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of what the encoder sees: numbers, a flag for each column with holes, K + 1 slots a category column."""
        if not self.unfolded:
            return self.shape
        return (len(self.numeric) + sum(self.holes) + sum(k + 1 for k in self.categories if k),)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Of what the decoder gives: a number a numeric column, K logits a category column."""
        return (len(self.numeric) + sum(self.categories),) if self.mixed else self.shape

    @property
    def numbers_shape(self) -> tuple[int, ...]:
        """Of the part of a row that the reconstruction speaks of: all of it, or the numeric columns."""
        return (len(self.numeric),) if self.mixed else self.shape

    def logit_slices(self) -> list[slice]:
        """Where the logits of each category column lie in the decoder's output."""
        ends = len(self.numeric) + np.cumsum([self.categories[j] for j in self.categorical], dtype=int)
        return [slice(int(end) - self.categories[j], int(end)) for j, end in zip(self.categorical, ends, strict=True)]

    def inputs(self, x: Any, xp: Any = np) -> Any:
        """What the encoder sees of rows x [batch, *shape]; `xp` is numpy or jax.numpy.

        A hole is 0 (the mean of a standardised column), and its flag 1; of a category column it is all zeros.
        """
        if not self.table:
            return x
        known = ~xp.isnan(x)
        filled = xp.where(known, x, xp.zeros((), x.dtype))
        if not self.unfolded:
            return filled
        parts = [filled[:, self.numeric]]
        if any(self.holes):
            parts.append((~known)[:, np.flatnonzero(self.holes)].astype(x.dtype))
        if self.mixed:
            owner, code = self._slots
            parts.append((x[:, owner] == code).astype(x.dtype))
        return xp.concatenate(parts, axis=1)

    @cached_property
    def _cards(self) -> tuple[int, ...]:
        return self.categories or (0,) * prod(self.shape)

    @cached_property
    def _slots(self) -> tuple[np.ndarray, np.ndarray]:
        """The column and the code of each one-hot input."""
        pairs = [(j, code) for j in self.categorical for code in range(self.categories[j] + 1)]
        owner, code = np.array(pairs, int).reshape(-1, 2).T
        return owner, code.astype(np.float32)


def layout_of(rows: Layout | tuple[int, ...]) -> Layout:
    """A layout as it is, or that of rows of plain numbers of this shape."""
    return rows if isinstance(rows, Layout) else Layout(tuple(rows))

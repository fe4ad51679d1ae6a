"""Where parameters come from: a key for each kernel, in the order in which they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Array, Key


class Keys:
    """The keys that flax's `Rngs` would draw, counted in Python.

    There the count is an array: in a trace, each step of it costs what has been traced before, and a deep network's
    parameters the square of their number.
    """

    def __init__(self, key: Key[Array, ""]):
        self._key, self._count = key, 0

    def params(self) -> Key[Array, ""]:
        """The next one."""
        self._count += 1
        return jax.random.fold_in(self._key, np.uint32(self._count - 1))

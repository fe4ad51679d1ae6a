"""Bare products: of several forms the fastest is chosen, and called again and again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence

Call = Callable[[], object]
TRIES, BETTER = 8, 1.3


def quickest(call: Call, limit: float) -> float:
    """The least seconds of some calls; of few where they are far above `limit`."""
    call()
    best = math.inf
    for number in range(TRIES):
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
        if number == 2 and best > BETTER * limit:
            break
    return best


def fastest(forms: Iterable[Call]) -> Call:
    """The form with the least seconds. They are made one by one: operands of all at once may not fit."""
    best, chosen = math.inf, None
    for call in forms:
        seconds = quickest(call, best)
        if seconds < best:
            best, chosen = seconds, call
    assert chosen is not None
    return chosen


def repeated(calls: Sequence[Call]) -> Callable[[int], float]:
    """So many times each; there is no loss."""

    def train(updates: int) -> float:
        for call in calls:
            for _ in range(updates):
                call()
        return math.nan

    return train

"""How many steps a compiled call takes."""

from __future__ import annotations

CHUNK_SECONDS = 0.5  # a signal is noticed between chunks


class Pace:
    """How many steps a chunk may have such that it fits into CHUNK_SECONDS, from one chunk to the next."""

    def __init__(self):
        self.length = 1

    def after(self, count: int, seconds: float) -> None:
        """Learn from a chunk of `count` steps."""
        self.length = max(1, min(4 * self.length, int(CHUNK_SECONDS * count / max(seconds, 1e-9))))

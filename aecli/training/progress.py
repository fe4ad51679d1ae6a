"""How training tells what it does: an observer that is only ever told, and may be silent."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives progress; a terminal shows a bar, a log a line now and then."""

    def advance(self, done: int, total: int, text: str) -> None:
        """`done` of `total` steps, and what the latest numbers are."""

    def say(self, text: str) -> None:
        """One line worth reading."""

    def warn(self, text: str) -> None:
        """One line on how far a result can be trusted."""


class Silent:
    """Tells nobody."""

    def advance(self, done: int, total: int, text: str) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """Nothing."""


def line_of(epoch: int, epochs: int, measured: dict[str, float]) -> str:
    """One line on an epoch."""
    names = (name for name in measured if name.endswith(("/loss", "/error")) or "/layer_" in name)
    shown = [f"{name} {measured[name]:.6g}" for name in names]
    return f"epoch {epoch}/{epochs}  " + "  ".join(shown)

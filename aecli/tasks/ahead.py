"""What a training needs once its rows are there, begun while they are read."""

from __future__ import annotations

from contextlib import suppress
from threading import Thread


def ahead() -> None:
    """Import JAX and start its devices in a thread of its own: reading and scaling leave a processor idle.

    Whoever imports it meanwhile waits for it; nothing that reads rows does, nor do they import what it imports. What
    fails here fails there again, and is told there.
    """
    Thread(target=_started, name="ahead").start()


def _started() -> None:
    with suppress(Exception):  # tried again by the training itself, which says what is wrong
        import jax

        import aecli.training.loop  # noqa: F401

        jax.devices()

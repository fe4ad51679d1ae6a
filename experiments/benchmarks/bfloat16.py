"""What bfloat16 costs in quality: the elbo on the test set after the same epochs from the same seed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from commands import result, start
from results import spread, table

EPOCHS = 10
PRECISIONS = ("float32", "bfloat16")


def elbo(peers: str | None, repeats: int) -> None:
    """A seed a repeat."""
    found: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    with tempfile.TemporaryDirectory() as name:
        for seed in range(repeats):
            for precision, values in found.items():
                values.append(reached(Path(name), seed, precision))
    rows = [(precision, spread(values)) for precision, values in found.items()]
    print(table(rows, ("precision", f"elbo of the test set after {EPOCHS} epochs, nats (of seeds)")))
    apart = [100 * abs(narrow / wide - 1) for wide, narrow in zip(*found.values(), strict=True)]
    print(f"bfloat16 is {spread(apart)} % away from float32 of the same seed")


def reached(folder: Path, seed: int, precision: str) -> float:
    """The elbo that a run ends with."""
    changes = (f"seed={seed}", f"training.precision={precision}", f"training.epochs={EPOCHS}")
    return result(start(folder, *changes, "--quiet"))["metrics"]["elbo"]

"""What bfloat16 costs in quality: the elbo on the test set after the same epochs from the same seed."""

from __future__ import annotations

import statistics
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
                process = start(
                    Path(name),
                    f"seed={seed}",
                    f"training.precision={precision}",
                    f"training.epochs={EPOCHS}",
                    "--quiet",
                )
                values.append(result(process)["metrics"]["elbo"])
    print(
        table([(name, spread(values)) for name, values in found.items()], ("precision", "test elbo, nats (of seeds)"))
    )
    apart = [100 * (narrow / wide - 1) for wide, narrow in zip(*found.values(), strict=True)]
    print(
        f"bfloat16's is larger in size by {spread(apart)} %; standard deviation of float32's over seeds "
        f"{statistics.stdev(found['float32']) if repeats > 1 else float('nan'):.2f} nats"
    )

"""What checkpoints cost a training: the MLP VAE saved after every epoch, and at its end alone."""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path

from commands import result, start
from results import ratios, spread, table

EPOCHS = 10
SAVED = {"after every epoch": 1, "at the end alone": EPOCHS}


def saving(peers: str | None, repeats: int) -> None:
    """`repeats` runs of `aecli train` of each, in turn, after one of each that does not count."""
    found: dict[str, list[float]] = {name: [] for name in SAVED}
    with tempfile.TemporaryDirectory() as name:
        for round_ in range(repeats + 1):
            for how, every in SAVED.items():
                seconds = trained(Path(name), every)
                if round_:
                    found[how].append(seconds)
    print(table([(how, spread(values)) for how, values in found.items()], ("saved", f"seconds of {EPOCHS} epochs")))
    often, once = found.values()
    apart = [100 * (ratio - 1) for ratio in ratios(often, once)]
    least = 100 * (min(often) / min(once) - 1)
    print(f"saving every epoch costs {spread(apart)} % round by round, {least:.2f} % by the fastest of each")
    print(f"(rounds of the same differ by {100 * statistics.stdev(once) / statistics.mean(once):.1f} %)")


def trained(folder: Path, every: int) -> float:
    """Seconds from the first step to the end of the last epoch."""
    changes = (f"training.epochs={EPOCHS}", f"training.checkpoint.every={every}", "--quiet")
    run = Path(result(start(folder, *changes))["run"])
    return json.loads((run / "run.json").read_text())["timings"]["train_seconds"]

"""A table scored tonight: fit on 100,000 rows of 30 columns, then 1,000,000 rows scored; aecli against PyOD, in turn.

    python experiments/benchmarks/table.py --peers .peers/bin/python --repeats 5

Both train 64-32 networks for ten epochs of batch 256 on standardised rows. aecli's seconds are those of the whole
fit: reading the file, compiling, training, threshold; PyOD's are of `fit` on an array that is in memory already.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FIT, SCORED, COLUMNS, FACTORS = 100_000, 1_000_000, 30, 8


def rows(count: int, seed: int) -> np.ndarray:
    """Correlated columns, x = tanh(z W) + noise; one row in a hundred is noise alone."""
    mixing = np.random.default_rng(0).normal(size=(FACTORS, COLUMNS))
    rng = np.random.default_rng(seed)
    x = np.tanh(rng.normal(size=(count, FACTORS)) @ mixing) + 0.1 * rng.normal(size=(count, COLUMNS))
    odd = rng.random(count) < 0.01
    x[odd] = rng.normal(size=(odd.sum(), COLUMNS))
    return x.astype(np.float32)


def with_aecli(folder: Path) -> dict[str, float]:
    """Fit from a file, score an array."""
    from aecli.tasks.anomaly import judge
    from aecli.tasks.anomaly.fit import fit
    from aecli.training.trained import open_trained

    config = {
        "name": "table",
        "data": {"source": str(folder / "fit.npy")},
        "model": {"encoder": {"kind": "mlp", "widths": [64, 32], "dropout": 0.2}, "bottleneck": {"size": 16}},
        "training": {"epochs": 10, "batch_size": 256},
    }
    new = np.load(folder / "new.npy")
    began = time.perf_counter()
    result, _ = fit(config, output=folder / "runs")
    fitted = time.perf_counter()
    verdict = judge(open_trained(result.run), new)
    scored = time.perf_counter()
    return {"fit": fitted - began, "score": scored - fitted, "mean": float(np.mean(verdict.scores))}


def with_pyod(folder: Path) -> dict[str, float]:
    """Fit and score arrays."""
    from pyod.models.auto_encoder import AutoEncoder

    x, new = np.load(folder / "fit.npy"), np.load(folder / "new.npy")
    model = AutoEncoder(hidden_neuron_list=[64, 32], epoch_num=10, batch_size=256, verbose=0)
    began = time.perf_counter()
    model.fit(x)
    fitted = time.perf_counter()
    scores = model.decision_function(new)
    return {"fit": fitted - began, "score": time.perf_counter() - fitted, "mean": float(np.mean(scores))}


def main() -> None:
    """Measure and print; `--role` is for the processes that this one starts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="the python of the peers' environment")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--role", choices=("aecli", "pyod"))
    parser.add_argument("--folder", type=Path)
    wanted = parser.parse_args()
    if wanted.role:
        print(json.dumps({"aecli": with_aecli, "pyod": with_pyod}[wanted.role](wanted.folder)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "fit.npy", rows(FIT, 1))
        np.save(folder / "new.npy", rows(SCORED, 2))
        pythons = {"aecli": sys.executable, **({"pyod": wanted.peers} if wanted.peers else {})}
        found: dict[str, list[dict[str, float]]] = {role: [] for role in pythons}
        for _ in range(wanted.repeats):
            for role, python in pythons.items():
                command = [python, __file__, "--role", role, "--folder", name]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found[role].append(json.loads(done.stdout.strip().splitlines()[-1]))
    for what in ("fit", "score"):
        for role, runs in found.items():
            seconds = [run[what] for run in runs]
            ratio = statistics.median(run[what] / ours[what] for run, ours in zip(runs, found["aecli"], strict=True))
            print(
                f"{what:6} {role:6} {statistics.median(seconds):8.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
                f"  aecli is {ratio:.1f}x"
            )


if __name__ == "__main__":
    main()

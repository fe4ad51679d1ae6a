"""A table of 30 columns: fit on 100,000 rows, 1,000,000 rows scored; aecli against PyOD, in turn, the same network.

30-64-32-64-30, relu, from the same start; Adam 1e-3, ten epochs of batch 256 of the same standardised rows. PyOD's
seconds are of `fit` and `decision_function` on arrays in memory. `aecli` is all that `aecli anomaly fit` does (reading
the file, checkpoints, measures, baselines, figures, threshold) and all that `anomaly score` does with an array (drift,
baselines, p-values); `aecli-alone` leaves out the figures, and of scoring all but standardisation and scores.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from contender import installed
from results import differs, ratios, spread
from results import table as table_of

WORKER = Path(__file__).parent / "contenders" / "table_worker.py"
OURS = ("aecli", "aecli-alone")
PYOD = ("pyod", "pyod-standardised")  # standardised by PyOD row by row, or before (timed too) as an array


def table(peers: str | None, repeats: int) -> None:
    """Each in a process of its own, in turn."""
    roles = (*OURS, *PYOD) if "pyod" in installed(peers) else OURS
    found: dict[str, list[dict[str, float]]] = {role: [] for role in roles}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "AECLI_CACHE": str(Path(folder) / "cache")}
        subprocess.run([sys.executable, str(WORKER), "write", folder], check=True, env=environment)
        for _ in range(repeats):
            for role, runs in found.items():
                command = [sys.executable if role in OURS else str(peers), str(WORKER), role, folder]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
                runs.append(json.loads(done.stdout.strip().splitlines()[-1]))
    report(found)


def report(found: dict[str, list[dict[str, float]]]) -> None:
    """Ratios to both of aecli's; a line is void where neither its loss nor its area is within 2 % of aecli's."""
    rows = []
    for role, runs in found.items():
        cells = [role]
        for what in ("fit", "score"):
            seconds = [run[what] for run in runs]
            cells.append(spread(seconds))
            for ours in OURS:
                cells.append("" if role in OURS else spread(ratios(seconds, [run[what] for run in found[ours]]), ".1f"))
        quality, same = ({what: middle(of, what) for what in ("loss", "roc_auc")} for of in (runs, found["aecli"]))
        void = "void" if all(differs(quality[what], same[what]) for what in quality) else ""
        rows.append((*cells, f"{quality['loss']:.3f}", f"{quality['roc_auc']:.4f}", void))
    against = [f"{ours} is (x)" for ours in OURS]
    print(table_of(rows, ("", "fit (s)", *against, "score (s)", *against, "loss of normal rows", "roc_auc", "")))
    print(f"aecli's first fit, which compiles its programs: {found['aecli'][0]['fit']:.2f} s")


def middle(runs: list[dict[str, float]], what: str) -> float:
    """The median of a number over the runs."""
    return statistics.median(run[what] for run in runs)

"""The most memory a process holds while it trains the MLP VAE of the first row, all rows resident."""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path

from commands import start
from contender import in_turn
from results import ratios, spread, table

WORKLOAD = "mlp_vae"
KEPT = "aecli-kept"  # with the programs that an earlier training compiled
WHOLE = "aecli train (the whole command)"


def memory(peers: str | None, repeats: int) -> None:
    """`repeats` processes of each, in turn."""
    peaks: dict[str, list[float]] = {}
    in_turn([(KEPT, WORKLOAD)], peers, 1)  # keeps its programs for those that are counted
    for _ in range(repeats):
        for series in in_turn([(name, WORKLOAD) for name in ("aecli", KEPT, "torch-eager", "torch-compile")], peers, 1):
            peaks.setdefault(series.contender, []).append(series.peak)
        peaks.setdefault(WHOLE, []).append(command())
    base = peaks.get("torch-eager")
    rows = [(name, spread(found), spread(ratios(found, base)) if base else "") for name, found in peaks.items()]
    print(table(rows, ("process", "GiB at most", "times torch-eager's")))
    if base:
        most = 1.2 * statistics.median(base)
        print(f"1.2 times PyTorch's would be {most:.2f} GiB")


def command() -> float:
    """GiB of `aecli train` from reading the files to measures and figures; its parent, this process, is smaller."""
    with tempfile.TemporaryDirectory() as name:
        process = start(Path(name), "--quiet")
        assert process.stdout is not None
        process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"aecli train ended with {process.returncode}")
    return usage.ru_maxrss / 2**20

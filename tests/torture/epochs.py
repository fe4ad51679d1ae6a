"""Very many short epochs with checkpoints: the memory and the files of a training do not grow with them.

    python -m tests.torture.epochs [--epochs 20000]

Samples a training's resident memory and the number of files of its run a few times a second, while epochs are logged:
what measures the trained run afterwards is imported only then. Prints both over time, and exits with 1 where the last
tenth needs more than the second tenth: more than 5 MB of memory, or a checkpoint's files.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

CONFIG = """
data: {source: digits, classes: [0]}
model: {encoder: {widths: [8]}, bottleneck: {size: 2}}
training: {epochs: EPOCHS, batch_size: 128, checkpoint: {every: 1, keep: 2}}
"""
ROOT, MEMORY, EVERY = Path(__file__).parents[2], 5.0, 0.25


class Sample(NamedTuple):
    """At one moment: seconds since the start, megabytes, files, bytes of the log."""

    seconds: float
    memory: float
    files: int
    log: int


def sampled(epochs: int, folder: Path) -> list[Sample]:
    """A training in a process of its own, looked at every `EVERY` seconds from its first logged epoch to its last."""
    config = folder / "epochs.yaml"
    config.write_text(CONFIG.replace("EPOCHS", str(epochs)))
    command = [sys.executable, "-m", "tests.torture.child", str(config), str(folder / "runs")]
    environment, began = {**os.environ, "PYTHONPATH": str(ROOT)}, time.monotonic()
    found: list[Sample] = []
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as child:
        while child.poll() is None:
            time.sleep(EVERY)
            log = next((folder / "runs").rglob("metrics.jsonl"), None)
            status = Path(f"/proc/{child.pid}/status").read_text() if child.poll() is None else ""
            kept = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
            if log is not None and kept:
                files = sum(path.is_file() for path in log.parent.rglob("*"))
                found.append(Sample(time.monotonic() - began, int(kept[0]) / 1024, files, log.stat().st_size))
    if child.returncode:
        raise SystemExit(f"the training ended with {child.returncode}")
    lines = next((folder / "runs").rglob("metrics.jsonl")).read_bytes().count(b"\n")
    print(f"{lines} records in {time.monotonic() - began:.0f} s")
    return [sample for sample in found if 0 < sample.log < found[-1].log]


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = sampled(wanted.epochs, Path(name))
    tenth = max(len(found) // 10, 1)
    for sample in found[::tenth]:
        print(f"{sample.seconds:6.0f} s  {sample.memory:7.1f} MB  {sample.files:3} files  log {sample.log:,} bytes")
    early, late = found[tenth : 2 * tenth] or found, found[-tenth:]
    memory = [statistics.median(sample.memory for sample in part) for part in (early, late)]
    files = [max(sample.files for sample in part) for part in (early, late)]
    print(f"memory {memory[0]:.1f} MB early, {memory[1]:.1f} MB late; at most {files[0]} files early, {files[1]} late")
    return int(memory[1] - memory[0] > MEMORY or files[1] > files[0] + 3)


if __name__ == "__main__":
    sys.exit(main())

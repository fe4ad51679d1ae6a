"""Signals at random instants of every long command: it ends within five seconds, and nothing is half written.

    python -m tests.torture.stop [--each 6]

SIGINT and SIGTERM in turn, from the first import to the last figure. Each command must end with 130 or 143 (or 0 where
it was done before), without a traceback; its output is there whole or not at all; a training goes on afterwards. Prints
a tally with the longest wait, and exits with 1 where one of this does not hold.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
CONFIG = """
data: {source: digits}
model: {encoder: {kind: resnet, channels: [8, 16], norm: batch}, bottleneck: {kind: gaussian, size: 4}}
training: {epochs: EPOCHS}
"""
# A process that was started in the background of a shell ignores SIGINT: here it is heard all the same.
PROGRAM = "import signal, runpy; signal.signal(signal.SIGINT, signal.default_int_handler); runpy.run_module('aecli')"
LIMIT = 5.0


class Place:
    """A folder with a config, a run, and many rows like its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "c.yaml").write_text(CONFIG.replace("EPOCHS", "3"))
        (folder / "long.yaml").write_text(CONFIG.replace("EPOCHS", "1000"))
        ended, _ = self.run("train", "c.yaml")
        self.trained = ended.stdout.split()[-1]
        np.save(folder / "rows.npy", np.random.default_rng(0).uniform(size=(60_000, 64)).astype(np.float32))
        self.commands = {
            "train, all compiled anew": ("train", "long.yaml"),
            "train": ("train", "long.yaml"),
            "eval": ("eval", self.trained, "--data", "rows.npy", "--metrics", "reconstruction,likelihood"),
            "embed": ("embed", self.trained, "--data", "rows.npy", "--output", "out.csv"),
            "reconstruct": ("reconstruct", self.trained, "--data", "rows.npy", "--output", "out.npy"),
            "sample": ("sample", self.trained, "--count", "200000", "--output", "out.npy"),
            "anomaly score": ("anomaly", "score", self.trained, "--data", "rows.npy", "--output", "out.csv"),
            "report": ("report", self.trained, "--output", "out.html"),
        }

    def run(
        self, *words: str, after: float | None = None, number: signal.Signals = signal.SIGTERM, cache: str = "cache"
    ) -> tuple[subprocess.CompletedProcess[str], float]:
        """One command, and how long it took to end from a signal after so many seconds."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "AECLI_CACHE": str(self.folder / cache)}
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words], cwd=self.folder, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        waited = 0.0
        try:
            out, err = child.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            began = time.monotonic()
            child.send_signal(number)
            out, err = child.communicate()
            waited = time.monotonic() - began
        return subprocess.CompletedProcess(words, child.returncode, out, err), waited

    def stopped(self, name: str, after: float, number: signal.Signals) -> tuple[list[str], float, int]:
        """What is wrong once the command was stopped then, how long that took, and its exit code."""
        cache = "cold" if "anew" in name else "cache"
        shutil.rmtree(self.folder / "cold", ignore_errors=True)
        before = set(self.folder.rglob("*.npy")) | set(self.folder.glob("out.*"))
        ended, waited = self.run(*self.commands[name], after=after, number=number, cache=cache)
        code = 130 if number == signal.SIGINT else 143
        early = after < 0.5 and ended.returncode in (-number, 1)  # before any line of aecli had run
        left = [path for path in self.folder.rglob(".tmp-*") if "cache" not in path.parts and "cold" not in path.parts]
        wrong = {
            f"exit {ended.returncode}": ended.returncode not in (code, 0) and not early,
            f"{waited:.1f} s": waited > LIMIT,
            "a traceback": "Traceback" in ended.stderr and not early,
            f"left behind: {left}": bool(left),
            "an output of a command that failed": bool(ended.returncode) and set(self.folder.glob("out.*")) > before,
        }
        for path in self.folder.glob("out.*"):
            path.unlink()
        return [what for what, holds in wrong.items() if holds], waited, ended.returncode


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        place, dice = Place(Path(name)), random.Random(wanted.seed)
        for command in place.commands:
            codes, longest = Counter(), 0.0
            for k in range(wanted.each):
                number, after = (signal.SIGINT, signal.SIGTERM)[k % 2], dice.uniform(0.2, 8.0)
                wrong, waited, code = place.stopped(command, after, number)
                codes[code] += 1
                longest = max(longest, waited)
                if wrong:
                    failed += 1
                    print(f"{command}, {number.name} after {after:.2f} s: {', '.join(wrong)}", flush=True)
            counts = ", ".join(f"{count} with {code}" for code, count in sorted(codes.items()))
            print(f"{command:26} {counts}; the longest wait {longest:.1f} s", flush=True)
        resumed, _ = place.run("resume", "latest", "training.epochs=2")
        print(f"resume after all that: exit {resumed.returncode}")
        failed += resumed.returncode not in (0, 2)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

"""aecli against every peer that is installed: the same training in turn (A B A B), medians of ratios, losses beside.

    python experiments/benchmarks/compare.py --peers .peers/bin/python --repeats 5 [WORKLOAD...]

Peers run in the environment of `--peers` (peers.txt beside this file), each in a process of its own that waits while
another works. A row whose final loss differs from aecli's by more than 2 % is void.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from workloads import WORKLOADS

HERE = Path(__file__).parent
VOID = 0.02
TORCH = ("torch-eager", "torch-compile")
CONTENDERS = {
    "mlp_vae": (*TORCH, "pythae", "keras"),
    "mlp_vae_bf16": ("torch-bf16", "torch-compile+bf16"),
    "conv_ae": (*TORCH, "torch-channels_last", "torch-channels_last+compile"),
    "conv_vae": (*TORCH, "torch-channels_last", "torch-channels_last+compile"),
    "contractive": ("torch-eager",),
    "plain": (),
}


class Contender:
    """A process that trains a round whenever it is told to."""

    def __init__(self, python: str, name: str, workload: str):
        self.name, self.rounds = name, []
        command = [python, str(HERE / "contenders" / "worker.py"), name, workload]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.alive = bool(self._answer())

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        return {}

    def _ask(self, word: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self._answer()

    def go(self) -> None:
        """A round."""
        self.rounds.append(self._ask("go"))

    def end(self) -> float:
        """Ended; the most memory it had, GiB."""
        peak = self._ask("end")["peak_gib"]
        self.process.wait()
        return peak

    @property
    def speeds(self) -> list[float]:
        """Examples per second of each round."""
        return [r["examples"] / r["seconds"] for r in self.rounds]


def compare(workload: str, peers: str | None, repeats: int) -> None:
    """A table of one workload."""
    print(f"\n## {workload}: {WORKLOADS[workload]}")
    wanted = [(sys.executable, "aecli"), *((peers, name) for name in CONTENDERS[workload] if peers)]
    all_of = [Contender(str(python), name, workload) for python, name in wanted]
    for contender in all_of:
        if not contender.alive:
            print(f"{contender.name}: could not start (its error is above)")
    running = [contender for contender in all_of if contender.alive]
    for _ in range(repeats):
        for contender in running:
            contender.go()
    ours = running[0]
    print(f"{'contender':30} {'examples/s':>12} {'(least to most)':>20} {'aecli is':>10} {'loss':>10} {'GiB':>6}")
    for contender in running:
        speed, loss = contender.speeds, contender.rounds[-1]["loss"]
        ratios = [a / b for a, b in zip(ours.speeds, speed, strict=True)]
        void = "" if abs(loss / ours.rounds[-1]["loss"] - 1) <= VOID else "  void: another loss"
        spread = f"({min(speed):,.0f} to {max(speed):,.0f})"
        print(
            f"{contender.name:30} {statistics.median(speed):12,.0f} {spread:>20} {statistics.median(ratios):9.2f}x "
            f"{loss:10.3f} {contender.end():6.2f}{void}"
        )
    if WORKLOADS[workload].kind == "mlp" and not WORKLOADS[workload].contractive:
        found = subprocess.run(
            [sys.executable, str(HERE / "peak_products.py"), workload], capture_output=True, text=True, check=True
        )
        peak = json.loads(found.stdout)
        step = 1e3 * WORKLOADS[workload].batch / statistics.median(ours.speeds)
        print(
            f"products alone: {peak['milliseconds']:.2f} ms a step ({peak['gigaflops']:.0f} GFLOP/s), "
            f"{100 * peak['milliseconds'] / step:.0f} % of aecli's {step:.2f} ms"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS))
    parser.add_argument("--peers", help="the python of the peers' environment")
    parser.add_argument("--repeats", type=int, default=5)
    wanted = parser.parse_args()
    for workload in wanted.workloads:
        compare(workload, wanted.peers, wanted.repeats)


if __name__ == "__main__":
    main()

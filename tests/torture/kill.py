"""Kill trainings at any instant, resume them, and compare what they leave with what an uninterrupted one leaves.

    python -m tests.torture.kill [--instants 100] [--failpoints 100] [--only stacked]

Both numbers are divided over the workloads. Prints a tally, and exits with 1 where one byte differs.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
WILD = (2, 700)  # rows that no step can be taken with: the streamed training leaves these steps out
TRAINING = "epochs: 12, batch_size: 64, checkpoint: {every: 2, keep: 2}"
ADAM = "optimizer: {kind: adam, learning_rate: {kind: cosine, start: 3e-3, end: 0.0}}"
WORKLOADS = {
    "mlp": f"""
data: {{source: digits}}
model: {{encoder: {{widths: [48], norm: batch, dropout: 0.1}}, bottleneck: {{size: 4}}}}
objective: {{corruption: {{kind: masking, rate: 0.2}}, penalties: [{{kind: code_l1, weight: 1e-3}}]}}
training: {{{TRAINING}, {ADAM}, average: {{kind: ema, decay: 0.9}}, stop_early: {{patience: 4}}}}
evaluation: {{metrics: []}}
""",
    "vae": f"""
data: {{source: digits}}
model: {{encoder: {{widths: [48]}}, bottleneck: {{kind: gaussian, size: 4}}}}
objective: {{reconstruction: bernoulli, rate: {{weight: {{kind: linear, start: 0.0, end: 1.0, steps: 150}}}}}}
training: {{{TRAINING}, {ADAM}}}
evaluation: {{metrics: []}}
""",
    "conv": f"""
data: {{source: digits}}
model: {{encoder: {{kind: conv, channels: [4, 8], norm: batch}}, bottleneck: {{size: 4}}}}
training: {{{TRAINING}, {ADAM}}}
evaluation: {{metrics: []}}
""",
    "stacked": f"""
data: {{source: digits}}
model: {{encoder: {{widths: [32, 16], activation: sigmoid, tied: true}}, bottleneck: {{size: 4}}}}
training: {{epochs: 4, batch_size: 64, checkpoint: {{every: 2, keep: 2}}, {ADAM}, average: {{kind: ema, decay: 0.9}},
  pretrain: {{kind: greedy, epochs: 2, corruption: {{kind: gaussian, scale: 0.1}}}}, supervised: {{epochs: 3}}}}
evaluation: {{metrics: []}}
""",
    "streaming": f"""
data: {{source: rows.npy, residency: streamed, scale: none}}
model: {{encoder: {{widths: [32]}}, bottleneck: {{size: 3}}}}
training: {{{TRAINING}, {ADAM}, on_divergence: skip}}
evaluation: {{metrics: []}}
""",
}


@dataclass(frozen=True)
class Workload:
    """A config in a folder, and what a training in one go leaves."""

    config: Path
    whole: dict[str, bytes]
    seconds: float
    failpoints: int

    @classmethod
    def begun(cls, name: str, folder: Path) -> Workload:
        """Trained once in one go, and once more with its failpoints counted."""
        folder.mkdir(parents=True)
        config = folder / f"{name}.yaml"
        config.write_text(WORKLOADS[name])
        if name == "streaming":
            rows = np.random.default_rng(0).normal(size=(1500, 12)).astype(np.float32)
            rows[list(WILD)] = 1e25
            np.save(folder / "rows.npy", rows)
        started(config, folder / "warm").communicate()  # compiled programs are kept
        began = time.perf_counter()
        child = started(config, folder / "whole")
        child.communicate()
        seconds = time.perf_counter() - began
        counted = started(config, folder / "counted", 0)
        out, err = counted.communicate()
        assert child.returncode == counted.returncode == 0, err
        whole = left(folder / "whole")
        assert whole == left(folder / "counted")
        return cls(config, whole, seconds, int(out.split()[-1]))


def started(config: Path, output: Path, at: int | None = None) -> subprocess.Popen[str]:
    """A training of the config into `output`, or the rest of one."""
    words = [sys.executable, "-m", "tests.torture.child", config.name, str(output.resolve())]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [*words, *([] if at is None else [str(at)])], cwd=config.parent, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def left(output: Path) -> dict[str, bytes]:
    """What must be equal: log and checkpoints; and no file in the run but the known ones."""
    (record,) = output.rglob("run.json")
    run = record.parent
    known = {"run.json", "config.yaml", "features.json", "metrics.jsonl", ".lock"}
    found = {str(path.relative_to(run)): path for path in sorted(run.rglob("*")) if path.is_file()}
    strange = [name for name in found if name not in known and name.split("/")[0] not in ("checkpoints", "events")]
    kept = {n: p.read_bytes() for n, p in found.items() if n == "metrics.jsonl" or n.startswith("checkpoints/")}
    return {**kept, **{f"left behind: {name}": b"" for name in strange}}


def killed_at_instants(work: Workload, output: Path, dice: random.Random) -> list[float]:
    """Killed one to four times at random instants, then let go on to the end; the instants."""
    instants = [dice.uniform(0.0, 1.1 * work.seconds) for _ in range(dice.randint(1, 4))]
    for seconds in instants:
        child = started(work.config, output)
        try:
            child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
    return instants


def killed_at_failpoint(work: Workload, output: Path, at: int) -> None:
    """Killed by itself at its failpoint `at`, and again at its seventh after that."""
    for point in (at, 7):
        child = started(work.config, output, point)
        _, err = child.communicate()
        assert child.returncode in (0, -9), err


def ended(work: Workload, output: Path) -> str:
    """Let it go on to its end; what became of it: "equal", or what differs."""
    child = started(work.config, output)
    _, err = child.communicate()
    if child.returncode:
        return f"exit {child.returncode}: {err.strip().splitlines()[-1] if err.strip() else ''}"
    found = left(output)
    wrong = sorted(n for n in {*found, *work.whole} if found.get(n) != work.whole.get(n))
    return f"different: {', '.join(wrong)}" if wrong else "equal"


def spread(count: int, most: int) -> list[int]:
    """Failpoints 1 to `most`, evenly; each once where there are fewer than `count`."""
    return sorted({round(1 + i * (most - 1) / max(count - 1, 1)) for i in range(min(count, most))})


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instants", type=int, default=100)
    parser.add_argument("--failpoints", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=WORKLOADS, action="append", help="these trainings, each with its share")
    wanted = parser.parse_args()
    tally: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as name:
        for i, kind in enumerate(WORKLOADS):
            if wanted.only and kind not in wanted.only:
                continue
            work, dice = Workload.begun(kind, Path(name) / kind), random.Random(f"{wanted.seed} {kind}")
            print(f"{kind}: {work.seconds:.1f} s in one go, {work.failpoints} failpoints", flush=True)
            for k in range(i, wanted.instants, len(WORKLOADS)):
                output = work.config.parent / f"instants-{k}"
                instants = killed_at_instants(work, output, dice)
                tally[f"{kind}, at instants", told(ended(work, output), f"killed after {instants} s")] += 1
            for point in spread(-(-wanted.failpoints // len(WORKLOADS)), work.failpoints):
                output = work.config.parent / f"point-{point}"
                killed_at_failpoint(work, output, point)
                tally[f"{kind}, at failpoints", told(ended(work, output), f"failpoint {point}")] += 1
    for (what, outcome), count in sorted(tally.items()):
        print(f"{what:28} {outcome:8} {count}")
    wrong = sum(count for (_, outcome), count in tally.items() if outcome != "equal")
    print(f"{sum(tally.values()) - wrong} of {sum(tally.values())} equal to the last byte")
    return int(wrong > 0)


def told(outcome: str, how: str) -> str:
    """The outcome; how it came about where it is not as it should be."""
    if outcome != "equal":
        print(f"{how}: {outcome}", flush=True)
    return "equal" if outcome == "equal" else "NOT"


if __name__ == "__main__":
    sys.exit(main())

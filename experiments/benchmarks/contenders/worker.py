"""One contender in a process of its own: prints ready, then a round's seconds and loss for each line it reads.

python worker.py CONTENDER WORKLOAD SEED
"""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from workloads import named, rows  # noqa: E402


def main() -> None:
    """One update for its loss, one round to warm up, then as many as are asked for."""
    contender, name, seed = sys.argv[1:4]
    module, _, variant = contender.partition("-")
    work = named(name)
    train = import_module(f"{module}_contender").prepare(work, rows(work), variant, int(seed))
    first = train(1)
    train(work.updates)
    print(json.dumps({"ready": contender, "first": first}), flush=True)
    for line in sys.stdin:
        if line.strip() == "end":
            break
        began = time.perf_counter()
        loss = train(work.updates)
        seconds = time.perf_counter() - began
        print(json.dumps({"seconds": seconds, "examples": work.updates * work.batch, "loss": loss}), flush=True)
    print(json.dumps({"peak_gib": peak() / 2**30}), flush=True)


def peak() -> int:
    """The most memory this process had resident, bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # of this program alone: what `getrusage` tells includes the parent's, from before exec
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()

"""One contender in a process of its own: prints ready, then a round's seconds and loss for each line it reads.

python worker.py CONTENDER WORKLOAD
"""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from workloads import WORKLOADS, rows  # noqa: E402


def main() -> None:
    """Set up, warm up with one round, then answer."""
    contender, name = sys.argv[1:3]
    module, _, variant = contender.partition("-")
    work = WORKLOADS[name]
    round_of = import_module(f"{module}_contender").prepare(work, rows(name), variant)
    round_of()
    print(json.dumps({"ready": contender}), flush=True)
    for line in sys.stdin:
        if line.strip() == "end":
            break
        began = time.perf_counter()
        loss = round_of()
        seconds = time.perf_counter() - began
        print(json.dumps({"seconds": seconds, "examples": work.updates * work.batch, "loss": loss}), flush=True)
    print(json.dumps({"peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}), flush=True)


if __name__ == "__main__":
    main()

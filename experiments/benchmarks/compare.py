"""aecli against every peer that is installed: the same training in turn (A B A B), medians of ratios, losses beside.

    python experiments/benchmarks/compare.py [--peers .peers/bin/python] [--repeats 5] [ROW...]

Peers run in the environment of `--peers` (peers.txt beside this file), each in a process of its own that waits while
another works. A line whose loss differs from aecli's by more than 2 % is void. README.md says how to read each row.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bfloat16 import elbo
from contender import installed
from growth import SIZES, growth
from memory import memory
from saving import saving
from shell import shell
from table import table
from training import CONTENDERS, LONGER, compare, contractive, gpu

PEERS = Path(".peers/bin/python")
ROWS: dict[str, Callable[[str | None, int], None]] = {
    **{name: partial(compare, name) for name in CONTENDERS},
    "bfloat16_elbo": elbo,
    "contractive": contractive,
    "table": table,
    "shell": shell,
    "memory": memory,
    "saving": saving,
    **{f"gpu_{name}": partial(gpu, name) for name in LONGER},
    **{f"growth_{what}": partial(growth, what) for what in SIZES},
}


def machine() -> str:
    """What it runs on, and how busy that is with other work."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    load = f"load {os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "load unknown"
    return f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} processors, {model}, {load}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; all where none is named")
    parser.add_argument("--peers", help=f"the python of the peers' environment ({PEERS} where there is one)")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of each contender")
    wanted = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    if unknown := set(wanted.rows) - set(ROWS):
        parser.error(f"no row is called {', '.join(sorted(unknown))}: there are {', '.join(ROWS)}")
    peers = wanted.peers or (str(PEERS) if PEERS.exists() else None)
    print(f"peers found: {', '.join(sorted(installed(peers))) or 'none'}")
    for row in wanted.rows or ROWS:
        print(f"\n## {row} ({machine()})\n")
        ROWS[row](peers, wanted.repeats)


if __name__ == "__main__":
    main()

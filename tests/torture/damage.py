"""Damage every file of a checkpoint in every way, and see that it is never silently wrong.

    python -m tests.torture.damage [--flips 50]

Each damage is done to the newest of three checkpoints: it must be named, and the one before it used. Then to all three:
exit code 4. Prints a tally, and exits with 1 where something passed for whole.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from aecli.config.problems import DamagedError
from aecli.training import checkpoint

CONFIG = {
    "data": {"source": "digits"},
    "model": {"encoder": {"widths": [8]}, "bottleneck": {"size": 2}},
    "training": {"epochs": 3, "batch_size": 256, "checkpoint": {"keep": 3}},
}
FILES = (checkpoint.STATE, checkpoint.MEMORY, checkpoint.MANIFEST)
Harm = Callable[[Path], object]


def harms(size: int, flips: int, dice: random.Random) -> Iterator[tuple[str, Harm]]:
    """Each damage, and what does it to a file of this size."""
    yield "emptied", lambda path: path.write_bytes(b"")
    yield "deleted", lambda path: path.unlink()
    for _ in range(flips):
        length, place, bit = dice.randrange(size), dice.randrange(size), 1 << dice.randrange(8)
        yield "truncated", lambda path, n=length: path.write_bytes(path.read_bytes()[:n])
        yield "bit flipped", lambda path, at=place, b=bit: path.write_bytes(flipped(path.read_bytes(), at, b))


def flipped(content: bytes, at: int, bit: int) -> bytes:
    """One bit of it the other way."""
    return content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]


def outcome(folder: Path, name: str, harm: Harm, scratch: Path) -> str:
    """What loading says once the newest checkpoint, and then once every one is damaged so."""
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(folder, scratch)
    *_, before, newest = checkpoint.steps(scratch)
    told: list[str] = []
    harm(scratch / str(newest) / name)
    found = checkpoint.latest_good(scratch, told.append)
    if found is None or found[0] != before or len(told) != 1 or "damaged" not in told[0] or str(newest) not in told[0]:
        return f"WRONG: step {found and found[0]} was taken, told {told}"
    if not any(known in told[0] for known in FILES):
        return f"WRONG: no file is named in {told}"
    for step in checkpoint.steps(scratch)[:-1]:
        harm(scratch / str(step) / name)
    try:
        checkpoint.latest_good(scratch, told.append)
    except DamagedError as error:
        return "named, the one before used; exit 4 where none is left" if error.exit_code == 4 else "WRONG: exit code"
    return "WRONG: a damaged checkpoint passed for whole"


def damaged(flips: int, seed: int, folder: Path) -> Counter[tuple[str, str, str]]:
    """How often each outcome was, by file and damage, in checkpoints of a run trained below `folder`."""
    from aecli.tasks.train import train

    run = train(CONFIG, output=folder / "runs", figures=False).run
    tally: Counter[tuple[str, str, str]] = Counter()
    for name in FILES:
        size = min(path.stat().st_size for path in run.checkpoints.rglob(name))
        for kind, harm in harms(size, flips, random.Random(f"{seed} {name}")):
            tally[name, kind, outcome(run.checkpoints, name, harm, folder / "scratch")] += 1
    return tally


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=50, help="bits flipped, and lengths cut to, in each file")
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        tally = damaged(wanted.flips, wanted.seed, Path(name))
    for (file, kind, found), count in sorted(tally.items()):
        print(f"{file:18} {kind:12} {count:4}  {found}")
    wrong = sum(count for (*_, found), count in tally.items() if found.startswith("WRONG"))
    print(f"{tally.total() - wrong} of {tally.total()} never silently wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

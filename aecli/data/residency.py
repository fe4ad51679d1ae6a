"""Where rows live while a model trains on them: on the device, in memory beside it, or on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aecli.data.spec import Residency

SHARE = 0.1  # of the free memory that float32 rows may take: reading and scaling need several times as much
PLENTY = 2**26  # float32 bytes that are read whole wherever they come from


@dataclass(frozen=True)
class Choice:
    """`place` is device, host or streamed; `why` is for the user."""

    place: Residency
    why: str


ASKED = "data.residency says so"
SMALL = Choice("device", "small")


def choose(asked: Residency, size: int | None, free: int | None = None) -> Choice:
    """Where rows of `size` bytes (as float32; None: not known before they are read) should live.

    What is not streamed is read whole; whether a device has room for it is seen when there is a device.
    """
    if asked != "auto":
        return Choice(asked, ASKED)
    if size is None or size <= PLENTY:
        return SMALL
    free = available() if free is None else free
    if free is not None and size > SHARE * free:
        return Choice("streamed", f"{size / 2**30:.1f} GiB of rows, {free / 2**30:.1f} GiB of memory free")
    return Choice("device", "it fits")


def available() -> int | None:
    """Bytes of memory that are free for this process: the system's, or what its control group leaves."""
    found = [_meminfo(), _cgroup()]
    known = [value for value in found if value is not None]
    return min(known) if known else None


def _meminfo(path: Path = Path("/proc/meminfo")) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:  # not Linux: what the memory is cannot be told, so rows are read whole
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _cgroup(folder: Path = Path("/sys/fs/cgroup")) -> int | None:
    try:
        limit, used = (folder / "memory.max").read_text().strip(), (folder / "memory.current").read_text().strip()
    except OSError:  # no control group, or one of another version
        return None
    if not (limit.isdecimal() and used.isdecimal()):
        return None
    stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    return int(limit) - int(used) + int(stat.get("inactive_file", 0))  # cached files make way

"""Who was at what when: a trace's operations on each thread of a CPU, or each stream of an accelerator.

On a CPU, XLA runs a program's operations on threads of a pool: an event there names the HLO instruction
(`hlo_op`) and its program (`hlo_module`). A large operation hands pieces of itself to other threads, where they are
regions without a name; where a piece was handed over and where it is run bear one number, by which it is known whose
it is. What a `ThunkExecutor` does besides running operations is scheduling them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

STEPS = "aecli:steps"  # what the loop calls the time from a chunk's dispatch to its end
SCHEDULING, MOVING, FOREIGN = "*scheduling", "*moving", "*foreign"  # no instruction is called so
_EXECUTOR = "ThunkExecutor::Execute"
_BEGIN, _END, _HANDED = (f"ThreadpoolListener::{word}" for word in ("StartRegion", "StopRegion", "Record"))
_DERIVED = (
    "Steps", "XLA Modules", "XLA TraceMe", "Framework Ops", "Framework Name Scope", "Source code", "Async XLA Ops",
    "Launch Stats", "Host Offload Ops",
)  # fmt: skip


class Span(NamedTuple):
    """What a thread or stream was at from `start` to `stop`, in nanoseconds: an HLO instruction, or a word from above.

    A number is the piece of an operation that was handed over under it.
    """

    start: float
    stop: float
    what: str | int


@dataclass(frozen=True)
class Trace:
    """Chunks of steps as intervals of time; for each thread or stream spans in order, none over another.

    `device` is the plane they are from, None where the trace has no operations at all.
    """

    windows: list[tuple[float, float]]
    tracks: list[list[Span]]
    device: str | None


def read(file: Path, module: str) -> Trace:
    """The trace in an .xplane.pb file, of the program called `module`; operations of others are FOREIGN."""
    from jax.profiler import ProfileData

    planes = {plane.name: plane for plane in ProfileData.from_file(str(file)).planes}
    host = planes.get("/host:CPU")
    windows = sorted(
        (event.start_ns, event.start_ns + event.duration_ns)
        for line in (host.lines if host else ())
        for event in line.events
        if event.name == STEPS
    )
    for name, plane in sorted(planes.items()):
        if name.startswith("/device:") and "CUSTOM" not in name and (tracks := _on_device(plane, module)):
            return Trace(windows, tracks, name)
    tracks = _on_threads(host, module) if host else []
    return Trace(windows, tracks, "/host:CPU" if tracks else None)


def _on_device(plane: Any, module: str) -> list[list[Span]]:
    """The streams of a GPU, or the line of operations of a TPU; lines made from others are left out."""
    lines = [line for line in plane.lines if line.name not in _DERIVED]
    lines = [line for line in lines if line.name == "XLA Ops"] or lines
    found = []
    for line in lines:
        events = [(e.start_ns, e.start_ns + e.duration_ns, _kernel(e, module)) for e in line.events]
        found.append(innermost(Span(*event) for event in events))
    return [spans for spans in found if spans]


def _kernel(event: Any, module: str) -> str:
    stats = dict(event.stats)
    if str(stats.get("hlo_module", module)).split("(")[0] != module:
        return FOREIGN
    if "hlo_op" not in stats and event.name.lower().startswith(("memcpy", "memset")):
        return MOVING
    return str(stats.get("hlo_op", event.name.split(" = ")[0].lstrip("%")))


def _on_threads(plane: Any, module: str) -> list[list[Span]]:
    """Spans of each thread that ran operations or pieces of them; tasks that no operation handed over are left out."""
    lines, owners = [], {}
    for line in plane.lines:
        spans, handed = _thread(line.events, module)
        owners |= owned(spans, handed)
        lines.append(spans)
    named = [[Span(s.start, s.stop, what) for s in spans if (what := _owner(s.what, owners))] for spans in lines]
    return [spans for spans in named if spans]


def _thread(events: Iterable[Any], module: str) -> tuple[list[Span], list[tuple[float, int]]]:
    """A thread's spans, and when it handed over which piece."""
    found, handed, opened = [], [], None
    for event in sorted(events, key=lambda e: e.start_ns):
        name, start = event.name, event.start_ns
        if name == _EXECUTOR:
            found.append(Span(start, start + event.duration_ns, SCHEDULING))
        elif name == _HANDED:
            handed.append((start, dict(event.stats).get("_p", -1)))
        elif name == _BEGIN:
            opened = start, dict(event.stats).get("_c", -1)
        elif name == _END and opened:
            found.append(Span(opened[0], start, opened[1]))
            opened = None
        elif not name.startswith(("end: ", "ThreadpoolListener")) and "hlo_op" in (stats := dict(event.stats)):
            own = stats.get("hlo_module") == module
            found.append(Span(start, start + event.duration_ns, stats["hlo_op"] if own else FOREIGN))
    return innermost(found), handed


def owned(spans: list[Span], handed: list[tuple[float, int]]) -> dict[int, str | int]:
    """What the thread was at when it handed over each piece, where it was at anything."""
    starts, found = [span.start for span in spans], {}
    for at, piece in handed:
        index = bisect_right(starts, at) - 1
        if index >= 0 and at <= spans[index].stop:
            found[piece] = spans[index].what
    return found


def _owner(what: str | int | None, owners: Mapping[int, str | int]) -> str | None:
    """Whose piece a piece of a piece is; None where nobody is known to have handed it over."""
    seen = set()
    while isinstance(what, int):
        seen.add(what)
        what = None if owners.get(what) in seen else owners.get(what)
    return what


def innermost(spans: Iterable[Span]) -> list[Span]:
    """Nested spans cut such that at each moment only the innermost is left."""
    found: list[Span] = []
    stack: list[Span] = []
    now = 0.0

    def until(moment: float) -> None:
        nonlocal now
        while stack and now < moment:
            stop = min(stack[-1].stop, moment)
            if stop > now:
                found.append(Span(now, stop, stack[-1].what))
                now = stop
            if stack[-1].stop <= now:
                stack.pop()
        now = max(now, moment)

    for span in sorted(spans, key=lambda s: (s.start, -s.stop)):
        until(span.start)
        stack.append(span)
    until(float("inf"))
    return found

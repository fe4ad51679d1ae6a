"""Shares of wall-clock time, of the traced chunks and of the whole training; each list adds up to 1."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from aecli.training.clock import CHECKPOINT, EVALUATION, ROWS, STEPS, Spent
from aecli.training.profile import parts
from aecli.training.profile.hlo import Module
from aecli.training.profile.trace import FOREIGN, MOVING, SCHEDULING, Span, Trace

IDLE, OUTSIDE = "*idle", "*outside"  # between a chunk's operations; before its first and after its last one
LOGGING = "log and the rest"
_NOT_THE_PROGRAM = {
    SCHEDULING: parts.BETWEEN,
    IDLE: parts.BETWEEN,
    OUTSIDE: parts.HOST,
    MOVING: parts.COPIES,
    FOREIGN: parts.OTHER,
}


@dataclass(frozen=True)
class Profile:
    """Where the time went.

    `window`: shares by kind of work of the traced chunks' wall-clock time. `symbols`: the same time, of operations
    alone, by symbol of the equation. `training`: shares of all that was not traced: steps as in the window, and
    what is between them by the clock; `training_step_seconds` is all of that for each step. `traced_step_seconds` and
    `untraced_step_seconds` are of the chunks alone. `busy`: threads (streams) at work on average while a chunk ran;
    `device`: the trace's plane they are from, or None.
    """

    steps: int
    chunks: int
    traced_step_seconds: float
    untraced_step_seconds: float
    training_step_seconds: float
    busy: float
    device: str | None
    window: dict[str, float]
    symbols: dict[str, float]
    training: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, shares rounded to five digits."""
        rounded = {
            name: {key: round(share, 5) for key, share in getattr(self, name).items()}
            for name in ("window", "symbols", "training")
        }
        return asdict(self) | rounded


def profiled(trace: Trace, module: Module, steps: int, spent: Spent) -> Profile:
    """The profile of a trace of `steps` steps, and of a training that spent its other time as the clock says."""
    times, busy = spent_on(trace)
    special = _NOT_THE_PROGRAM | ({} if trace.device else {OUTSIDE: parts.UNKNOWN})
    window = named(times, parts.parts_of(module), special, parts.UNKNOWN)
    inside = {what: ns for what, ns in times.items() if not what.startswith("*")}
    symbols = named(inside, parts.symbols_of(module), {}, parts.UNKNOWN)
    total = sum(times.values())
    outside = times.get(OUTSIDE, 0.0) / max(len(trace.windows), 1) * 1e-9 if trace.device else 0.0
    return Profile(
        steps=steps,
        chunks=len(trace.windows),
        traced_step_seconds=total * 1e-9 / max(steps, 1),
        untraced_step_seconds=spent.seconds.get(STEPS, 0.0) / max(spent.steps, 1),
        training_step_seconds=spent.total / max(spent.steps, 1),
        busy=busy,
        device=trace.device,
        window=shares(window, parts.PARTS),
        symbols=shares(symbols),
        training=of_training(window, outside, spent),
    )


def spent_on(trace: Trace) -> tuple[dict[str, float], float]:
    """Nanoseconds of the windows by operation, or by IDLE and OUTSIDE; and how many tracks were busy on average.

    Each moment belongs to what was going on in it, in equal parts where several things were.
    """
    spans = sorted((span for track in trace.tracks for span in track), key=lambda span: span.start)
    starts, work = [span.start for span in spans], 0.0
    found: defaultdict[str, float] = defaultdict(float)
    for begin, end in trace.windows:
        here = spans[bisect_left(starts, begin) : bisect_left(starts, end)]
        here = [span._replace(stop=min(span.stop, end)) for span in here]
        work += sum(span.stop - span.start for span in here)
        last = begin
        for start, stop, active in _moments(here):
            found[OUTSIDE if last == begin else IDLE] += start - last
            for what, count in active.items():
                found[what] += (stop - start) * count / active.total()
            last = stop
        found[OUTSIDE] += end - last
    inside = sum(found.values()) - found[OUTSIDE]
    return {what: ns for what, ns in found.items() if ns > 0}, work / inside if inside else 0.0


def _moments(spans: list[Span]) -> Iterator[tuple[float, float, Counter[str]]]:
    """Stretches of time in which the same things went on; what nothing went on in is left out."""
    edges = sorted([(s.start, 1, s.what) for s in spans] + [(s.stop, -1, s.what) for s in spans])
    active: Counter[str] = Counter()
    last = 0.0
    for at, change, what in edges:
        if at > last and active.total():
            yield last, at, +active
        active[str(what)] += change
        last = at


def named(
    times: Mapping[str, float], names: Mapping[str, str], special: Mapping[str, str], other: str
) -> dict[str, float]:
    """Times by operation summed by name."""
    found: defaultdict[str, float] = defaultdict(float)
    for what, ns in times.items():
        found[special.get(what) or names.get(what, other)] += ns
    return dict(found)


def shares(times: Mapping[str, float], order: tuple[str, ...] = ()) -> dict[str, float]:
    """Of their sum: in this order, what is nothing included, or the largest first."""
    total = sum(times.values()) or 1.0
    keys = order or sorted(times, key=lambda name: -times[name])
    return {key: times.get(key, 0.0) / total for key in keys}


def of_training(window: Mapping[str, float], outside: float, spent: Spent) -> dict[str, float]:
    """Shares of the time that the clock measured.

    A chunk costs Python the same `outside` seconds however many steps it has; the rest of its time goes as in the
    window.
    """
    steps = spent.seconds.get(STEPS, 0.0)
    host = min(outside * spent.chunks, steps)
    inside = {part: time for part, time in window.items() if part != parts.HOST}
    total = sum(inside.values())
    times = {part: (steps - host) * time / total for part, time in inside.items()} if total else {}
    times[parts.HOST] = host if total else steps
    rows, evaluation, checkpoint = (spent.seconds.get(name, 0.0) for name in (ROWS, EVALUATION, CHECKPOINT))
    times |= {"waiting for rows": rows, "evaluation": evaluation, "checkpoints": checkpoint}
    times[LOGGING] = max(spent.total - steps - rows - evaluation - checkpoint, 0.0)
    return shares(times, (*parts.PARTS, "waiting for rows", "evaluation", "checkpoints", LOGGING))

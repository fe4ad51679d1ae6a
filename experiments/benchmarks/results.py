"""What measurements come to: medians, ratios with their spread, and the rule that makes a row void."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

VOID = 0.02  # relative difference of the losses
BARE = ("products", "torch_products")  # contenders that train nothing


@dataclass
class Series:
    """The rounds of one contender on one workload: examples per second of each, losses, GiB at most."""

    contender: str
    workload: str
    speeds: list[float] = field(default_factory=list)
    first: float = math.nan  # at the initial parameters
    loss: float = math.nan  # mean over the last round's updates
    peak: float = math.nan

    @property
    def trains(self) -> bool:
        """Whether it has a loss, be it NaN: bare products have none."""
        return self.contender not in BARE


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round, so that what slows the machine for a while slows both sides of a ratio."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Median (least to most)."""
    median, low, high = (format(f(values), form) for f in (statistics.median, min, max))
    return f"{median} ({low} to {high})"


def differs(loss: float, reference: float, most: float = VOID) -> bool:
    """Whether two trainings ended apart: then their speeds are not of the same thing. A loss that is NaN differs."""
    return not abs(loss - reference) <= most * abs(reference)


def reference(all_of: Sequence[Series], one: Series) -> Series:
    """The first contender, aecli, on the workload of this one."""
    return next(series for series in all_of if series.workload == one.workload)


def of(all_of: Sequence[Series], contender: str, workload: str) -> Series | None:
    """A contender's series, where it ran."""
    return next((s for s in all_of if (s.contender, s.workload) == (contender, workload)), None)


def verdict(ours: Series, theirs: Series) -> str:
    """`void`, and why, or nothing."""
    if not theirs.trains or not differs(theirs.loss, ours.loss):
        return ""
    return f"void: its loss differs by {100 * abs(theirs.loss / ours.loss - 1):.1f} %"


HEAD = ("contender", "examples/s (least to most)", "aecli is (x)", "first loss", "loss", "GiB", "")


def cells(all_of: Sequence[Series], one: Series) -> tuple[str, ...]:
    """A line of the table."""
    ours = reference(all_of, one)
    ratio = "" if one is ours else spread(ratios(ours.speeds, one.speeds))
    losses = (f"{one.first:.3f}", f"{one.loss:.3f}") if one.trains else ("", "")
    several = len({series.workload for series in all_of}) > 1
    name = f"{one.contender} [{one.workload}]" if several else one.contender
    return name, spread(one.speeds, ",.0f"), ratio, *losses, f"{one.peak:.2f}", verdict(ours, one)


def table(rows: Sequence[Sequence[str]], head: Sequence[str] = HEAD) -> str:
    """A Markdown table whose columns are aligned."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    written = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([written[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *written[1:]])


def share_of_peak(products: Sequence[Series], training: Series) -> list[float]:
    """What part of a step's time the products alone would take, round by round, each round by the faster library."""
    fastest = [max(speeds) for speeds in zip(*(series.speeds for series in products), strict=True)]
    return ratios(training.speeds, fastest)


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """By which power of the size values grow: the slope of least squares in logarithms."""
    x, y = [math.log(s) for s in sizes], [math.log(v) for v in values]
    return statistics.linear_regression(x, y).slope

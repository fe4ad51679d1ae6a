"""How speed goes with rows, width and batch: aecli, PyTorch, and the products alone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from contender import in_turn
from results import BARE, Series, exponent, of, ratios, share_of_peak, spread, table, verdict

SIZES = {
    "rows": (10_000, 20_000, 40_000, 60_000),
    "width": (1, 2, 4),
    "batch": (64, 128, 256, 512, 1024),
}
HEAD = ("aecli, examples/s", "torch-eager, examples/s", "aecli is (x)", "% of XLA's products", "% of the faster's", "")


def growth(what: str, peers: str | None, repeats: int) -> None:
    """The MLP VAE of the first row, one of its sizes changed."""
    lines, seconds = [], []
    for size in SIZES[what]:
        workload = f"mlp_vae,{what}={size}"
        found = in_turn([(name, workload) for name in ("aecli", "torch-eager", *BARE)], peers, repeats)
        lines.append((f"{size:,}", *cells(found, workload)))
        seconds.append(1 / statistics.median(found[0].speeds))
    print(table(lines, (what, *HEAD)))
    print(f"aecli's seconds an example grow with {what} to the power {exponent(SIZES[what], seconds):.2f}")


def cells(found: Sequence[Series], workload: str) -> tuple[str, ...]:
    """What was found of one size."""
    ours, theirs = found[0], of(found, "torch-eager", workload)
    bare = [series for series in found if not series.trains]
    shares = [spread([100 * s for s in share_of_peak(part, ours)], ".0f") for part in (bare[:1], bare)]
    if theirs is None:
        return spread(ours.speeds, ",.0f"), "", "", *shares, ""
    speeds = [spread(series.speeds, ",.0f") for series in (ours, theirs)]
    return *speeds, spread(ratios(ours.speeds, theirs.speeds)), *shares, verdict(ours, theirs)

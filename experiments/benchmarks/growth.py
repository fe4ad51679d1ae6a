"""How speed goes with rows, width and batch: aecli, PyTorch, and the products alone."""

from __future__ import annotations

import statistics

from contender import in_turn
from results import BARE, exponent, of, ratios, share_of_peak, spread, table, verdict

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
        ours, theirs = of(found, "aecli", workload), of(found, "torch-eager", workload)
        assert ours is not None
        bare = [series for series in found if series.contender in BARE]
        shares = [spread([100 * s for s in share_of_peak(part, ours)], ".0f") for part in (bare[:1], bare)]
        against = (spread(theirs.speeds, ",.0f"), spread(ratios(ours.speeds, theirs.speeds))) if theirs else ("", "")
        lines.append(
            (f"{size:,}", spread(ours.speeds, ",.0f"), *against, *shares, verdict(ours, theirs) if theirs else "")
        )
        seconds.append(1 / statistics.median(ours.speeds))
    print(table(lines, (what, *HEAD)))
    print(f"aecli's seconds an example grow with {what} to the power {exponent(SIZES[what], seconds):.2f}")

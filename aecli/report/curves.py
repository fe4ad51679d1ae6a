"""Loss curves: every term of the objective against the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.report.style import (
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    VERMILLION,
    canvas,
    log_axis,
    name_of,
    note,
    panels,
    spans_decades,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Line = tuple[np.ndarray, np.ndarray]  # epochs [n], values [n] (NaN: not measured)
LINES = {"train": (BLUE, "-"), "validation": (VERMILLION, "--"), "test": (GREEN, ":")}
OTHER = (PURPLE, "-.")


def curves(
    records: Sequence[Mapping[str, Any]],
    path: Path,
    *,
    units: Mapping[str, str] | None = None,
    best: int | None = None,
    title: str = "Training",
) -> Path:
    """One panel a term, one line a split, from the records of metrics.jsonl.

    A null or missing value is a gap. The y axis is logarithmic where a term is positive over two decades or
    more. `units` names the y axes; `best` is the epoch that was kept: where it is None, the first epoch with
    the least validation loss (with labels, error). UserError where the records hold no values.
    """
    terms = terms_of(records)
    if not terms:
        raise UserError(
            Problem("there are no loss curves to draw: no epoch was recorded", hint="train for 1 epoch or more")
        )
    best = best_epoch(terms) if best is None else best
    width = min(3, len(terms))
    rows = -(-len(terms) // width)
    with canvas(path, max(4.6, 3.5 * width), 2.5 * rows + 0.8, title, beside=True) as figure:
        for axes, (term, lines) in zip(panels(figure, len(terms), width), terms.items(), strict=True):
            _panel(axes, term, lines, (units or {}).get(term, ""), best)
        handles: dict[str, Any] = {}
        for axes in figure.axes:
            found = axes.get_legend_handles_labels()
            handles |= dict(zip(found[1], found[0], strict=True))
        figure.legend(handles.values(), handles.keys(), loc="outside upper right", ncols=len(handles))
        gaps = [term for term, lines in terms.items() if any(np.isnan(y).any() for _, y in lines.values())]
        note(figure, [f"gaps are values that were not finite: {', '.join(map(name_of, gaps))}"] if gaps else [])
    return path


def terms_of(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Line]]:
    """{term: {split: (epochs, values)}}, in the records' order; a later record of an epoch replaces it.

    What diverged within an epoch is on no line.
    """
    found: dict[str, dict[str, dict[int, float]]] = {}
    for record in (record for record in records if record["split"] != "divergence"):
        for term, value in record["values"].items():
            number = np.nan if value is None else float(value)
            at = found.setdefault(term, {}).setdefault(record["split"], {})
            at[int(record["epoch"])] = number if np.isfinite(number) else np.nan
    return {term: {split: _line(values) for split, values in splits.items()} for term, splits in found.items()}


def best_epoch(terms: Mapping[str, Mapping[str, Line]]) -> int | None:
    """The first epoch with the least validation loss, or error where labels come last; None where there is none."""
    term = "error" if "validation" in terms.get("error", {}) else "loss"
    epochs, losses = terms.get(term, {}).get("validation", (np.empty(0), np.empty(0)))
    return int(epochs[np.nanargmin(losses)]) if np.isfinite(losses).any() else None


def _line(values: Mapping[int, float]) -> Line:
    epochs = sorted(values)
    return np.array(epochs), np.array([values[epoch] for epoch in epochs], dtype=np.float64)


def _panel(axes: Axes, term: str, lines: Mapping[str, Line], unit: str, best: int | None) -> None:
    from matplotlib.ticker import MaxNLocator

    every = np.concatenate([y for _, y in lines.values()])
    for split, (epochs, values) in lines.items():
        colour, dash = LINES.get(split, OTHER)
        alone = _isolated(values)
        axes.plot(epochs, values, dash, color=colour, label=split)
        axes.plot(epochs[alone], values[alone], "o", color=colour, markersize=4)  # a point between gaps has no line
    if best is not None:
        axes.axvline(best, color=GREY, linewidth=1, linestyle=(0, (1, 2)), label=f"best epoch ({best})", zorder=1)
    if spans_decades(every):
        log_axis(axes, "y")
    if not np.isfinite(every).any():
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", color=GREY)
        axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1, steps=[1, 2, 5, 10]))
    first, last = min(x[0] for x, _ in lines.values()), max(x[-1] for x, _ in lines.values())
    axes.set_xlim(first - max(0.5, 0.02 * (last - first)), last + max(0.5, 0.02 * (last - first)))
    axes.set(title=name_of(term, 36), xlabel="epoch")
    axes.set_ylabel(wrapped(unit, 30), fontsize=8)


def _isolated(values: np.ndarray) -> np.ndarray:
    """The indices of finite values with no finite neighbour."""
    known = np.concatenate([[False], np.isfinite(values), [False]])
    return np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:])

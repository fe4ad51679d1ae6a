"""The trainings of a claim side by side: each number by variant, and the spectra of their Jacobians."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.report.style import (
    canvas,
    colours,
    counted,
    limits,
    log_axis,
    name_of,
    note,
    panels,
    spans_decades,
    ticks,
    wrapped,
)

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.axes import Axes

WIDEST = 3  # panels beside each other
FLOOR = 1e-4  # of a variant's largest singular value: what is below it is not drawn


def variants(
    numbers: Mapping[str, Mapping[str, Sequence[float]]],
    path: Path,
    *,
    spectra: Mapping[str, Float[np.ndarray, " values"]] | None = None,
    of: str = "rows",
    title: str = "variants",
) -> Path:
    """`numbers` by metric and variant: one of each seed, drawn as dots, and their mean as a bar across them.

    `spectra` by variant: its mean singular values, largest first, means over `of`. ValueError where there is
    nothing to draw.
    """
    spectra = spectra or {}
    names = list(dict.fromkeys([*(name for each in numbers.values() for name in each), *spectra]))
    if not names:
        raise ValueError("there is no variant to draw")
    colour = dict(zip(names, colours(len(names)), strict=True))
    count = len(numbers) + bool(spectra)
    columns = 2 if count == 4 else min(WIDEST, count)
    rows = -(-count // columns)
    each = max(1.4, 0.7 + 0.32 * len(names))
    with canvas(path, 4.4 * columns, 0.5 + (each if not spectra else max(each, 2.4)) * rows, title) as figure:
        *above, last = panels(figure, count, columns)
        for axes, (metric, found) in zip([*above, last], numbers.items(), strict=False):
            _dots(axes, metric, {name: found.get(name, ()) for name in names}, colour)
        if spectra:
            _spectra(last, spectra, colour)
        seeds = max((len(values) for found in numbers.values() for values in found.values()), default=1)
        of_seeds = [f"a dot for each of {counted(seeds, 'seed')}, a bar at their mean"] if seeds > 1 else []
        left = any(not np.isfinite(values).all() for found in numbers.values() for values in found.values())
        missing = ["no bar where a seed has no finite number"] if left else []
        of_rows = [f"spectra: means over {of}" + (" by the first seed" if seeds > 1 else "")] if spectra else []
        note(figure, [*of_seeds, *missing, *of_rows])
    return path


def _dots(axes: Axes, metric: str, found: Mapping[str, Sequence[float]], colour: Mapping[str, str]) -> None:
    """One metric: a line for each variant, from the top down in the order of the claim."""
    shown = np.array([value for values in found.values() for value in values], float)
    shown = shown[np.isfinite(shown)]
    for y, (name, values) in enumerate(found.items()):
        sound = np.array(values, float)[np.isfinite(values)]
        axes.plot(sound, np.full(len(sound), y), "o", color=colour[name], markersize=5, alpha=0.6, markeredgewidth=0)
        if len(sound) == len(values) > 0:
            axes.plot([sound.mean()] * 2, [y - 0.3, y + 0.3], color=colour[name], linewidth=2.2)
    axes.set(yticks=range(len(found)), ylim=(len(found) - 0.4, -0.6))
    axes.set_yticklabels([name_of(name) for name in found])
    axes.grid(visible=False, axis="y")
    if len(shown):
        axes.set_xlim(*limits(float(shown.min()), float(shown.max()), margin=0.1))
    if spans_decades(shown):
        axes.set_xlim(float(shown.min()) / 1.5, float(shown.max()) * 1.5)
        log_axis(axes, "x")
    else:
        ticks(axes.xaxis)
    axes.set_xlabel(wrapped(name_of(metric, 60)))


def _spectra(axes: Axes, spectra: Mapping[str, Float[np.ndarray, " values"]], colour: Mapping[str, str]) -> None:
    """The mean singular values of each variant's Jacobian, by their index."""
    for name, values in spectra.items():
        drawn = values[values > FLOOR * values.max()]
        marker = "o" if len(drawn) < 20 else ""
        index = np.arange(1, len(drawn) + 1)
        axes.plot(index, drawn, color=colour[name], marker=marker, markersize=3.5, label=name_of(name))
    log_axis(axes, "y")
    axes.set(xlabel="singular value of dz/dx, largest first", ylabel="its mean size")
    axes.legend(loc="lower left")

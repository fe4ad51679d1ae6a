"""What the model makes up: contact sheets of images, or marginal histograms against the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from aecli.report.pictures import displayable, inches, padding, tiled
from aecli.report.style import (
    BLUE,
    GREY,
    PALE,
    VERMILLION,
    canvas,
    counted,
    limits,
    name_of,
    note,
    panels,
    ticks,
    wrapped,
)

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

Dash = Literal["solid", "dashed"]
IMAGES, COLUMNS, BINS = 100, 12, 30  # at most, in one figure
# Of what is drawn in one way, and in another.
LINES: tuple[tuple[str, Dash], ...] = ((BLUE, "solid"), (VERMILLION, "dashed"))
CLIP = 0.005  # of the data, cut off at either end of a histogram's axis: one outlier must not squeeze the rest


def samples(
    drawn: Sequence[tuple[np.ndarray, str]],
    path: Path,
    *,
    data: np.ndarray | None = None,
    columns: Sequence[str] | None = None,
    title: str = "Samples",
) -> Path:
    """What was drawn in one way, or in several, each with its caption. Images [n, h, w, c] in [0, 1]: sheets of the
    first 100. Tables [n, d]: the histograms of up to 12 columns, over that of `data` [m, d] where it is given, all in
    the table's own units.

    ValueError for other shapes.
    """
    first = drawn[0][0]
    known = [part.shape for part, _ in drawn] + ([] if data is None else [data.shape])
    if first.ndim == 4 and len(first):
        _sheets(drawn, path, title)
    elif first.ndim == 2 and len(first) and {shape[1:] for shape in known} == {first.shape[1:]}:
        names = list(columns) if columns is not None else [f"column {i + 1}" for i in range(first.shape[1])]
        _marginals([(np.asarray(x, np.float64), text) for x, text in drawn], data, names, path, title)
    else:
        raise ValueError(f"one image [n, h, w, c] or row [n, d] or more, not {[list(shape) for shape in known]}")
    return path


def _sheets(drawn: Sequence[tuple[np.ndarray, str]], path: Path, title: str) -> None:
    images = drawn[0][0]
    count = min(IMAGES, len(images))
    columns = int(np.ceil(np.sqrt(count)))
    rows, cell = -(-count // columns), 0.75 if columns > 3 else 1.4
    width = max(2.0, cell * columns)
    with canvas(path, width * len(drawn), rows * inches(images, cell) + 1.0, title) as figure:
        for axes, (images, text) in zip(panels(figure, len(drawn), len(drawn)), drawn, strict=True):
            axes.imshow(tiled(displayable(images[:count]), columns, padding(images)))
            axes.set_title(wrapped(text, int(11 * width)), fontsize=8.5)
            axes.set_axis_off()
        note(figure, [f"the first {count} of {counted(len(images), 'image')}"] if len(images) > count else [])


def _marginals(
    drawn: Sequence[tuple[np.ndarray, str]], data: np.ndarray | None, names: Sequence[str], path: Path, title: str
) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    count = min(COLUMNS, len(names))
    width = min(4, count)
    clipped = False
    with canvas(path, max(4.6, 2.6 * width), 2.1 * -(-count // width) + 1.0 + 0.2 * len(drawn), title) as figure:
        for j, axes in enumerate(panels(figure, count, width)):
            known = None if data is None else np.asarray(data[:, j], np.float64)
            clipped |= _histograms(axes, [x[:, j] for x, _ in drawn], known)
            axes.set_title(name_of(names[j], 26))
            axes.set_ylabel("density" if j % width == 0 else "")
        handles: list[Artist] = [] if data is None else [Patch(color=PALE, label=f"data ({counted(len(data), 'row')})")]
        for (_, text), (colour, dash) in zip(drawn, LINES, strict=False):
            handles.append(Line2D([], [], color=colour, linestyle=dash, label=wrapped(text, int(24 * width))))
        figure.legend(handles=handles, loc="outside upper left")
        notes = [f"the first {count} of {counted(len(names), 'column')}"] if len(names) > count else []
        notes += ["values beyond the axis are left out of the picture, not of the density"] if clipped else []
        missing = sum(int((~np.isfinite(x)).sum()) for x, _ in drawn)
        note(figure, notes + ([f"{counted(missing, 'sampled value')} not finite, left out"] if missing else []))


def _histograms(axes: Axes, drawn: Sequence[np.ndarray], data: np.ndarray | None) -> bool:
    """All densities over common bins; whether values lie beyond them."""
    drawn = [x[np.isfinite(x)] for x in drawn]
    data = None if data is None else data[np.isfinite(data)]
    both = [values for values in (data, *drawn) if values is not None and len(values)]
    if not both:
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", color=GREY)
        axes.set(xticks=[], yticks=[])
        return False
    edges = _edges(both)
    if data is not None and len(data):
        axes.stairs(_density(data, edges), edges, fill=True, color=PALE)
    for x, (colour, dash) in zip(drawn, LINES, strict=False):
        if len(x):
            axes.stairs(_density(x, edges), edges, color=colour, linestyle=dash, linewidth=1.5)
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, None))
    ticks(axes.xaxis, whole=bool(np.isclose(edges[1] - edges[0], 1.0)))
    axes.grid(visible=False)
    return any(bool((v < edges[0]).any() or (v > edges[-1]).any()) for v in both)


def _edges(both: Sequence[np.ndarray]) -> Float[np.ndarray, " bins"]:
    """Common bins: one an integer where the first is whole numbers over a short range, else 30 equal ones."""
    ends = np.array([np.quantile(values, [CLIP, 1 - CLIP]) for values in both])
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    whole = bool((both[0] == np.round(both[0])).all())
    if whole and high - low < BINS:
        return np.arange(np.floor(low) - 0.5, np.ceil(high) + 1.0)
    low, high = limits(low, high, 0.02)
    return np.linspace(low, high, BINS + 1)


def _density(values: np.ndarray, edges: np.ndarray) -> Float[np.ndarray, " bins"]:
    """The share of all values in each bin, per unit of its width."""
    return np.histogram(values, edges)[0] / (len(values) * np.diff(edges))

"""What the model makes up: a contact sheet of images, or marginal histograms against the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.report.pictures import displayable, inches, padding, tiled
from aecli.report.style import BLUE, GREY, PALE, canvas, counted, limits, name_of, note, panels, ticks

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

IMAGES, COLUMNS, BINS = 100, 12, 30  # at most, in one figure
CLIP = 0.005  # of the data, cut off at either end of a histogram's axis: one outlier must not squeeze the rest


def samples(
    drawn: np.ndarray,
    path: Path,
    *,
    data: np.ndarray | None = None,
    columns: Sequence[str] | None = None,
    title: str = "Samples",
) -> Path:
    """Images [n, h, w, c] in [0, 1]: a sheet of the first 100. Tables [n, d]: the histogram of each of up to
    12 columns, over that of `data` [m, d] where it is given, both in the table's own units.

    ValueError for other shapes.
    """
    if drawn.ndim == 4 and len(drawn):
        _sheet(drawn, path, title)
    elif drawn.ndim == 2 and len(drawn) and (data is None or data.shape[1:] == drawn.shape[1:]):
        names = list(columns) if columns is not None else [f"column {i + 1}" for i in range(drawn.shape[1])]
        _marginals(np.asarray(drawn, np.float64), data, names, path, title)
    else:
        known = f" and {list(data.shape)}" if data is not None else ""
        raise ValueError(f"one image [n, h, w, c] or row [n, d] or more, not {list(drawn.shape)}{known}")
    return path


def _sheet(images: np.ndarray, path: Path, title: str) -> None:
    count = min(IMAGES, len(images))
    columns = int(np.ceil(np.sqrt(count)))
    rows, cell = -(-count // columns), 0.75 if columns > 3 else 1.4
    with canvas(path, max(2.0, cell * columns), rows * inches(images, cell) + 0.6, title) as figure:
        axes = figure.add_subplot()
        axes.imshow(tiled(displayable(images[:count]), columns, padding(images)))
        axes.set_axis_off()
        note(figure, [f"the first {count} of {counted(len(images), 'image')}"] if len(images) > count else [])


def _marginals(x: np.ndarray, data: np.ndarray | None, names: Sequence[str], path: Path, title: str) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    count = min(COLUMNS, x.shape[1])
    width = min(4, count)
    clipped = False
    with canvas(path, max(4.6, 2.6 * width), 2.1 * -(-count // width) + 1.0, title, beside=True) as figure:
        for j, axes in enumerate(panels(figure, count, width)):
            known = None if data is None else np.asarray(data[:, j], np.float64)
            clipped |= _histograms(axes, x[:, j], known)
            axes.set_title(name_of(names[j], 26))
            axes.set_ylabel("density" if j % width == 0 else "")
        handles: list[Artist] = [] if data is None else [Patch(color=PALE, label=f"data ({counted(len(data), 'row')})")]
        handles.append(Line2D([], [], color=BLUE, label=f"samples ({counted(len(x), 'row')})"))
        figure.legend(handles=handles, loc="outside upper right", ncols=2)
        notes = [f"the first {count} of {counted(x.shape[1], 'column')}"] if x.shape[1] > count else []
        notes += ["values beyond the axis are left out of the picture, not of the density"] if clipped else []
        missing = int((~np.isfinite(x)).sum())
        note(figure, notes + ([f"{counted(missing, 'sampled value')} not finite, left out"] if missing else []))


def _histograms(axes: Axes, x: np.ndarray, data: np.ndarray | None) -> bool:
    """Both densities over common bins; whether values lie beyond them."""
    x = x[np.isfinite(x)]
    data = None if data is None else data[np.isfinite(data)]
    both = [values for values in (data, x) if values is not None and len(values)]
    if not both:
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", color=GREY)
        axes.set(xticks=[], yticks=[])
        return False
    edges = _edges(both)
    if data is not None and len(data):
        axes.stairs(_density(data, edges), edges, fill=True, color=PALE)
    if len(x):
        axes.stairs(_density(x, edges), edges, color=BLUE, linewidth=1.5)
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

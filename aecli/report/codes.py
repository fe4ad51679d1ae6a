"""The map of the code: two of its dimensions, coloured by label."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.report.labels import Labels, read_labels
from aecli.report.style import (
    BLUE,
    GREY,
    INK,
    LOG_SPAN,
    PALE,
    SEQUENTIAL,
    canvas,
    colours,
    counted,
    limits,
    log_ticks,
    name_of,
    note,
    percent,
    ticks,
)

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS, BINS = 20_000, 60
MARKERS = "os^"  # of a colour's first, second and third use


def codes(code: np.ndarray, path: Path, *, labels: np.ndarray | None = None, title: str = "Codes") -> Path:
    """Codes [n, k]: a histogram for k = 1, a map for k = 2, the first two principal components for more.

    `labels` [n] colours the points: up to 20 classes with a legend, more numbers than that on a scale, more
    names than that as the 19 most frequent and the others. None, NaN and "" are unknown; with no known label
    the map shows density. At most 20,000 points are drawn (a fixed random choice). ValueError for other
    shapes.
    """
    if code.ndim != 2 or not code.size or (labels is not None and len(labels) != len(code)):
        known = "" if labels is None else f" and {len(labels)} labels"
        raise ValueError(f"codes [n, k] with one or more each, and a label each or none, not {list(code.shape)}{known}")
    code = np.asarray(code, np.float64)
    finite = np.asarray(np.isfinite(code).all(axis=1))
    found = read_labels(labels, finite)
    notes = [f"{counted(int((~finite).sum()), 'code')} not finite, left out"] if not finite.all() else []
    with canvas(path, 7.0, 5.0 if code.shape[1] > 1 else 3.8, title) as figure:
        axes = figure.add_subplot()
        if not finite.any():
            axes.text(0.5, 0.5, "no finite code", transform=axes.transAxes, ha="center", color=GREY)
            axes.set(xticks=[], yticks=[])
        elif code.shape[1] == 1:
            _histogram(axes, code[finite, 0], found)
        else:
            notes = [*_map(figure, axes, code[finite], found), *notes]
        note(figure, [*found.notes, *notes] if finite.any() else notes)
    return path


def principal(code: Float[np.ndarray, "n k"]) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, " 2"]]:
    """The first two principal components, and the shares of the variance they explain (0 if there is none).

    A component's sign is free: here its largest loading is positive, so that equal codes give equal pictures.
    """
    centred = code - code.mean(0)
    wide = code.shape[0] < code.shape[1]  # the smaller of the two Gram matrices has the same eigenvalues
    values, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    first, shares = vectors[:, ::-1][:, :2], np.maximum(values[::-1], 0.0)
    loadings = centred.T @ first if wide else first
    points = first * np.sqrt(shares[:2]) if wide else centred @ first
    largest = loadings[np.abs(loadings).argmax(0), range(loadings.shape[1])]
    points = np.pad(points * np.where(largest < 0, -1.0, 1.0), ((0, 0), (0, 2 - points.shape[1])))
    return points, np.pad(shares, (0, 1))[:2] / (float(shares.sum()) or 1.0)


def _map(figure: Figure, axes: Axes, code: np.ndarray, labels: Labels) -> list[str]:
    """Draw [n, k >= 2]; what there is to say about it."""
    if code.shape[1] == 2:
        points, names = code, ["code 1", "code 2"]
    else:
        points, shares = principal(code)
        names = [f"principal component {i + 1} ({percent(share)} of the variance)" for i, share in enumerate(shares)]
    axes.set(xlabel=names[0], ylabel=names[1])
    axes.set_xlim(*limits(points[:, 0].min(), points[:, 0].max(), 0.04))
    axes.set_ylim(*limits(points[:, 1].min(), points[:, 1].max(), 0.04))
    axes.grid(visible=False)
    if labels.kind == "none":
        _density(figure, axes, points)
        return []
    drawn = np.random.default_rng(0).permutation(len(points))[:POINTS]  # shuffled: no class lies over the others
    draw = _classes if labels.kind == "classes" else _scale
    draw(figure, axes, points[drawn], labels, drawn)
    return [f"{len(drawn):,} of {counted(len(points), 'row')} drawn"] if len(drawn) < len(points) else []


def _density(figure: Figure, axes: Axes, points: np.ndarray) -> None:
    size = int(np.clip(np.sqrt(len(points)) / 1.5, 12, BINS))  # fewer rows, larger cells
    extent = (*axes.get_xlim(), *axes.get_ylim())
    cells = axes.hexbin(*points.T, gridsize=size, extent=extent, cmap=SEQUENTIAL, mincnt=1, linewidths=0.2)
    counts = np.asarray(cells.get_array())
    if counts.max() == counts.min():  # nothing to tell apart: no colour bar of one colour
        cells.set_norm(None)
        cells.set(cmap=None, facecolor=BLUE)
        cells.set_array(None)
        return
    if logarithmic := bool(counts.max() > LOG_SPAN):
        cells.set_norm("log")
    bar = figure.colorbar(cells, ax=axes, pad=0.02)
    bar.set_label("rows in a cell")
    log_ticks(bar.ax.yaxis, few=True) if logarithmic else ticks(bar.ax.yaxis, whole=True)


def _look(count: int) -> tuple[float, float]:
    """The area (points^2) and the opacity of a dot where there are `count`."""
    return float(np.clip(12_000 / count, 4.5, 26.0)), float(np.clip(1_200 / count, 0.25, 0.85))


def _classes(figure: Figure, axes: Axes, points: np.ndarray, labels: Labels, rows: np.ndarray) -> None:
    from matplotlib.lines import Line2D

    number, (area, alpha) = labels.number[rows], _look(len(rows))
    dye, mark = colours(len(labels.names)), [MARKERS[(i // 8) % 3] for i in range(len(labels.names))]
    for i, grey in ((labels.other, GREY), (labels.unknown, PALE)):
        if i is not None:
            dye[i], mark[i] = grey, "o"
    for shape in sorted(set(mark)):
        here = np.array([mark[i] == shape for i in number], bool)
        colour = [dye[i] for i in number[here]]
        axes.scatter(*points[here].T, s=area, c=colour, marker=shape, alpha=alpha, linewidths=0)
    if 1 < len(dye) <= (20 if max(map(len, labels.names)) <= 4 else 12):
        _name_medians(axes, points, labels, number)
    handles = [Line2D([], [], color=c, marker=m, linestyle="", markersize=5.5) for c, m in zip(dye, mark, strict=True)]
    texts = [f"{name_of(name, 20)} ({n:,})" for name, n in zip(labels.names, labels.counts, strict=True)]
    figure.legend(handles, texts, loc="outside right upper", title="label (rows)", alignment="left")


def _name_medians(axes: Axes, points: np.ndarray, labels: Labels, number: np.ndarray) -> None:
    """The name of each class where its median point is: legible without the colours."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.5, foreground="white")]
    for i, name in enumerate(labels.names):
        if i not in (labels.other, labels.unknown) and (number == i).any():
            x, y = np.median(points[number == i], axis=0).tolist()
            text = axes.text(x, y, name_of(name, 12), ha="center", va="center", fontsize=9, color=INK)
            text.set(fontweight="bold", path_effects=halo)


def _scale(figure: Figure, axes: Axes, points: np.ndarray, labels: Labels, rows: np.ndarray) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    value, (area, alpha) = labels.value[rows], _look(len(rows))
    known = np.isfinite(value)
    low, high = np.quantile(labels.value[np.isfinite(labels.value)], [0.01, 0.99])
    if not known.all():
        axes.scatter(*points[~known].T, s=area, color=PALE, alpha=alpha, linewidths=0)
    tint = ScalarMappable(Normalize(low, high), SEQUENTIAL)
    axes.scatter(*points[known].T, s=area, c=tint.to_rgba(value[known]), alpha=alpha, linewidths=0)
    figure.colorbar(tint, ax=axes, pad=0.02, extend="both").set_label("label (1 % to 99 % quantile)")


def _histogram(axes: Axes, code: np.ndarray, labels: Labels) -> None:
    edges = np.linspace(*limits(code.min(), code.max(), 0.02), BINS + 1)
    many = labels.kind == "classes" and 1 < len(labels.names) <= 8
    heights, fill = np.histogram(code, edges)[0], PALE if many else BLUE
    axes.stairs(heights, edges, fill=True, color=fill, label="all rows" if many else None)
    if many:
        for i, (name, colour) in enumerate(zip(labels.names, colours(len(labels.names)), strict=True)):
            heights = np.histogram(code[labels.number == i], edges)[0]
            axes.stairs(
                heights,
                edges,
                color=GREY if i == labels.unknown else colour,
                linewidth=1.4,
                label=name_of(name, 20),
            )
        axes.legend(title="label", alignment="left", ncols=1 if len(labels.names) <= 4 else 2)
    axes.set(xlabel="code", ylabel="rows", xlim=(edges[0], edges[-1]))
    axes.grid(visible=False, axis="x")

"""Maps of the same rows side by side: the code, and what others make of them in two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.report.labels import Labels, read_labels
from aecli.report.style import BLUE, GREY, PALE, SEQUENTIAL, canvas, colours, limits, name_of, note, panels

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 3  # maps in a row


def manifold(
    maps: Sequence[tuple[str, Float[np.ndarray, "n 2"]]],
    path: Path,
    *,
    labels: np.ndarray | None = None,
    what: str = "label",
    title: str = "Maps",
) -> Path:
    """(name, points) of each map, a panel each; `labels` [n] colour the rows, as `codes` has it, `what` names them."""
    found = read_labels(labels, np.ones(len(maps[0][1]), bool))
    width = min(WIDTH, len(maps))
    rows = -(-len(maps) // width)
    with canvas(path, 3.4 * width + 1.2, 3.3 * rows + 0.7, title) as figure:
        axes = panels(figure, len(maps), width)
        for ax, (name, points) in zip(axes, maps, strict=True):
            ax.scatter(*points.T, s=4.5, c=_dyes(found, len(points)), linewidths=0, alpha=0.8)
            ax.set_title(name, fontsize=9)
            ax.set(xlim=limits(*_ends(points[:, 0]), 0.04), ylim=limits(*_ends(points[:, 1]), 0.04))
            ax.set(xticks=[], yticks=[])
            ax.grid(visible=False)
        _legend(figure, axes, found, what)
        note(figure, found.notes)
    return path


def _ends(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _dyes(labels: Labels, count: int) -> list[Any]:
    """A colour a row."""
    if labels.kind == "classes":
        dye = _class_colours(labels)
        return [dye[i] for i in labels.number]
    if labels.kind == "none":
        return [BLUE] * count
    tint = _tint(labels)
    return [tint.to_rgba(v) if np.isfinite(v) else PALE for v in labels.value]


def _class_colours(labels: Labels) -> list[str]:
    dye = colours(len(labels.names))
    for i, grey in ((labels.other, GREY), (labels.unknown, PALE)):
        if i is not None:
            dye[i] = grey
    return dye


def _tint(labels: Labels) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    low, high = np.nanquantile(labels.value, [0.01, 0.99])
    return ScalarMappable(Normalize(low, high), SEQUENTIAL)


def _legend(figure: Figure, axes: list[Axes], labels: Labels, what: str) -> None:
    from matplotlib.lines import Line2D

    if labels.kind == "scale":
        figure.colorbar(_tint(labels), ax=axes, pad=0.02).set_label(what)
    elif labels.kind == "classes":
        dots = [Line2D([], [], color=c, marker="o", linestyle="", markersize=5) for c in _class_colours(labels)]
        names = [name_of(name, 16) for name in labels.names]
        figure.legend(dots, names, loc="outside right upper", title=what, alignment="left")

"""From one code to another: what the decoder makes of the way between two examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.report.pictures import displayable, inches, padding, tiled
from aecli.report.style import SEQUENTIAL, VERMILLION, canvas, counted, name_of, note, panels

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.axes import Axes

ROWS, PATHS, NAMED = 12, 6, 40  # at most: rows of images, panels of tables, columns that are named


def interpolations(
    ways: np.ndarray, path: Path, *, columns: Sequence[str] | None = None, title: str = "Interpolations"
) -> Path:
    """Images [rows, steps, h, w, c] in [0, 1]: a row a pair of codes, its two ends framed.

    Tables [rows, steps, d]: parallel coordinates, a panel a pair and a line a step, each column scaled to its
    range over all pairs. ValueError for other shapes.
    """
    if ways.ndim == 5 and ways.size:
        _images(ways, path, title)
    elif ways.ndim == 3 and ways.size:
        names = list(columns) if columns is not None else [str(i + 1) for i in range(ways.shape[2])]
        _tables(np.asarray(ways, np.float64), names, path, title)
    else:
        raise ValueError(f"[rows, steps, h, w, c] or [rows, steps, d] with one or more each, not {list(ways.shape)}")
    return path


def scaled(ways: Float[np.ndarray, "rows steps d"]) -> Float[np.ndarray, "rows steps d"]:
    """Each column to [0, 1] by its least and greatest finite value; 0.5 where those are equal."""
    known = np.isfinite(ways)
    low = np.where(known, ways, np.inf).min((0, 1))
    spread = np.where(known, ways, -np.inf).max((0, 1)) - low
    flat = ~(spread > 0)
    return np.where(known & ~flat, (ways - low) / np.where(flat, 1.0, spread), np.where(known, 0.5, np.nan))


def _images(ways: np.ndarray, path: Path, title: str) -> None:
    from matplotlib.patches import Rectangle

    rows, (steps, height, width) = min(ROWS, len(ways)), ways.shape[1:4]
    images = displayable(ways[:rows]).reshape(rows * steps, height, width, 3)
    pad, cell = padding(images), 0.85 if steps > 3 else 1.3
    with canvas(path, cell * steps + 0.4, rows * inches(images, cell) + 0.9, title) as figure:
        axes = figure.add_subplot()
        axes.imshow(tiled(images, steps, pad))
        for row in range(rows):
            for step in {0, steps - 1}:
                corner = (step * (width + pad) - 0.5, row * (height + pad) - 0.5)
                axes.add_patch(
                    Rectangle(corner, width, height, fill=False, edgecolor=VERMILLION, linewidth=2.2, clip_on=False)
                )
        middle = [i * (width + pad) + (width - 1) / 2 for i in range(steps)]
        axes.set_xticks(middle, [f"{t:.3g}" for t in np.linspace(0, 1, steps)])
        axes.set(yticks=[], xlabel="position between the two codes (0 and 1 are the framed ends)")
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        note(figure, [f"the first {rows} of {counted(len(ways), 'pair')}"] if len(ways) > rows else [])


def _tables(ways: np.ndarray, names: Sequence[str], path: Path, title: str) -> None:
    from matplotlib.cm import ScalarMappable

    count, across = min(PATHS, len(ways)), 1 if len(names) > 12 or len(ways) == 1 else 2
    lines = scaled(ways[:count])
    tall = 2.2 * -(-count // across) + (1.6 if len(names) <= NAMED else 1.0)
    with canvas(path, 8.4, tall, title) as figure:
        every = panels(figure, count, across)
        for i, axes in enumerate(every):
            _parallel(axes, lines[i], names if i >= count - across else None, across)
            axes.set_title(f"pair {i + 1}")
        bar = figure.colorbar(ScalarMappable(cmap=SEQUENTIAL), ax=every, fraction=0.03, pad=0.01, aspect=20 * count)
        bar.set_label("position between the two codes")
        figure.supylabel("value, each column scaled to its range", fontsize=9)
        note(figure, [f"the first {count} of {counted(len(ways), 'pair')}"] if len(ways) > count else [])


def _parallel(axes: Axes, lines: Float[np.ndarray, "steps d"], names: Sequence[str] | None, across: int) -> None:
    from matplotlib import colormaps

    steps, count = lines.shape
    mark = "o" if count <= NAMED else ""
    for t, line in zip(np.linspace(0, 1, steps), lines, strict=True):
        end = t in (0.0, 1.0)
        axes.plot(
            range(1, count + 1),
            line,
            marker=mark,
            markersize=3.5 if end else 2,
            linewidth=2.2 if end else 0.9,
            color=colormaps[SEQUENTIAL](t),
        )
    axes.set(ylim=(-0.05, 1.05), xlim=(0.5, count + 0.5), yticks=[0, 0.5, 1])
    axes.grid(visible=False, axis="y")
    if count > NAMED:
        axes.set_xlabel(f"column, 1 to {count}" if names else "")
    else:
        axes.set_xticks(range(1, count + 1), [name_of(name, 18) for name in names] if names else [""] * count)
        axes.tick_params(axis="x", rotation=0 if across * count <= 6 else 60, length=0)

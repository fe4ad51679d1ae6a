"""An atlas of a code's units: what each writes into an image, how often it speaks, and the images it speaks of most."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.report.pictures import displayable, inches, padding, strip, tiled
from aecli.report.style import BLUE, canvas, counted, note, power_of_ten

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.axes import Axes

COLUMNS, ROWS, SHOWN = 16, 6, 8  # of the sheet of atoms; units whose images are shown


def atlas(
    atoms: Float[np.ndarray, " units height width channels"],
    usage: Float[np.ndarray, " all"],
    top: Float[np.ndarray, " some most height width channels"],
    path: Path,
    *,
    title: str = "Atlas of the units",
) -> Path:
    """`atoms`, most used first: what a unit adds to an image, blue where it darkens, red where it lightens. `usage`:
    the share of rows that each of all units speaks of. `top`: of the first units, the images they speak of most.

    ValueError where there is no atom.
    """
    if not len(atoms):
        raise ValueError("an atlas needs one unit at least")
    shown = atoms[: COLUMNS * ROWS].mean(axis=-1)
    columns, pad = min(COLUMNS, len(shown)), padding(atoms)
    lines = -(-len(shown) // columns)
    height = lines * (inches(atoms, 0.55) + 0.05) + 0.3
    below = max(2.4, 0.5 * len(top[:SHOWN]) + 0.4)
    with canvas(path, 9.6, height + below + 0.6, title) as figure:
        grid = figure.add_gridspec(2, 2, height_ratios=[height, below], width_ratios=[1.1, 1])
        axes = figure.add_subplot(grid[0, :])
        scale = np.abs(shown).max(axis=(1, 2), keepdims=True)
        sheet = tiled(np.divide(shown, scale, out=np.zeros_like(shown), where=scale > 0), columns, pad, blank=np.nan)
        strip(axes, "what a unit\nwrites", sheet, cmap="RdBu_r", vmin=-1, vmax=1)
        _speaks(figure.add_subplot(grid[1, 0]), top[:SHOWN], pad)
        _usage(figure.add_subplot(grid[1, 1]), usage)
        dead = int((usage == 0).sum())
        parts = [f"the {len(shown)} most used of {counted(len(usage), 'unit')}, each scaled to its own largest pixel"]
        note(figure, [*parts, f"{counted(dead, 'unit')} never used" if dead else "every unit is used"])
    return path


def _speaks(axes: Axes, top: np.ndarray, pad: int) -> None:
    if not len(top):
        axes.set_axis_off()
        return
    images = displayable(top.reshape(-1, *top.shape[2:]))
    strip(axes, "", tiled(images, top.shape[1], pad))
    axes.set_title("a row a unit: the images it speaks of most", fontsize=9)


def _usage(axes: Axes, usage: np.ndarray) -> None:
    from matplotlib.ticker import FuncFormatter

    used = usage[usage > 0]
    if len(used):
        low = np.floor(np.log10(used.min()))
        axes.hist(used, bins=np.logspace(low, 0, 30).tolist(), color=BLUE)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(power_of_ten))
    axes.set_xlim(right=1.5)
    axes.set(xlabel="share of rows that a unit speaks of", ylabel="units")

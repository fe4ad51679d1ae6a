"""What went in and what came out: images in rows, table columns as scatters or as explained variance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.report.pictures import displayable, inches, padding, strip, tiled
from aecli.report.style import (
    BLUE,
    ERROR,
    GREY,
    VERMILLION,
    canvas,
    counted,
    limits,
    name_of,
    note,
    panels,
    ticks,
)

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

IMAGES, SCATTERS, BARS, POINTS = 10, 12, 40, 5_000  # at most, in one figure


def reconstructions(
    original: np.ndarray,
    reconstruction: np.ndarray,
    path: Path,
    *,
    corrupted: np.ndarray | None = None,
    columns: Sequence[str] | None = None,
    title: str = "Reconstructions",
) -> Path:
    """Images [n, h, w, c] in [0, 1]: the first 10, what came out, the absolute error (mean over channels).

    Tables [n, d], in their own units: observed against reconstructed with R^2 for up to 12 columns, else the
    R^2 of every column. `corrupted` (images alone) is what the encoder saw. ValueError where shapes differ.
    """
    for other in (reconstruction, corrupted):
        if other is not None and (other.shape != original.shape or not len(other)):
            raise ValueError(f"one row or more of one shape, not {list(original.shape)} and {list(other.shape)}")
    if original.ndim == 4:
        _images(original, reconstruction, corrupted, path, title)
    elif original.ndim == 2:
        names = list(columns) if columns is not None else [f"column {i + 1}" for i in range(original.shape[1])]
        draw = _scatters if original.shape[1] <= SCATTERS else _explained
        draw(np.asarray(original, np.float64), np.asarray(reconstruction, np.float64), names, path, title)
    else:
        raise ValueError(f"images [n, h, w, c] or a table [n, d], not {list(original.shape)}")
    return path


def r_squared(x: Float[np.ndarray, "n d"], x_hat: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
    """1 - sum (x - x_hat)^2 / sum (x - mean x)^2 per column, over rows where both are finite.

    NaN where that is undefined: a constant column, or no finite row.
    """
    known = np.isfinite(x) & np.isfinite(x_hat)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, x, 0.0).sum(0) / count
    centred = np.where(known, x - mean, 0.0)
    total, residual = (centred**2).sum(0), (np.where(known, x - x_hat, 0.0) ** 2).sum(0)
    # A constant such as 0.1 leaves a rounding error about its mean: that is no variance.
    constant = np.abs(centred).max(0, initial=0.0) <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
    return np.where(constant, np.nan, 1.0 - residual / np.where(constant, 1.0, total))


def _images(x: np.ndarray, x_hat: np.ndarray, corrupted: np.ndarray | None, path: Path, title: str) -> None:
    count, pad = min(IMAGES, len(x)), padding(x)
    unit = 255.0 if x.dtype.kind in "ui" else 1.0
    rows = {"original": x, "corrupted": corrupted, "reconstruction": x_hat}
    rows = {name: images[:count] for name, images in rows.items() if images is not None}
    error = np.abs(x[:count].astype(np.float64) - x_hat[:count].astype(np.float64)).mean(-1) / unit
    cell = 0.95 if count > 3 else 1.5
    with canvas(path, 2.0 + cell * count, 0.9 + (len(rows) + 1) * (inches(x, cell) + 0.08), title) as figure:
        grid = figure.add_gridspec(len(rows) + 1, 1, hspace=0.0)
        for i, (name, images) in enumerate(rows.items()):
            strip(figure.add_subplot(grid[i]), name, tiled(displayable(images), count, pad))
        axes = figure.add_subplot(grid[len(rows)])
        top = float(np.max(error, where=np.isfinite(error), initial=0.0)) or 1.0
        strip(axes, "absolute error", tiled(error, count, pad, blank=np.nan), vmin=0.0, vmax=top, cmap=ERROR)
        bar = axes.inset_axes((1.0 + 0.1 / (cell * count), 0.0, 0.13 / (cell * count), 1.0))  # as high as its row
        figure.colorbar(axes.images[0], cax=bar).ax.tick_params(labelsize=7)
        width = x.shape[2]
        axes.set_xticks(
            [i * (width + pad) + (width - 1) / 2 for i in range(count)],
            [f"{e:.4f}" for e in error.mean((1, 2))],
        )
        axes.set_xlabel("mean absolute error of each image (pixels in [0, 1])", fontsize=8)
        note(figure, [f"the first {count} of {counted(len(x), 'image')}"] if len(x) > count else [])


def _scatters(x: np.ndarray, x_hat: np.ndarray, names: Sequence[str], path: Path, title: str) -> None:
    shares, drawn = r_squared(x, x_hat), _evenly(len(x), POINTS)
    count, width = x.shape[1], min(4, x.shape[1])
    known = np.isfinite(x) & np.isfinite(x_hat)
    with canvas(path, max(4.0, 2.5 * width), 2.55 * -(-count // width) + 0.8, title) as figure:
        for j, axes in enumerate(panels(figure, count, width)):
            keep = drawn[known[drawn, j]]
            _scatter(axes, x[keep, j], x_hat[keep, j])
            share = "constant" if np.isnan(shares[j]) else f"R² {shares[j]:.3f}"
            axes.set_title(f"{name_of(names[j], 18)}   {share if known[:, j].any() else 'no finite value'}", fontsize=9)
            axes.set_xlabel("observed" if j >= count - width else "")
            axes.set_ylabel("reconstructed" if j % width == 0 else "")
        missing = int((~known).sum())
        notes = [f"{len(drawn):,} of {counted(len(x), 'row')} drawn"] if len(drawn) < len(x) else []
        note(figure, notes + ([f"{counted(missing, 'value')} not finite, left out"] if missing else []))


def _scatter(axes: Axes, x: np.ndarray, x_hat: np.ndarray) -> None:
    if not len(x):
        axes.set(xticks=[], yticks=[])
        return
    ends = limits(float(min(x.min(), x_hat.min())), float(max(x.max(), x_hat.max())))
    axes.plot(ends, ends, color=GREY, linewidth=0.9, linestyle="--", zorder=1)
    alpha = float(np.clip(60 / len(x), 0.12, 0.8))
    axes.scatter(x, x_hat, s=float(np.clip(200 / len(x), 9, 40)), color=BLUE, alpha=alpha, linewidths=0, zorder=2)
    axes.set(xlim=ends, ylim=ends, box_aspect=1)
    ticks(axes.xaxis)
    ticks(axes.yaxis)


def _explained(x: np.ndarray, x_hat: np.ndarray, names: Sequence[str], path: Path, title: str) -> None:
    shares = r_squared(x, x_hat)
    order: list[int] = np.argsort(np.where(np.isnan(shares), -np.inf, shares), kind="stable").tolist()
    few = len(names) <= BARS
    with canvas(path, 6.4 if few else 7.2, 0.24 * len(names) + 1.3 if few else 3.8, title) as figure:
        axes = figure.add_subplot()
        (_bars if few else _ranked)(axes, shares[order], [name_of(names[j], 28) for j in order])
        _notes(figure, shares, [str(names[j]) for j in order])


def _bars(axes: Axes, shares: np.ndarray, names: Sequence[str]) -> None:
    """One bar a column, best on top; the value beside its bar, since a bar is clipped to [-1, 1]."""
    place, drawn = np.arange(len(shares)), np.clip(np.nan_to_num(shares), -1.0, 1.0)
    axes.barh(place, drawn, color=np.where(drawn < 0, VERMILLION, BLUE).tolist(), height=0.7)
    for y, (share, length) in enumerate(zip(shares, drawn, strict=True)):
        text = " constant" if np.isnan(share) else f" {share:.2f}"
        axes.text(max(length, 0.0), y, text, va="center", fontsize=8, color=GREY if np.isnan(share) else "black")
    axes.set_yticks(place, names)
    axes.set(ylim=(-0.7, len(shares) - 0.3), xlim=(min(drawn.min() * 1.05, 0.0), 1.1))
    axes.set_xlabel("explained variance of the column, R² (1 is exact)")
    axes.grid(visible=False, axis="y")


def _ranked(axes: Axes, shares: np.ndarray, names: Sequence[str]) -> None:
    """R² against rank: more columns than can be named."""
    known = shares[~np.isnan(shares)][::-1]
    drawn, rank = np.clip(known, -1.0, 1.0), np.arange(1, len(known) + 1)
    axes.fill_between(rank, 0.0, drawn, color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(rank, drawn, color=BLUE)
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    if len(known):
        axes.axhline(float(np.median(known)), color=VERMILLION, linestyle="--", linewidth=1.2)
        axes.text(
            rank[-1], float(np.clip(np.median(known), -1, 1)) + 0.02, f"median {np.median(known):.3f}",
            ha="right", va="bottom", color=VERMILLION, fontsize=8.5,
        )  # fmt: skip
    axes.set(ylim=(min(0.0, drawn.min(initial=0.0) * 1.05), 1.05), xlim=(1, max(2, len(known))))
    axes.set(xlabel="column, from the best reconstructed to the worst", ylabel="explained variance, R²")


def _notes(figure: Figure, shares: np.ndarray, worst_first: Sequence[object]) -> None:
    constant, below = int(np.isnan(shares).sum()), int((shares < -1).sum())
    worst = worst_first[constant : constant + 5]
    notes = [f"worst: {', '.join(name_of(name) for name in worst)}"] if len(shares) > BARS and worst else []
    notes += [f"{counted(constant, 'constant column')} without R²"] if constant else []
    notes += [f"{counted(below, 'column')} below R² = -1, drawn at -1"] if below else []
    note(figure, notes)


def _evenly(count: int, most: int) -> np.ndarray:
    """At most `most` row numbers, evenly spaced over `count` rows."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))

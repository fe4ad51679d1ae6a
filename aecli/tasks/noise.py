"""Figures of what a denoising autoencoder makes of noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.data.synthetic import CURVES
from aecli.evaluation.corrupted import LEVELS, corrupted, refusal, strength
from aecli.report import figures
from aecli.tasks.units import in_units

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

ARROWS, REACH = 34, 3.0  # of a side of the grid; how many times the noise's scale it goes beyond the rows
ROWS, POINTS = 4000, 4000  # drawn, of the rows and of the manifold


def denoised(trained: Trained, x: np.ndarray, folder: Path, title: str) -> Path | None:
    """Images at half the strength trained with, at it, and at twice: where the evaluation asks for it."""
    if "denoising" not in trained.experiment.evaluation.metrics or trained.features.kind != "image":
        return None
    if refusal(trained):
        return None
    corruption, shown = trained.objective.corruption, x[:16]
    levels = []
    for times in LEVELS.values():
        both = (np.clip(in_units(trained.features, a), 0, 1) for a in corrupted(trained, shown, 0, times))
        levels.append((f"{corruption.level} {strength(trained, times):.3g}", *both))
    clean = np.clip(in_units(trained.features, shown), 0, 1)
    return figures.denoising(clean, levels, folder / "denoising.png", title=title)


def field(trained: Trained, rows: Split, folder: Path, title: str) -> Path | None:
    """r(x) - x on a grid around the rows, in the model's space: of two features, where a corruption was trained."""
    if trained.layout.shape != (2,) or refusal(trained) or len(rows) < 2:
        return None
    x = rows.x[:ROWS].astype(np.float64)
    scale = strength(trained, 1.0) if trained.objective.corruption.level == "scale" else 0.1
    low, high = x.min(axis=0) - REACH * scale, x.max(axis=0) + REACH * scale
    if not np.isfinite([low, high]).all():
        return None
    axes = [np.linspace(a, b, ARROWS) for a, b in zip(low, high, strict=True)]
    grid = np.stack([part.ravel() for part in np.meshgrid(*axes)], axis=1).astype(np.float32)
    near = grid[_distance(grid, x) < REACH * scale]
    if not len(near):
        return None
    source = str(trained.experiment.data.source)
    curve = trained.features.transform(CURVES[source](POINTS)) if source in CURVES else None
    names = trained.features.columns or ("x0", "x1")
    led = trained.reconstruct(near)
    return figures.field(near, led, x, folder / "field.png", manifold=curve, columns=(names[0], names[1]), title=title)


def _distance(grid: np.ndarray, x: np.ndarray) -> np.ndarray:
    from scipy.spatial import KDTree

    return np.asarray(KDTree(x).query(grid)[0])

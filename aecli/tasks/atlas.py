"""The atlas of a sparse code's units."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.evaluation.sample import spread
from aecli.report import figures
from aecli.report.atlas import COLUMNS, ROWS, SHOWN
from aecli.tasks.units import in_units

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

LOOKED_AT, TOP = 5000, 10  # rows, and images of a unit


def draw(trained: Trained, rows: Split, folder: Path, title: str) -> Path | None:
    """What units write into an image, from the largest they say of a row: g(z_j e_j) - g(0). Where the evaluation asks
    for sparsity, of images.
    """
    if "sparsity" not in trained.experiment.evaluation.metrics or trained.features.kind != "image":
        return None
    x = rows.x[spread(len(rows), LOOKED_AT)]
    codes = trained.encode(x)
    speaks = np.abs(codes)
    order = np.argsort(-speaks.sum(axis=0), kind="stable")[: COLUMNS * ROWS]
    order = order[speaks[:, order].sum(axis=0) > 0]
    if not len(order) or not np.isfinite(codes).all():
        return None
    alone = np.zeros((len(order) + 1, codes.shape[1]), np.float32)  # the last is nothing
    best = speaks[:, order].argmax(axis=0)
    alone[np.arange(len(order)), order] = codes[best, order]
    written = in_units(trained.features, trained.decode(alone))
    nearest = np.argsort(-speaks[:, order[:SHOWN]], axis=0, kind="stable")[:TOP].T
    top = np.clip(in_units(trained.features, x[nearest.ravel()]), 0, 1).reshape(*nearest.shape, *x.shape[1:])
    usage = (speaks > 0).mean(axis=0)
    return figures.atlas(written[:-1] - written[-1], usage, top, folder / "atlas.png", title=title)

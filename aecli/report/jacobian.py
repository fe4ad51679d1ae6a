"""The spectrum of the encoder's Jacobian: how many directions a code moves in, and how much."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.report.style import BLUE, GREY, canvas, counted, log_axis, note

if TYPE_CHECKING:
    from jaxtyping import Float

FLOOR = 1e-6  # of the largest mean value: what is below it is not drawn


def jacobian(values: Float[np.ndarray, "rows values"], path: Path, *, small: float, title: str = "Jacobian") -> Path:
    """Singular values [rows, values], largest first: their mean by index, a band from the 10th to the 90th percentile,
    and a line at `small` times the largest mean. ValueError where none is positive.
    """
    mean = values.mean(axis=0)
    if not len(mean) or not mean[0] > 0:
        raise ValueError("there is no singular value to draw")
    low, high = np.quantile(values, [0.1, 0.9], axis=0)
    index, floor = np.arange(1, len(mean) + 1), FLOOR * mean[0]
    drawn = mean >= floor
    with canvas(path, 6.4, 4.2, title) as figure:
        axes = figure.add_subplot()
        low, high = np.maximum(low, floor), np.maximum(high, floor)
        axes.fill_between(index, low, high, where=drawn.tolist(), color=BLUE, alpha=0.2, linewidth=0)
        marker = "o" if len(mean) < 20 else ""
        axes.plot(index[drawn], mean[drawn], color=BLUE, marker=marker, markersize=4, label="mean")
        axes.axhline(small * mean[0], color=GREY, linewidth=1, linestyle=(0, (1, 2)))
        axes.text(index[-1], small * mean[0], f"{small:.0%} of the largest ", ha="right", va="bottom", color=GREY)
        log_axis(axes, "y")
        axes.set(xlabel="singular value of dz/dx, largest first", ylabel="its size")
        note(figure, [f"mean over {counted(len(values), 'row')}; band: 10th to 90th percentile"])
    return path

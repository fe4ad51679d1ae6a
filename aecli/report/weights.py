"""Histograms of the weights, a panel a layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.report.style import BLUE, GREY, canvas, log_axis, name_of, note, panels

if TYPE_CHECKING:
    from jaxtyping import Float32

BINS = 61  # odd: zero is in the middle of one
MOST = 12  # layers


def weights(
    layers: Mapping[str, Float32[np.ndarray, " ..."]], path: Path, *, near: float, title: str = "Weights"
) -> Path:
    """The kernels' weights by layer, counts on a logarithmic axis; each panel says how many lie within `near` of zero.

    ValueError where there is no layer.
    """
    if not layers:
        raise ValueError("there are no weights to draw")
    shown = dict(list(layers.items())[:MOST])
    width = min(3, len(shown))
    rows = -(-len(shown) // width)
    with canvas(path, max(4.6, 3.5 * width), 2.3 * rows + 0.8, title) as figure:
        for axes, (name, values) in zip(panels(figure, len(shown), width), shown.items(), strict=True):
            flat = np.asarray(values, np.float64).ravel()
            most = float(np.abs(flat).max()) or 1.0
            axes.hist(flat, bins=np.linspace(-most, most, BINS + 1).tolist(), color=BLUE)
            axes.set_ylim(bottom=0.7)
            log_axis(axes, "y")
            axes.axvline(0, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
            share = np.mean(np.abs(flat) < near)
            axes.set_title(name_of(name, 32), fontsize=9)
            axes.set(xlabel=f"{share:.1%} within {near:g} of zero", ylabel="weights")
        left = len(layers) - len(shown)
        note(figure, [f"{left} more layers are not drawn"] if left else [])
    return path

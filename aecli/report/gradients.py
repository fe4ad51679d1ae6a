"""The noise of gradients, parameter by parameter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.report.style import PALETTE, canvas, counted, log_axis, note

if TYPE_CHECKING:
    from jaxtyping import Float

BINS = 60


def gradients(
    deviations: Mapping[str, Float[np.ndarray, " parameters"]], path: Path, *, signal: Float[np.ndarray, " parameters"],
    title: str = "gradients",
) -> Path:  # fmt: skip
    """By name, the standard deviations of every parameter's gradient, as histograms on a logarithmic axis; and the
    sizes of the gradients' means, the `signal`. ValueError where none is positive.
    """
    shown = {name: values[values > 0] for name, values in {**deviations, "the gradient itself": np.abs(signal)}.items()}
    every = np.concatenate(list(shown.values()))
    if not len(every):
        raise ValueError("there is no noise to draw")
    low, high = np.quantile(every, [0.002, 1.0])
    edges = np.geomspace(low, high * 1.02, BINS)
    with canvas(path, 7.2, 4.2, title) as figure:
        axes = figure.add_subplot()
        for colour, (name, values) in zip(PALETTE, shown.items(), strict=False):
            own: Any = {"linestyle": (0, (2, 2))} if name == "the gradient itself" else {}
            axes.hist(np.maximum(values, low), edges, histtype="step", color=colour, linewidth=1.6, label=name, **own)
            axes.axvline(float(np.median(values)), color=colour, linewidth=0.8, alpha=0.5)
        axes.set_xlim(low, high * 1.02)
        log_axis(axes, "x")
        axes.set(xlabel="standard deviation of a parameter's gradient over draws of the code", ylabel="parameters")
        axes.legend(loc="upper left", bbox_to_anchor=(0, 1.16), ncols=2)
        silent = sum(int((values <= 0).sum()) for values in deviations.values())
        parts = [f"{counted(len(signal), 'parameter')} of the encoder; thin lines: medians"]
        note(figure, parts + ([f"{counted(silent, 'deviation')} of 0 left out"] if silent else []))
    return path

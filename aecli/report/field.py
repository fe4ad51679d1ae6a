"""The vector field r(x) - x of an autoencoder of two features: where a step of reconstruction leads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.report.style import BLUE, GREY, VERMILLION, canvas, note

if TYPE_CHECKING:
    from jaxtyping import Float


def field(
    at: Float[np.ndarray, "n 2"],
    to: Float[np.ndarray, "n 2"],
    rows: Float[np.ndarray, "m 2"],
    path: Path,
    *,
    manifold: Float[np.ndarray, "k 2"] | None = None,
    columns: tuple[str, str] = ("x", "y"),
    title: str = "r(x) - x",
) -> Path:
    """An arrow from each point `at` to where it is led, as long as the step is, over the rows and the manifold."""
    step = to - at
    length = np.linalg.norm(step, axis=1)
    with canvas(path, 6.4, 6.4, title, beside=True) as figure:
        axes = figure.add_subplot()
        axes.scatter(*rows.T, s=2.5, c=GREY, alpha=0.35, linewidths=0, label="rows")
        if manifold is not None:
            axes.plot(*manifold.T, linestyle="", marker=".", markersize=1.2, color=VERMILLION, label="manifold")
        axes.quiver(
            *at.T, *step.T, color=BLUE, angles="xy", scale_units="xy", scale=1.0, width=0.0022, headwidth=4.5,
        )  # fmt: skip
        axes.set(xlabel=columns[0], ylabel=columns[1], aspect="equal")
        figure.legend(loc="outside upper right", ncols=2, markerscale=3)
        steps = f"steps of {np.median(length):.3g} in the middle, {length.max(initial=0.0):.3g} at most"
        note(figure, [f"arrows lead from points to their reconstructions: {steps}"])
    return path

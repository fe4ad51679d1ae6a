"""A claim's variants in one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.tasks.reproduce.claim import Claim

if TYPE_CHECKING:
    from jaxtyping import Float

    from aecli.runs.run import Run

MOST = 8  # panels of numbers


def draw(claim: Claim, found: Mapping[str, Sequence[float]], runs: Mapping[str, Run]) -> Path | None:
    """variants-STAMP.png over the variants' directories: what the claim expects something of, by variant.

    `found`: VARIANT.metric -> a number of each seed; `runs`: each variant's first run, the first of which gives the
    stamp. None without variants.
    """
    names = [variant.name for variant in claim.variants if variant.name]
    metrics = _metrics(claim)
    numbers = {m: {n: found[f"{n}.{m}"] for n in names if f"{n}.{m}" in found} for m in metrics}
    numbers = {metric: each for metric, each in numbers.items() if any(np.isfinite(v).any() for v in each.values())}
    if not names or not numbers:
        return None
    from aecli.report import figures

    spectra = {name: values for name in names if (values := _singular_values(runs[name])) is not None}
    rows = " or ".join(f"{count:,}" for count in sorted({len(values) for values in spectra.values()}))
    means = {name: values.mean(axis=0) for name, values in spectra.items()}
    first = runs[names[0]].path
    path = first.parent.parent / f"variants-{first.name}.png"
    return figures.variants(numbers, path, spectra=means, of=f"{rows} rows", title=claim.recipe.name)


def _metrics(claim: Claim) -> list[str]:
    """Those that its expectations name, in their order."""
    sides = (name.split(".", 1)[1] for one in claim.expectations for name in one.names() if "." in name)
    return list(dict.fromkeys(sides))[:MOST]


def _singular_values(run: Run) -> Float[np.ndarray, "rows values"] | None:
    """Those of the Jacobian, of a run that measures them."""
    from aecli.tasks import spectrum
    from aecli.training.trained import open_trained

    trained = open_trained(run)
    return spectrum.values(trained, trained.split()[1])

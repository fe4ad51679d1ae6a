"""Train what a claim speaks of, and compare what it expects with what was obtained."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aecli.config.problems import Problem, UserError
from aecli.runs.run import Run
from aecli.tasks.reproduce import picture
from aecli.tasks.reproduce.claim import Claim, Variant
from aecli.tasks.reproduce.expectation import Expectation
from aecli.tasks.train import train
from aecli.training.progress import Progress

SECONDS = "seconds"  # from reading the data to the last figure, of all trainings


@dataclass(frozen=True)
class Compared:
    """An expectation, what was obtained on its two sides, and the deviation over seeds of what is on the left."""

    expected: Expectation
    obtained: float
    against: float
    deviation: float | None
    holds: bool

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        numbers = {"obtained": self.obtained, "against": self.against, "deviation": self.deviation}
        return {"expected": self.expected.text, **numbers, "holds": self.holds}


@dataclass(frozen=True)
class Reproduced:
    """A claim, its runs, each expectation beside what was obtained, and the figure of its variants."""

    claim: Claim
    runs: tuple[Path, ...]
    compared: tuple[Compared, ...]
    seconds: float
    figure: Path | None
    overrides: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether all of it does."""
        return all(one.holds for one in self.compared)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.claim.recipe.name, "claim": self.claim.number, "statement": self.claim.recipe.purpose,
            "holds": self.holds, "seconds": round(self.seconds, 2), "runs": [str(run) for run in self.runs],
            "figure": None if self.figure is None else str(self.figure),
            "overrides": list(self.overrides), "expectations": [one.to_dict() for one in self.compared],
        }  # fmt: skip


def reproduce(
    claim: Claim,
    overrides: list[str] | None = None,
    *,
    output: str | Path = "outputs",
    progress: Progress,
    figures: bool = True,
) -> Reproduced:
    """Every variant with every seed, one after the other; `overrides` come after the variant's own.

    What is expected of a number is expected of its mean over seeds, which is NaN where a seed did not give it.
    Errors are those of `train`.
    """
    if claim.seeds > 1 and any(word.startswith("seed=") for word in overrides or []):
        text = f"{claim.recipe.name} is of the mean over {claim.seeds} seeds, and seed= would make them one"
        raise UserError(Problem(text, None, "leave it out, or train the recipe: aecli train"))
    began = time.perf_counter()
    runs: list[Path] = []
    first: dict[str, Run] = {}
    found: dict[str, list[float]] = {}
    for variant in claim.variants:
        for seed in range(claim.seeds):
            progress.say(_said(claim, variant, seed))
            changes = [*_own(claim, variant, seed), *(overrides or [])]
            result = train(claim.recipe.path, changes, output=output, progress=progress, figures=figures and not seed)
            runs.append(result.run.path)
            first.setdefault(variant.name, result.run)
            for name, value in result.metrics.items():
                found.setdefault(_named(variant, name), []).append(math.nan if value is None else float(value))
    seconds = time.perf_counter() - began
    means = {n: statistics.fmean(each) if len(each) == claim.seeds else math.nan for n, each in found.items()}
    values = means | {SECONDS: seconds}
    compared = tuple(_compared(expected, values, found) for expected in claim.expectations)
    figure = picture.draw(claim, found, first) if figures else None
    return Reproduced(claim, tuple(runs), compared, seconds, figure, tuple(overrides or []))


def _own(claim: Claim, variant: Variant, seed: int) -> list[str]:
    """The overrides that make this training of the recipe."""
    from aecli.experiment import load

    name = load(claim.recipe.path).experiment.name
    return [
        *variant.overrides,
        *([f"name={name}/{variant.name}"] if variant.name else []),
        *([f"seed={seed}"] if claim.seeds > 1 else []),
    ]


def _said(claim: Claim, variant: Variant, seed: int) -> str:
    which = f", {variant.name}" if variant.name else ""
    return f"{claim.recipe.name}{which}" + (f", seed {seed} of {claim.seeds}" if claim.seeds > 1 else "")


def _named(variant: Variant, metric: str) -> str:
    return f"{variant.name}.{metric}" if variant.name else metric


def _compared(expected: Expectation, values: dict[str, float], found: dict[str, list[float]]) -> Compared:
    each = found.get(expected.left.name or "", [])
    finite = all(map(math.isfinite, each))  # of others statistics.stdev raises
    deviation = abs(expected.left.factor) * (statistics.stdev(each) if finite else math.nan) if len(each) > 1 else None
    left, right = expected.left.value(values), expected.right.value(values)
    return Compared(expected, left, right, deviation, expected.holds(values))

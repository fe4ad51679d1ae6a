"""Runs side by side: metrics with the best marked where a direction is known, and the config keys that differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from aecli.report.html.content import RunContent
from aecli.report.html.numbers import with_error

LOWER, HIGHER = -1, 1
DIRECTIONS = {
    "squared_error": LOWER, "mse": LOWER, "psnr": HIGHER, "explained_variance": HIGHER, "elbo": HIGHER, "nll": LOWER,
    "category_accuracy": HIGHER, "linear_probe_accuracy": HIGHER, "knn_accuracy": HIGHER, "kmeans_accuracy": HIGHER,
    "kmeans_nmi": HIGHER,
}  # fmt: skip
OF_DENSITY = ("elbo", "nll")  # comparable only under one model of the pixels: nats of a mass are not nats of a density


@dataclass(frozen=True)
class Cell:
    """A number as text; whether it is the best of its row."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Metric:
    """A row of the table: a number of each run. `direction` is -1 where lower is better, 1 where higher is, else 0."""

    name: str
    unit: str
    cells: tuple[Cell, ...]
    direction: int


def metrics(runs: Sequence[RunContent]) -> list[Metric]:
    """Every metric that any run has, in the order of the first that has it."""
    names = list(dict.fromkeys(name for run in runs for name in run.metrics["metrics"]))
    return [_metric(name, runs) for name in names]


def _metric(name: str, runs: Sequence[RunContent]) -> Metric:
    values = [run.metrics["metrics"].get(name) for run in runs]
    units = list(dict.fromkeys(run.metrics["units"].get(name) for run in runs if name in run.metrics["metrics"]))
    texts = [with_error(v, run.metrics["stderr"].get(name)) for v, run in zip(values, runs, strict=True)]
    direction = DIRECTIONS.get(name, 0)
    known = [v for v in values if v is not None and isfinite(v)]
    best = None
    if direction and len(runs) > 1 and len(set(known)) > 1 and len(units) == 1 and comparable(runs, name):
        best = max(known, key=lambda v: direction * v)
    cells = tuple(Cell(t, v is not None and v == best) for t, v in zip(texts, values, strict=True))
    return Metric(name, " or: ".join(str(unit) for unit in units), cells, direction)


def comparable(runs: Sequence[RunContent], name: str = "") -> bool:
    """Whether all were measured on the same rows in the same space, and densities under the same model."""
    first = runs[0]

    def space(run: RunContent) -> Any:
        density = run.config["objective"]["reconstruction"] if name in OF_DENSITY else None
        return run.record["data"].get("sha256"), run.config["data"], run.split, density

    return all(space(run) == space(first) for run in runs)


def differences(runs: Sequence[RunContent]) -> list[tuple[str, tuple[str, ...]]]:
    """The config keys that are not the same in all runs, `name` apart: each with its value in each run."""
    flat = [dict(flattened(run.config)) for run in runs]
    keys = list(dict.fromkeys(key for config in flat for key in config if key != "name"))
    return [
        (key, tuple(config.get(key, "-") for config in flat))
        for key in keys
        if len({config.get(key) for config in flat}) > 1
    ]


def flattened(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Leaves by dotted path, as text; a list of plain values is a leaf."""
    if isinstance(value, Mapping) and value:
        return [leaf for key, item in value.items() for leaf in flattened(item, f"{prefix}.{key}" if prefix else key)]
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        return [leaf for i, item in enumerate(value) for leaf in flattened(item, f"{prefix}.{i}")]
    return [(prefix, value if isinstance(value, str) else json.dumps(value, default=str))]

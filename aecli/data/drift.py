"""Drift: how later rows differ from the training rows, column by column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.data.features import Features
from aecli.layout import UNKNOWN

if TYPE_CHECKING:
    from jaxtyping import Float32

MOVED = 0.5  # training standard deviations by which a mean has moved, or
RATE = 0.05  # by which the share of holes has changed, for it to be said
SURE = 5.0  # standard errors that it must exceed besides
SHOWN = 5


@dataclass
class Drift:
    """Sums over rows in model space, a block at a time; `report` compares them with the run's profile."""

    features: Features
    rows: int = 0
    known: Any = 0
    total: Any = 0.0
    unknown: Any = 0
    off: Any = False
    _category: np.ndarray = field(init=False)
    _constant: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._category = np.array([bool(f.values) for f in self.features.fields or ()], bool)
        constant = self.features.constant_columns
        self._constant = [j for j in constant if not (self._category.size and self._category[j])]

    def add(self, x: Float32[np.ndarray, " rows *features"]) -> None:
        """The next rows."""
        z = x.reshape(len(x), -1)
        hole = np.isnan(z)
        self.rows += len(z)
        self.known = self.known + (~hole).sum(axis=0)
        self.total = self.total + np.where(hole, 0, z).sum(axis=0, dtype=np.float64)
        if self._category.any():
            self.unknown = self.unknown + ((z == UNKNOWN) & self._category).sum(axis=0)
        if self.features.shift is not None and self._constant:
            # A constant is known where it was subtracted.
            self.off = self.off | (np.abs(np.nan_to_num(z[:, self._constant])) > 1e-6).any(axis=0)

    def report(self) -> list[dict[str, Any]]:
        """A table's columns: mean and training mean (in units; none for categories), shares of holes and unknowns."""
        profile, features = self.features.profile, self.features
        if profile is None or not self.rows:
            return []
        mean = self.total / np.maximum(self.known, 1)
        if features.shift is not None and features.spread is not None:
            mean = mean * features.spread + features.shift
        found = []
        for j in range(len(profile.missing)):
            category = bool(self._category.size and self._category[j])
            numeric = not category and features.scale != "log1p"  # there a mean of logarithms is no mean
            entry: dict[str, Any] = {
                "column": features.name(j), "missing": 1 - float(self.known[j]) / self.rows,
                "training_missing": profile.missing[j],
            }  # fmt: skip
            if category:
                entry["unknown"] = float(self.unknown[j] / max(self.known[j], 1))
                entry["training_unknown"] = profile.rare[j] / max(profile.rows * (1 - profile.missing[j]), 1)
            if numeric and self.known[j]:
                entry["known"] = int(self.known[j])
                entry |= {"mean": float(mean[j]), "training_mean": profile.mean[j]}
                entry["training_deviation"] = profile.deviation[j]
            found.append(entry)
        return found

    def notes(self) -> list[str]:
        """What a user must know, in words: unseen categories, holes, means that moved, constants that vary."""
        report = self.report()
        found = [
            *_line("categories that training did not know", self._unknown(report)),
            *_line("another share of holes than in training", self._holes(report)),
            *_line("another mean than in training", self._moved(report)),
        ]
        if np.any(self.off):
            named = [self.features.name(j) for j, off in zip(self._constant, self.off, strict=True) if off]
            text = "constant in training, but not in these rows: "
            found.append(text + _listed(named) + "; their scores are high for that alone")
        return found

    def _unknown(self, report: list[dict[str, Any]]) -> Iterator[str]:
        """More of them than training had (those that were too rare to be kept)."""
        for entry in report:
            now, then = entry.get("unknown", 0.0), entry.get("training_unknown", 0.0)
            if now > then + SURE * sqrt(then * (1 - then) / self.rows):
                yield f"{entry['column']} ({_share(now)} of its cells" + (
                    f", in training {_share(then)})" if then else ")"
                )

    def _holes(self, report: list[dict[str, Any]]) -> Iterator[str]:
        for entry in report:
            now, then = entry["missing"], entry["training_missing"]
            noise = SURE * sqrt(max(then * (1 - then), 1e-3) / self.rows)
            if abs(now - then) > max(RATE, noise):
                yield f"{entry['column']} ({now:.1%}, in training {then:.1%})"

    def _shown(self, entry: dict[str, Any], key: str) -> str:
        """A mean in few digits, that of dates as a date."""
        fields = {f.name: f.kind for f in self.features.fields or ()}
        if fields.get(entry["column"]) == "date":
            return str(np.datetime64(round(entry[key]), "s")).split("T")[0]
        return f"{entry[key]:.4g}"

    def _moved(self, report: list[dict[str, Any]]) -> Iterator[str]:
        for entry in report:
            spread = entry.get("training_deviation", 0.0)
            if spread > 0:
                moved = (entry["mean"] - entry["training_mean"]) / spread
                if abs(moved) > max(MOVED, SURE / sqrt(entry["known"])):
                    means = (self._shown(entry, "mean"), self._shown(entry, "training_mean"))
                    yield f"{entry['column']} ({means[0]}, in training {means[1]})"


def _share(rate: float) -> str:
    return f"{rate:.1%}" if rate >= 0.001 else f"{rate:.2g}"


def _line(what: str, columns: Iterator[str]) -> list[str]:
    named = list(columns)
    return [f"{what}: {_listed(named)}"] if named else []


def _listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")

"""Features: raw values to model space and back, fitted on the training rows alone and kept with the run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Place, Problem, UserError
from aecli.data.faults import COUNTED, cells
from aecli.data.raw import Kind, Raw
from aecli.data.spec import Scale

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Float, Float32, Shaped

CHUNK = 2**22  # values transformed at a time: the float64 in between stays small


@dataclass(frozen=True)
class Features:
    """z = (u - shift) / spread, or log(1 + u): u is x in its units ([0, 1] for images, a table's own).

    `shift` and `spread` are Float64[d] (d features of a row, flattened) or None where u is taken as it is.
    A constant feature has spread 1 and is listed in `constant_columns`. Integer pixels are divided by
    `divisor`.
    """

    shape: tuple[int, ...]
    kind: Kind
    columns: tuple[str, ...] | None
    divisor: float
    scale: Scale
    shift: np.ndarray | None = None
    spread: np.ndarray | None = None
    constant_columns: tuple[int, ...] = ()  # flat indices from 0

    @classmethod
    def fit(cls, raw: Raw, rows: np.ndarray | slice = slice(None), scale: Scale = "auto") -> Features:
        """Fit to the rows of `raw` with these indices. `auto` is resolved: it never stays."""
        x = raw.x[rows]
        plain = cls(x.shape[1:], raw.kind, raw.columns, raw.divisor, "none")
        if scale == "auto":
            scale = "none" if raw.kind == "image" or (x.min() >= 0 and x.max() <= 1) else "standard"
        flat = x.reshape(len(x), -1)
        constant = tuple(int(i) for i in np.flatnonzero((flat == flat[:1]).all(axis=0)))
        plain = replace(plain, scale=scale, constant_columns=constant)
        if scale in ("none", "log1p"):
            return plain
        shift, spread = _fitted(plain.units(flat), scale)
        return replace(plain, shift=shift, spread=_safe(spread, shift, constant))

    def units(self, x: Shaped[np.ndarray, " n *dims"]) -> Float[np.ndarray, " n *dims"]:
        """Values in their units, as float64: integer pixels divided by `divisor`, all else as it is."""
        u = x.astype(np.float64)
        return u / self.divisor if self.kind == "image" and x.dtype.kind in "iu" else u

    def transform(
        self, x: Shaped[np.ndarray, " n *shape"], place: Place | None = None
    ) -> Float32[np.ndarray, " n *shape"]:
        """Raw rows in model space: computed in float64, returned as float32.

        Raises UserError for a negative value under log1p, and for a value that no float32 can hold.
        """
        out = np.empty((len(x), prod(self.shape)), np.float32)
        for rows in self._chunks(len(x)):
            raw = u = self.units(x[rows].reshape(-1, out.shape[1]))
            if self.scale == "log1p":
                self._refuse(u < 0, u, rows, "log1p takes no value below 0", "use scale: standard", place)
                u = np.log1p(u)
            with np.errstate(over="ignore"):
                if self.shift is not None and self.spread is not None:
                    u = (u - self.shift) / self.spread
                out[rows] = u
            what = "too large for float32 once scaled"
            self._refuse(~np.isfinite(out[rows]), raw, rows, what, "bring x to a smaller unit", place)
        return out.reshape(len(x), *self.shape)

    def inverse(self, z: Float[np.ndarray, " n *shape"]) -> Float[np.ndarray, " n *shape"]:
        """Model space back to units, as float64: [0, 1] for images, a table's own columns otherwise."""
        u = np.asarray(z, np.float64).reshape(len(z), -1)
        if self.scale == "log1p":
            with np.errstate(over="ignore"):  # a decoder may say more than float64 holds: that is inf
                u = np.expm1(u)
        elif self.shift is not None and self.spread is not None:
            u = u * self.spread + self.shift
        return u.reshape(len(z), *self.shape)

    def to_dict(self) -> dict[str, Any]:
        """As plain lists and numbers, which JSON keeps exactly."""
        return {
            "shape": list(self.shape), "kind": self.kind,
            "columns": list(self.columns) if self.columns else None,
            "divisor": self.divisor, "scale": self.scale,
            "shift": None if self.shift is None else self.shift.tolist(),
            "spread": None if self.spread is None else self.spread.tolist(),
            "constant_columns": list(self.constant_columns),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Features:
        """The inverse of `to_dict`."""
        arrays = {k: None if fields[k] is None else np.array(fields[k], np.float64) for k in ("shift", "spread")}
        columns = tuple(fields["columns"]) if fields["columns"] else None
        rest = {
            "columns": columns,
            "shape": tuple(fields["shape"]),
            "constant_columns": tuple(fields["constant_columns"]),
        }
        return cls(**{**fields, **arrays, **rest})

    def name(self, feature: int) -> str:
        """The name of a feature by its flat index: its column, or its index."""
        return self.columns[feature] if self.columns else str(feature)

    def _chunks(self, n: int) -> Iterator[slice]:
        step = max(1, CHUNK // max(prod(self.shape), 1))
        return (slice(start, min(start + step, n)) for start in range(0, n, step))

    def _refuse(self, bad: np.ndarray, u: np.ndarray, rows: slice, what: str, hint: str, place: Place | None) -> None:
        if not bad.any():
            return
        where = np.argwhere(bad.reshape(-1, *self.shape))
        named = cells(u.reshape(-1, *self.shape), where, self.columns, rows.start)
        raise UserError(Problem(f"{what}: {named}", place, f"{hint} ({COUNTED})"))


def _fitted(u: Float[np.ndarray, " n d"], scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    """(mean, standard deviation), (minimum, range) or (median, interquartile range) of every column."""
    with np.errstate(over="ignore", invalid="ignore"):
        if scale == "standard":
            shift, spread = u.mean(axis=0), u.std(axis=0)
        elif scale == "minmax":
            shift, spread = u.min(axis=0), np.ptp(u, axis=0)
        else:
            low, shift, high = np.percentile(u, [25, 50, 75], axis=0)
            spread = high - low
    wild = np.flatnonzero(~(np.isfinite(shift) & np.isfinite(spread)))
    if len(wild):
        message = f"data.scale: column {wild[0]} (from 0) is too large to compute its {scale} scale"
        raise UserError(Problem(message, None, "bring x to a smaller unit", ("data", "scale")))
    return shift, spread


def _safe(spread: Float[np.ndarray, " d"], shift: Float[np.ndarray, " d"], constant: tuple[int, ...]) -> np.ndarray:
    """1 in place of a spread that is nothing but rounding: a constant column, or half of the values alike."""
    safe = np.where(spread <= 10 * np.finfo(np.float64).eps * np.abs(shift), 1.0, spread)
    safe[list(constant)] = 1.0
    return safe

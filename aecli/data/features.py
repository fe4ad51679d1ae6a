"""Features: raw values to model space and back, fitted on the training rows alone and kept with the run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Place, Problem, UserError
from aecli.data.aligned import empty
from aecli.data.credible import check_credible
from aecli.data.faults import COUNTED, cells
from aecli.data.raw import Field, Kind, Raw
from aecli.data.spec import Scale
from aecli.layout import UNKNOWN, Layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jaxtyping import Float, Float32, Shaped

MANY = 10_000  # classes, at most
CHUNK = 2**16  # values transformed at a time: what is in between, float64 or an index, stays in a processor's cache


@dataclass(frozen=True)
class Profile:
    """What the training rows were like, a value a column: what later rows are compared with.

    `missing` is the share of holes; `mean` and `deviation` are in units, of what is known; `rare` counts the cells
    of a category column whose category was too rare to be kept, `dropped` those categories.
    """

    rows: int
    missing: tuple[float, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    rare: tuple[int, ...]
    dropped: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain lists."""
        return {name: value if name == "rows" else list(value) for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Profile:
        """The inverse of `to_dict`."""
        names = ("missing", "mean", "deviation", "rare", "dropped")
        none = [0] * len(kept["missing"])
        missing, mean, deviation, rare, dropped = (tuple(kept.get(name, none)) for name in names)
        return cls(int(kept["rows"]), missing, mean, deviation, rare, dropped)


@dataclass(frozen=True)
class Features:
    """z = (u - shift) / spread, or log(1 + u): u is x in its units ([0, 1] for images, a table's own).

    `shift` and `spread` are Float64[d] (d features of a row, flattened) or None where u is taken as it is.
    A constant feature has spread 1 and is listed in `constant_columns`. Integer pixels are divided by
    `divisor`. `low` and `high` are the extremes of the training rows' numbers in model space. `fields` are a table's
    columns with the categories of the training rows; a category's z is its code in `aecli.layout`, a hole's NaN.
    """

    shape: tuple[int, ...]
    kind: Kind
    columns: tuple[str, ...] | None
    divisor: float
    scale: Scale
    shift: np.ndarray | None = None
    spread: np.ndarray | None = None
    constant_columns: tuple[int, ...] = ()  # flat indices from 0
    low: float = 0.0
    high: float = 1.0
    fields: tuple[Field, ...] | None = None
    profile: Profile | None = None
    classes: tuple[str, ...] = ()  # of labels that training uses, in the order of their numbers

    @classmethod
    def fit(cls, raw: Raw, rows: np.ndarray | slice = slice(None), scale: Scale = "auto") -> Features:
        """Fit to the rows of `raw` with these indices. `auto` is resolved: it never stays."""
        from aecli.data.fitting import fit

        return fit(raw, [raw.x[rows]], scale, len(raw.x))

    def units(self, x: Shaped[np.ndarray, " n *dims"]) -> Float[np.ndarray, " n *dims"]:
        """Values in their units, as float64: integer pixels divided by `divisor`, all else as it is."""
        u = x.astype(np.float64)
        return u / self.divisor if self.kind == "image" and x.dtype.kind in "iu" else u

    def layout(self) -> Layout:
        """What a row is to the model."""
        return replace(self._rows(), classes=len(self.classes))

    def _rows(self) -> Layout:
        """The layout of rows without labels."""
        if self.kind != "table":
            return Layout(self.shape)
        profile, fields = self.profile, self.fields or ()
        cards = tuple(len(f.values) for f in fields)
        missing = profile.missing if profile else ()
        holes = tuple(rate > 0 and not (cards and cards[j]) for j, rate in enumerate(missing))
        if not any(cards):
            return Layout(self.shape, True, (), holes if any(holes) else ())
        chances = [self._unseen(j) if card else (0.0, 0.0) for j, card in enumerate(cards)]
        unseen, known = zip(*chances, strict=True)
        return Layout(self.shape, True, cards, holes if any(holes) else (), unseen, known)

    def _unseen(self, column: int) -> tuple[float, float]:
        """What an unknown category is charged, and log of the probability that a category is a known one.

        By Laplace's rule of succession u = (rare + 1) / (n + K + 1) after n known cells, `rare` of which are of the R
        categories that were not kept; u is shared by these and one that is new: the charge is -log(u / (R + 1)).
        """
        assert self.profile is not None
        assert self.fields is not None
        known = self.profile.rows * (1 - self.profile.missing[column])
        u = (self.profile.rare[column] + 1) / (known + len(self.fields[column].values) + 1)
        return float(-np.log(u / (self.profile.dropped[column] + 1))), float(np.log1p(-min(u, 0.999)))

    def transform(
        self,
        x: Shaped[np.ndarray, " n *shape"],
        place: Place | None = None,
        fields: Sequence[Field] | None = None,
        first: int = 0,
    ) -> Float32[np.ndarray, " n *shape"]:
        """Raw rows in model space: computed in float64, returned as float32; `fields` say what their categories are.

        Raises UserError for a negative value under log1p, and for a value that no float32 can hold. `first` is the
        number of the first row, for messages.
        """
        out = empty((len(x), prod(self.shape)), np.float32)
        if x.dtype == np.uint8 and self.kind == "image" and self.shift is None:
            pixels, values = x.reshape(out.shape), self._of_bytes()
            for rows in self._chunks(len(x)):  # numpy makes eight bytes of each index
                np.take(values, pixels[rows], out=out[rows], mode="clip")
            return out.reshape(len(x), *self.shape)
        tables = self._lookups(fields)
        for rows in self._chunks(len(x)):
            at = slice(first + rows.start, first + rows.stop)
            raw = u = self.units(x[rows].reshape(-1, out.shape[1]))
            if tables:
                u = u.copy()
                u[:, list(tables)] = 0
            if self.scale == "log1p":
                self._refuse(u < 0, u, at, "log1p takes no value below 0", "use scale: standard", place)
                u = np.log1p(u)
            with np.errstate(over="ignore"):
                if self.shift is not None and self.spread is not None:
                    u = (u - self.shift) / self.spread
                out[rows] = u
            what = "too large for float32 once scaled"
            self._refuse(np.isinf(out[rows]), raw, at, what, "bring x to a smaller unit", place)
            for j, codes in tables.items():
                known = ~np.isnan(raw[:, j])
                out[rows, j] = np.where(known, codes[np.where(known, raw[:, j], 0).astype(np.int64)], np.nan)
        return out.reshape(len(x), *self.shape)

    def _of_bytes(self) -> Float32[np.ndarray, " 256"]:
        """What each of a pixel's values becomes, where that is the same for all pixels."""
        u = self.units(np.arange(256, dtype=np.uint8))
        return (np.log1p(u) if self.scale == "log1p" else u).astype(np.float32)

    def _lookups(self, fields: Sequence[Field] | None) -> dict[int, Float32[np.ndarray, " values"]]:
        """For each category column, the run's code of each of the source's values."""
        found = {}
        for j, field in enumerate(self.fields or ()):
            if field.values:
                code = {text: k + 1 for k, text in enumerate(field.values)}
                values = fields[j].values if fields is not None else field.values
                found[j] = np.array([code.get(text, UNKNOWN) for text in values] or [UNKNOWN], np.float32)
        return found

    def inverse(self, z: Float[np.ndarray, " n *shape"]) -> Float[np.ndarray, " n *shape"]:
        """Model space back to units, as float64: [0, 1] for images, a table's own columns otherwise.

        Of a category column it is the code: `decoded` gives the category.
        """
        u = np.asarray(z, np.float64).reshape(len(z), -1)
        if self.scale == "log1p":
            with np.errstate(over="ignore"):  # a decoder may say more than float64 holds: that is inf
                u = np.expm1(u)
        elif self.shift is not None and self.spread is not None:
            u = u * self.spread + self.shift
        for j, field in enumerate(self.fields or ()):
            if field.values:
                u[:, j] = np.asarray(z, np.float64).reshape(len(z), -1)[:, j]
        return u.reshape(len(z), *self.shape)

    def to_dict(self) -> dict[str, Any]:
        """As plain lists and numbers, which JSON keeps exactly."""
        return {
            "shape": list(self.shape), "kind": self.kind,
            "columns": list(self.columns) if self.columns else None,
            "divisor": self.divisor, "scale": self.scale,
            "shift": None if self.shift is None else self.shift.tolist(),
            "spread": None if self.spread is None else self.spread.tolist(),
            "constant_columns": list(self.constant_columns), "low": self.low, "high": self.high,
            "fields": [asdict(f) | {"values": list(f.values)} for f in self.fields] if self.fields else None,
            "profile": self.profile.to_dict() if self.profile else None,
            **({"classes": list(self.classes)} if self.classes else {}),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Features:
        """The inverse of `to_dict`; ValueError, TypeError or LookupError where `fields` are no features."""
        arrays = {k: None if fields[k] is None else np.array(fields[k], np.float64) for k in ("shift", "spread")}
        known, profile = fields.get("fields"), fields.get("profile")
        rest = {
            "columns": tuple(fields["columns"]) if fields["columns"] else None,
            "shape": tuple(fields["shape"]),
            "constant_columns": tuple(fields["constant_columns"]),
            "fields": tuple(Field(**{**f, "values": tuple(f["values"])}) for f in known) if known else None,
            "profile": Profile.from_dict(profile) if profile else None,
            "classes": _classes(fields.get("classes", [])),
        }  # fmt: skip
        found = cls(**{**fields, **arrays, **rest})
        check_credible(found)
        return found

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


def _classes(found: Any) -> tuple[str, ...]:
    """Names of classes as they were kept; ValueError for anything else."""
    if not isinstance(found, list) or len(found) > MANY or not all(isinstance(name, str) for name in found):
        raise ValueError("the classes are no list of names")
    if len(set(found)) < len(found):
        raise ValueError("a class is named twice")
    return tuple(found)

"""What a source holds: read as a training would read it, with the keys of `data` that it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Place, Problem, UserError
from aecli.data.dataset import Dataset, assemble
from aecli.data.describe import Description, described
from aecli.data.faults import problems
from aecli.data.paths import path_of
from aecli.data.raw import Raw, Want
from aecli.data.residency import choose
from aecli.data.scan import Whole, scan, size_of
from aecli.data.sources import NAMED, images, tables
from aecli.data.spec import Data
from aecli.tasks.init.choice import Choice, Choices
from aecli.tasks.init.columns import table_choices
from aecli.tasks.init.pictures import picture_choices

if TYPE_CHECKING:
    from jaxtyping import Float

SAMPLE = 20_000  # rows looked at of what is larger than memory
PCA = 1_500  # rows and columns at most for the eigenvalues
STILL = 1e-9  # standard deviation of a column that does not vary
EXPLAINED = 0.95
SMALL = 1_000  # rows, fewer of which make a tenth of them too few to judge by
FAINT = 0.25  # share of the range of integer pixels that the brightest one should reach


@dataclass(frozen=True)
class Found:
    """Rows of a source as a training has them. `choices` are keys of `data` and of nothing else.

    `rows` are all there are; `looked` is how many were looked at. `components` of PCA explain 95 % of the numeric
    columns; `inputs` are the numbers that the encoder sees of a row.
    """

    spec: Data
    choices: Choices
    rows: int
    looked: int
    dataset: Dataset
    description: Description
    components: int

    @property
    def image(self) -> bool:
        """Whether rows are pictures or pixels."""
        return self.dataset.features.kind == "image"

    @property
    def columns(self) -> int:
        """Of a table; of an image the number of pixels times channels."""
        return int(np.prod(self.dataset.features.shape))

    @property
    def categories(self) -> int:
        """Columns that hold categories."""
        return sum(bool(f.values) for f in self.dataset.features.fields or ())

    @property
    def inputs(self) -> int:
        """Numbers of a row as the encoder sees them: a category column is as many as it has categories."""
        return int(np.prod(self.dataset.features.layout().input_shape))

    @property
    def training_rows(self) -> int:
        """Of all rows, those that a training sees, nearly where only a part was looked at."""
        return round(len(self.dataset.train) * self.rows / max(self.looked, 1))


def look(source: str, given: dict[str, Any]) -> Found:
    """Look at a source, with the keys of `data` that are `given`; UserError where it could not be trained on."""
    given = {**given, "source": source}
    limit = _limit(given)
    choices = _choices(source, given, limit)
    spec = _spec(given, choices)
    rows, raw = _read(spec, limit)
    if found := problems(raw):
        raise UserError(*found)
    choices |= _by_values(raw, rows, given)
    spec = _spec(given, choices)
    dataset = assemble(raw, spec)
    description = replace(described(raw, spec, dataset), rows=rows)
    return Found(spec, choices, rows, len(raw.x), dataset, description, components(dataset))


def _limit(given: dict[str, Any]) -> int | None:
    """How many rows to look at; None for all of what fits into memory."""
    spec = Data.model_validate(given)
    if _is_folder(spec.source) and spec.image.size is None:
        return None  # how large they are is not known yet
    try:
        size = size_of(spec.source, Want.of(spec))
    except UserError:
        return None  # whoever reads it next says what is wrong, or reads it another way
    return SAMPLE if choose(spec.residency, size).place == "streamed" else None


def _choices(source: str, given: dict[str, Any], limit: int | None) -> Choices:
    path = path_of(source)
    if source not in NAMED and path.is_file() and path.name.lower().endswith(tables.ENDINGS) and path.stat().st_size:
        return table_choices(source, given, limit)
    return picture_choices(source, given) if _is_folder(source) else {}


def _is_folder(source: str) -> bool:
    path = path_of(source)
    return source not in NAMED and path.is_dir() and images.is_pictures(path)


def _spec(given: dict[str, Any], choices: Choices) -> Data:
    return Data.model_validate({**given, **{key.removeprefix("data."): c.value for key, c in choices.items()}})


def _read(spec: Data, limit: int | None) -> tuple[int, Raw]:
    """How many rows there are, and all of them, or the first ones of what is larger than memory."""
    want = Want.of(spec)
    if limit is None and choose(spec.residency, size_of(spec.source, want)).place == "streamed":
        limit = SAMPLE  # pictures, now that their size is known
    found = scan(spec.source, want)
    if isinstance(found, Whole):
        return found.rows, found.raw
    count = found.rows if limit is None else min(limit, found.rows)
    first = next(found.blocks(max(count, 1)), None)
    if first is None:
        raise UserError(Problem("x has no rows", Place(spec.source), "at least one row is needed"))
    return found.rows, replace(first, notes=found.notes)


def _by_values(raw: Raw, rows: int, given: dict[str, Any]) -> Choices:
    """How rows are divided and scaled, where the defaults are not the best."""
    found: Choices = {}
    if rows < SMALL and "split" not in given:
        why = f"fewer than {SMALL:,} rows: a fifth is held out, to stop by and to find an anomaly threshold on"
        found["data.split"] = Choice({"validation": 0.2, "test": "given"}, why)
    top = float(raw.x.max()) if raw.x.size and raw.x.dtype.kind in "iu" else raw.divisor
    if raw.kind == "image" and top < FAINT * raw.divisor and "scale" not in given:
        why = f"the largest value is {top:g}: as pixels, divided by {raw.divisor:g}, all would be nearly black"
        found["data.scale"] = Choice("minmax", why)
    return found


def components(dataset: Dataset) -> int:
    """The number of principal components that explain 95 % of the numeric columns, each standardised.

    Of evenly spaced training rows and columns; a hole counts as the column's mean. 0 without numbers.
    """
    fields = dataset.features.fields
    x, known = _centred(dataset)
    numeric = np.array([not f.values for f in fields], bool)[_spaced(len(fields))] if fields else slice(None)
    x, known = x[:, numeric], known[:, numeric]
    spread = np.sqrt(np.square(x).sum(0) / np.maximum(known.sum(0), 1))
    x = x[:, spread > STILL] / spread[spread > STILL]
    if not x.size:
        return 0
    variances = _variances(x)
    return int(np.searchsorted(np.cumsum(variances), EXPLAINED * variances.sum()) + 1)


def eigenvalues(dataset: Dataset, count: int) -> Float[np.ndarray, " count"]:
    """The largest eigenvalues of the covariance of an image's numbers, in model space; fewer where there are fewer."""
    return _variances(_centred(dataset, columns=None)[0])[:count]


def _centred(dataset: Dataset, columns: int | None = PCA) -> tuple[np.ndarray, np.ndarray]:
    """Some training rows [n, d] less their means, 0 for holes; and which of them are known."""
    x = dataset.train.x[_spaced(len(dataset.train))]
    x = x.reshape(len(x), -1)
    x = (x if columns is None else x[:, _spaced(x.shape[1], columns)]).astype(np.float64)
    known = np.isfinite(x)
    x = np.where(known, x, 0)
    return np.where(known, x - x.sum(0) / np.maximum(known.sum(0), 1), 0), known


def _variances(x: Float[np.ndarray, " n d"]) -> Float[np.ndarray, " k"]:
    """Eigenvalues of the covariance of centred rows, the largest first, by the smaller of two equivalent matrices."""
    gram = x.T @ x if x.shape[0] > x.shape[1] else x @ x.T
    return np.linalg.eigvalsh(gram / len(x))[::-1]


def _spaced(count: int, most: int = PCA) -> np.ndarray:
    """So many indices, or `most` of them evenly spaced."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(int)

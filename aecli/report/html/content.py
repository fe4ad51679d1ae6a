"""What a report shows, as plain arrays and text: who gathers it knows the run, who draws it need not.

Images are [n, h, w, c] in [0, 1] with 1 or 3 channels. What is None, or an empty list, leaves its section out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float, Float32, Int, Shaped, UInt8

Lines = Mapping[str, Mapping[str, "tuple[np.ndarray, np.ndarray]"]]  # {term: {split: (epochs, values)}}


@dataclass(frozen=True)
class Row:
    """Which row of the data something is: its id and, where it has one, its label, as text."""

    id: str
    label: str | None = None

    @property
    def named(self) -> str:
        """For an alternative text or a caption."""
        return f"row {self.id}" + (f", label {self.label}" if self.label is not None else "")


@dataclass(frozen=True)
class Examples:
    """Images and what the autoencoder made of them. `corrupted` is what it was trained to undo, where it was."""

    title: str
    rows: Sequence[Row]
    original: Float[np.ndarray, " n h w c"]
    reconstruction: Float[np.ndarray, " n h w c"]
    corrupted: Float[np.ndarray, " n h w c"] | None = None


@dataclass(frozen=True)
class WorstRows:
    """The rows of a table that came out worst: per row its error and, worst first, (column, observed, x_hat)."""

    unit: str
    rows: Sequence[Row]
    errors: Sequence[float]
    cells: Sequence[Sequence[tuple[str, str, str]]]


@dataclass(frozen=True)
class Columns:
    """The columns of a table, as they are and as drawn: numbers, text (categories) or dates, in its units.

    `quality` says of each how well it is reconstructed. `captions` say what is drawn and, where there are two ways
    to, what is drawn `beside` it.
    """

    names: Sequence[str]
    data: Sequence[Shaped[np.ndarray, " n"]]
    drawn: Sequence[Shaped[np.ndarray, " m"]] | None
    quality: Sequence[str]
    beside: Sequence[Shaped[np.ndarray, " m"]] | None = None
    captions: Sequence[str] = ("samples",)


@dataclass(frozen=True)
class Sheet:
    """Images in rows of `columns`; `caption` says what they are."""

    images: Float[np.ndarray, " n h w c"]
    columns: int
    caption: str


@dataclass(frozen=True)
class Walk:
    """A unit of the code moved from `low` to `high`: a strip of images, or what it does to a table's columns."""

    unit: int
    low: float
    high: float
    images: Float[np.ndarray, " steps h w c"] | None = None
    cells: Sequence[tuple[str, str, str]] = ()  # (column, at low, at high), those that move most first


@dataclass(frozen=True)
class Colouring:
    """A colour for each point: a class (its number), or 0 to 254 on a scale from low to high; 255 is unknown."""

    name: str
    kind: Literal["classes", "scale"]
    codes: UInt8[np.ndarray, " n"]
    names: Sequence[str] = ()
    counts: Sequence[int] = ()
    greys: Sequence[int] = ()  # classes that are none: the rare ones together, and those without a label
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class CodeMap:
    """Codes in the plane. `sample` are the points that can be looked at: a picture, or `facts`, of each."""

    points: Float32[np.ndarray, " n 2"]
    axes: tuple[str, str]
    note: str
    ids: Sequence[str]
    colourings: Sequence[Colouring]
    sample: Int[np.ndarray, " m"]
    thumbnails: Float[np.ndarray, " m h w c"] | None = None
    facts: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Suspect:
    """A row with a high score; `because` are the columns with the largest errors."""

    row: Row
    score: float
    p_value: float
    flagged: bool
    anomalous: bool | None
    because: str = ""
    picture: Float[np.ndarray, " h w c"] | None = None
    reconstruction: Float[np.ndarray, " h w c"] | None = None


@dataclass(frozen=True)
class Anomalies:
    """Scores of a split, judged by held-out normal rows. `summary` is that of `aecli anomaly score --json`."""

    name: str
    split: str
    scores: Float[np.ndarray, " n"]
    truth: Bool[np.ndarray, " n"] | None
    baselines: Mapping[str, Float[np.ndarray, " n"]]
    summary: Mapping[str, Any]
    suspects: Sequence[Suspect]
    labelled: Bool[np.ndarray, " n"] | None = None  # which rows have a label, where some have none


@dataclass(frozen=True)
class RunContent:
    """A run. `metrics` is what `aecli eval --json` prints, `config` the resolved config, `yaml` its text."""

    name: str
    stamp: str
    summary: Sequence[tuple[str, str]]
    record: Mapping[str, Any]
    config: Mapping[str, Any]
    yaml: str
    split: str
    step: int
    metrics: Mapping[str, Any]
    curves: Lines
    units: Mapping[str, str]
    best_epoch: int | None = None
    examples: Sequence[Examples] = ()
    worst: WorstRows | None = None
    columns: Columns | None = None
    samples: Sequence[Sheet] = ()
    plane: Sheet | None = None
    walks: Sequence[Walk] = ()
    walk_note: str = ""
    code_map: CodeMap | None = None
    code_histogram: Columns | None = None  # of a code of one unit, which has no map
    anomalies: Anomalies | None = None
    notes: Sequence[str] = ()

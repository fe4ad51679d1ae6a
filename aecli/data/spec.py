"""The `data` section of a config."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator

from aecli.config.part import LIST, Spec

Scale = Literal["auto", "none", "standard", "minmax", "robust", "log1p"]
Binarize = Literal["none", "static", "dynamic"]
Column = Literal["numeric", "categorical", "boolean", "date", "carry", "drop"]
Residency = Literal["auto", "device", "host", "streamed"]


class Split(Spec):
    """How rows are divided. A fraction of 0 means no such split; `given` is the source's own test set."""

    validation: float = Field(default=0.1, ge=0, lt=1, description="fraction of the training rows held out")
    test: Literal["given"] | float = Field(default="given", description="`given` (else 0.1), or a fraction")
    seed: int = Field(default=0, ge=0, lt=2**32, description="the split is a pure function of this")

    @field_validator("test")
    @classmethod
    def _fraction(cls, value: Any) -> Any:
        if value != "given" and not 0 <= value < 1:
            raise ValueError(f"must be 'given' or a fraction from 0 up to (not with) 1, not {value}")
        return value


class Image(Spec):
    """How the pictures of a folder become arrays of one shape."""

    size: PositiveInt | Annotated[tuple[PositiveInt, PositiveInt], LIST] | None = Field(
        default=None, description="height and width in pixels, or one number for both; null: the first picture's"
    )
    fit: Literal["resize", "crop"] = Field(
        default="resize", description="resize: the whole picture, stretched; crop: its centre, nothing stretched"
    )
    channels: Literal[1, 2, 3, 4] | None = Field(
        default=None, description="1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha; null: the first picture's"
    )


class Augment(Spec):
    """Random changes of training images, drawn anew at each step on the device; 0 or none switches one off."""

    shift: int = Field(default=0, ge=0, description="at most so many pixels, to any side; edges are repeated")
    flip: Literal["none", "horizontal", "vertical", "both"] = Field(default="none", description="with probability 1/2")
    rotate: float = Field(default=0.0, ge=0, le=180, description="at most so many degrees, either way")
    crop: float = Field(default=0.0, ge=0, lt=1, description="at most this share of each side is cut and zoomed away")


class Data(Spec):
    """Where x comes from and how it is divided, scaled and binarised."""

    source: str = Field(min_length=1, description="a named set (digits, mnist, fashion-mnist) or a path")
    label: str | int | None = Field(default=None, description="the labels: a column, or a key of an .npz")
    id: str | int | None = Field(default=None, description="the rows' ids: a column, or a key of an .npz")
    key: str | None = Field(default=None, description="which array of an .npz: else x_train, x, X, or the only one")
    columns: dict[str, Column] = Field(
        default={}, description="a column's kind, where it is not what it looks like; carry: to outputs, not into x"
    )
    header: Literal["auto"] | bool = Field(default="auto", description="whether a text table's first row is names")
    image: Image = Image()
    augment: Augment | None = Field(default=None, description="random changes of training images")
    rows: PositiveInt | None = Field(default=None, description="rows made, of a synthetic set; null: its own number")
    classes: Annotated[tuple[int | str | bool, ...] | None, LIST] = Field(
        default=None, description="train and validate on these labels alone; the rest is the anomaly"
    )
    split: Split = Split()
    scale: Scale = Field(default="auto", description="fitted on the training rows, kept with the run")
    residency: Residency = Field(
        default="auto", description="where rows live in training: auto is the fastest place with room for them"
    )
    binarize: Binarize = Field(default="none", description="draw pixels from Bernoulli(x): once, or at each step")

    def __hash__(self) -> int:
        return hash(self.model_dump_json())  # `columns` is a mapping, which has no hash of its own

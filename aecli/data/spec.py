"""The `data` section of a config."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from aecli.config.part import LIST, Spec

Scale = Literal["auto", "none", "standard", "minmax", "robust", "log1p"]
Binarize = Literal["none", "static", "dynamic"]


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


class Data(Spec):
    """Where x comes from and how it is divided, scaled and binarised."""

    source: str = Field(min_length=1, description="a named set (digits, mnist, fashion-mnist) or a path")
    label: str | int | None = Field(default=None, description="the labels: a column, or a key of an .npz")
    id: str | int | None = Field(default=None, description="the rows' ids: a column, or a key of an .npz")
    key: str | None = Field(default=None, description="which array of an .npz: else x_train, x, X, or the only one")
    classes: Annotated[tuple[int | str | bool, ...] | None, LIST] = Field(
        default=None, description="train and validate on these labels alone; the rest is the anomaly"
    )
    split: Split = Split()
    scale: Scale = Field(default="auto", description="fitted on the training rows, kept with the run")
    binarize: Binarize = Field(default="none", description="draw pixels from Bernoulli(x): once, or at each step")

"""Numbers a user would sweep: fields that may be a schedule, and that reach compiled code as arguments.

A field annotated with `number(...)` accepts a float or a schedule. `numbers_of` gathers all of them from a config
into a pytree of arrays, `values_at` evaluates that pytree at a step, and `skeleton_of` is the config with those
values replaced by NaN: compiled code is built from the skeleton, so a number that leaks into it as a constant
poisons the loss instead of hiding. An off value (`off=0.0`) stays: an absent term costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args

import numpy as np
from pydantic import BaseModel, Discriminator, Field, GetCoreSchemaHandler, Tag, model_validator
from pydantic_core import CoreSchema, core_schema

from aecli.config.part import Part

if TYPE_CHECKING:
    from jaxtyping import Array, Float, Int

# An encoded number is one float32 vector: start, end, steps, and whether the way between is a half cosine.
T = TypeVar("T", bound=BaseModel)

START, END, STEPS, COSINE = range(4)


class Schedule(Part):
    """A number that changes with the step: constant, or from start to end over `steps` (null: all of training)."""

    kind: Literal["constant", "linear", "cosine"]
    start: float
    end: float | None = None
    steps: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _complete(self) -> Schedule:
        if self.kind == "constant" and (self.end is not None or self.steps is not None):
            raise ValueError("a constant has a start alone: leave end and steps out, or use kind: linear or cosine")
        if self.kind != "constant" and self.end is None:
            raise ValueError(f"a {self.kind} schedule needs an end")
        return self

    @property
    def last(self) -> float:
        """The value after the last step of the schedule."""
        return self.start if self.kind == "constant" or self.end is None else self.end


Number = float | Schedule
FLOAT32 = (2 - 2**-23) * 2.0**127  # the largest: the compiled step takes no other numbers


@dataclass(frozen=True)
class Swept:
    """Marks a field as an argument of the compiled step: `weight: Annotated[Number, Swept(ge=0)]`.

    It takes a finite float or a schedule within the bounds, or one of `words`; `off` is the value at which its term
    is left out. `applied`: whether what a run is validated and applied with depends on it.
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    off: float | None = None
    words: tuple[str, ...] = ()
    applied: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of the field: told apart by what is written, so that an error names one kind alone."""
        kinds: Any = Annotated[float, Tag("number")] | Annotated[Schedule, Tag("schedule")]
        if self.words:
            kinds = kinds | Annotated[Literal[*self.words], Tag("word")]
        inner = handler.generate_schema(Annotated[kinds, Discriminator(self._tag)])
        checked = core_schema.no_info_after_validator_function(self._check, inner)
        return core_schema.nullable_schema(checked) if type(None) in get_args(source) else checked

    def _tag(self, value: Any) -> str:
        if isinstance(value, dict | Schedule):
            return "schedule"
        return "word" if self.words and isinstance(value, str) else "number"

    def _check(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        for v in (value.start, value.last) if isinstance(value, Schedule) else (value,):
            if not math.isfinite(v):
                raise ValueError(f"must be finite, not {v}")
            if abs(v) > FLOAT32:
                raise ValueError(f"must be at most {FLOAT32:.3g}, as float32 numbers are, not {v:g}")
            for holds, bound, text in (
                (self.ge is None or v >= self.ge, self.ge, "at least"),
                (self.gt is None or v > self.gt, self.gt, "greater than"),
                (self.le is None or v <= self.le, self.le, "at most"),
                (self.lt is None or v < self.lt, self.lt, "less than"),
            ):
                if not holds:
                    raise ValueError(f"must be {text} {bound:g}, not {v:g}")
        return value


def numbers_of(config: BaseModel, total_steps: int) -> dict[str, Any]:
    """The swept numbers of `config`, nested like it, each encoded as Float[4]: start, end, steps, cosine.

    A schedule without `steps` takes `total_steps`. Numbers at their off value are absent.
    """

    def encode(value: float | Schedule) -> np.ndarray:
        if not isinstance(value, Schedule):
            return np.array([value, value, 1, 0], np.float32)
        steps = value.steps or max(total_steps, 1)
        return np.array([value.start, value.last, steps, value.kind == "cosine"], np.float32)

    return _walk(config, encode)


def schedules_of(config: BaseModel) -> dict[str, Schedule]:
    """The schedules among the swept numbers of `config`, those on which alone training depends left out, by their
    dotted names.
    """

    def flat(found: dict[str, Any], before: str) -> Iterator[tuple[str, Schedule]]:
        for name, value in found.items():
            if isinstance(value, dict):
                yield from flat(value, f"{before}{name}.")
            elif isinstance(value, Schedule):
                yield f"{before}{name}", value

    return dict(flat(_walk(config, lambda value: value, lambda swept: swept.applied), ""))


def values_at(numbers: dict[str, Any], step: Int[Array, ""]) -> dict[str, Any]:
    """Each encoded number's value at `step`: (1 - f) start + f end, f = f(min(step / steps, 1)): at its end exact."""
    import jax
    import jax.numpy as jnp

    def at(n: Float[Array, 4]) -> Float[Array, ""]:
        t = jnp.minimum(step.astype(jnp.float32) / n[STEPS], 1.0)
        way = jnp.where(n[COSINE] > 0, 0.5 * (1 - jnp.cos(jnp.pi * t)), t)
        return n[START] * (1 - way) + n[END] * way

    return jax.tree.map(at, numbers)


def values_at_end(numbers: dict[str, Any]) -> dict[str, Any]:
    """Each encoded number's value once its schedule is over."""
    import jax

    return jax.tree.map(lambda n: n[END], numbers)


def skeleton_of(config: T) -> T:
    """`config` with every swept number that is not off replaced by NaN: all that compiled code may depend on."""
    return _replaced(config)


def _swept(part: BaseModel, name: str) -> Swept | None:
    return next((m for m in type(part).model_fields[name].metadata if isinstance(m, Swept)), None)


def _is_off(value: Any, swept: Swept) -> bool:
    return (
        value is None
        or isinstance(value, str)
        or (swept.off is not None and not isinstance(value, Schedule) and value == swept.off)
    )


def _walk(part: Any, encode: Any, wanted: Callable[[Swept], bool] = lambda swept: True) -> dict[str, Any]:
    found: dict[str, Any] = {}
    items = enumerate(part) if isinstance(part, tuple) else ((n, getattr(part, n)) for n in type(part).model_fields)
    for name, value in items:
        swept = _swept(part, str(name)) if isinstance(part, BaseModel) else None
        if swept and not _is_off(value, swept):
            if wanted(swept):
                found[str(name)] = encode(value)
        elif isinstance(value, BaseModel | tuple) and not swept and (inner := _walk(value, encode, wanted)):
            found[str(name)] = inner
    return found


def _replaced(part: Any) -> Any:
    if isinstance(part, tuple):
        return tuple(_replaced(item) for item in part)
    if not isinstance(part, BaseModel):
        return part
    changed = {}
    for name in type(part).model_fields:
        value, swept = getattr(part, name), _swept(part, name)
        if not swept:
            changed[name] = _replaced(value)
        elif not _is_off(value, swept):
            changed[name] = math.nan
    return part.model_copy(update=changed)

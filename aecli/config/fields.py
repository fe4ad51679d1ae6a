"""Which specification holds a place of a config: the walk from the grammar down to one part's fields."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from aecli.config.document import Loc, at
from aecli.config.registry import Registry

Model = type[BaseModel]


def model_at(model: Model, loc: Loc, value: Any) -> Model | None:
    """The specification of what is at `loc` in the config `value`, or None where it is no specification.

    Where a registry or a union leaves a choice, the `kind` that the config gives there decides.
    """
    kinds: list[Any] = [model]
    for depth, key in enumerate(loc):
        here = at(value, loc[:depth])
        kinds = [inner for kind in kinds for inner in _inside(kind, key, here)]
    return next((m for kind in kinds if (m := _model(kind, at(value, loc)))), None)


def fields_of(model: Model) -> list[str]:
    """The keys that `model` has in a config."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _model(kind: Any, value: Any) -> Model | None:
    """The specification that `kind` (a registry, or a plain annotation) means for `value`."""
    if isinstance(kind, Registry):
        if isinstance(value, BaseModel):
            return type(value)
        name = value.get("kind", kind.default) if isinstance(value, dict) else value
        return kind[name] if isinstance(name, str) and name in set(kind) else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _inside(kind: Any, key: str | int, value: Any) -> Iterator[Any]:
    """What may stand at `key` inside `kind`."""
    if model := _model(kind, value):
        field = model.model_fields.get(str(key))
        if field:
            # A key that is not in the config holds its default, which says what part is meant.
            default = () if isinstance(value, dict) and key in value else (type(field.default),)
            yield from (d for d in default if issubclass(d, BaseModel))
            yield from _unfolded(field.annotation, field.metadata)
    elif get_origin(kind) in (tuple, list) and isinstance(key, int):
        yield from _unfolded(get_args(kind)[0])
    elif get_origin(kind) is dict:
        yield from _unfolded(get_args(kind)[1])


def _unfolded(annotation: Any, metadata: Any = ()) -> Iterator[Any]:
    """The registries and plain annotations that an annotation is made of."""
    registry = next((m for m in metadata if isinstance(m, Registry)), None)
    if registry:
        yield registry
    elif get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        yield from _unfolded(inner, more)
    elif get_origin(annotation) in (Union, UnionType):
        for choice in get_args(annotation):
            yield from _unfolded(choice)
    else:
        yield annotation

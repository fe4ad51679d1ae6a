"""What a part of the formula looks like in a config: a frozen specification that knows its own formula."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Strict


class Spec(BaseModel):
    """A piece of the grammar: frozen, strict (no bool passes for a number), unknown keys forbidden."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        arbitrary_types_allowed=True,
    )


class Part(Spec):
    """A specification with a `kind`: one entry of one registry. Subclasses add parameters and `build`."""

    kind: Any
    formula: ClassVar[str] = ""
    source: ClassVar[str] = ""


# Annotates a tuple that YAML writes as a list: tuples keep specifications hashable.
LIST = Strict(False)

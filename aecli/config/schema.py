"""The JSON schema of the grammar, for editors: completion, descriptions and checks as one types."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Untitled(GenerateJsonSchema):
    """pydantic's generator without its titles, which only repeat each field's name."""

    def field_title_should_be_set(self, schema: CoreSchema | Any) -> bool:
        return False


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of `model` as a config has it: equal models give equal schemas.

    A registry's field accepts the bare words and each part's mapping, described by its docstring and formula.
    """
    schema = model.model_json_schema(schema_generator=_Untitled, mode="validation")
    return {"$schema": DIALECT, "title": model.__name__, **schema}

"""One registry a room: it maps `kind` to a specification, and alone knows the list of parts."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from aecli.config.part import Part
from aecli.config.problems import did_you_mean
from aecli.config.words import described, quoted


class Registry:
    """The parts of one room, by kind; as a pydantic annotation, the field that holds one of them.

    `word` is the room's word in YAML; `default` the kind meant where a mapping names none. In YAML a bare
    word is short for `{kind: word}`.
    """

    def __init__(self, word: str, *parts: type[Part], default: str | None = None):
        self.word = word
        self.default = default
        self._parts = {str(part.model_fields["kind"].default): part for part in parts}

    def __getitem__(self, kind: str) -> type[Part]:
        return self._parts[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def items(self) -> list[tuple[str, type[Part]]]:
        """Kind and specification of every part, in the order of registration."""
        return list(self._parts.items())

    def _expand(self, value: Any) -> Any:
        if isinstance(value, Part):
            return value
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, dict):
            text = f"must be a name, or a mapping with `kind`, not {described(value)}"
            raise PydanticCustomError("part", "{what}", {"what": text})
        if "kind" not in value and self.default:
            value = {"kind": self.default, **value}
        kind = value.get("kind")
        if not isinstance(kind, str) or kind not in self._parts:
            raise self._no_such(kind, given="kind" in value)
        return value

    def _no_such(self, kind: Any, *, given: bool) -> PydanticCustomError:
        a = "an" if self.word[0] in "aeiou" else "a"
        what = f"no {self.word} is called {quoted(kind)}" if given else f"{a} {self.word} needs a `kind`"
        known = list(self._parts)
        hint = did_you_mean(str(kind), known)
        context = {"what": what, "hint": hint, "key": "kind", "kind": str(kind), "known": known}
        return PydanticCustomError("part_kind", "{what}", context)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = {kind: handler.generate_schema(part) for kind, part in self._parts.items()}
        union = core_schema.tagged_union_schema(choices, discriminator="kind")
        return core_schema.no_info_before_validator_function(self._expand, union)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """One of the bare words, or one of the parts' mappings: docstring and formula describe each."""
        words = [k for k, p in self._parts.items() if not any(f.is_required() for f in p.model_fields.values())]
        mappings = []
        for kind, part in self._parts.items():
            mapping = handler(cast("Any", schema)["schema"]["choices"][kind])
            definition = handler.resolve_ref_schema(mapping)
            definition["description"] = "\n".join(filter(None, [inspect.getdoc(part), part.formula, part.source]))
            required = [*mapping.get("required", ()), "kind"]
            mappings.append(mapping if kind == self.default else {**mapping, "required": required})
        return {"anyOf": [{"enum": words}, *mappings]}

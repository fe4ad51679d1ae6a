"""Write a config as YAML that the reader reads back to an equal one."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import BaseModel

from aecli.config.scalars import means_itself

_SHORT = 80


def to_yaml(model: BaseModel) -> str:
    """`model` with all its defaults as YAML: `kind` first, short lists on one line."""
    return yaml.dump(_plain(model), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf"))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        # A part may inherit fields, which then stand before its kind: all else keeps the model's order.
        fields = sorted(type(value).model_fields.items(), key=lambda item: item[0] != "kind")
        return {field.alias or name: _plain(getattr(value, name)) for name, field in fields}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper, quoting what this package's reader would not take for text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # Line breaks survive in double quotes alone; what the reader would not take for text needs some.
    quotes = '"' if not text.isprintable() else None if means_itself(text) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=quotes)


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
    node = dumper.represent_sequence("tag:yaml.org,2002:seq", items)
    short = sum(len(str(item)) + 2 for item in items) <= _SHORT
    node.flow_style = short and all(isinstance(child, yaml.ScalarNode) for child in node.value)
    return node


def _mapping(dumper: yaml.SafeDumper, value: dict[str, Any]) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=not value)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)
_Dumper.add_representer(dict, _mapping)

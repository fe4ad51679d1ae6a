"""The values of a run by their keys: `metrics.elbo` of its record, `model.bottleneck.size` of its config."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import yaml

from aecli.config.reader import MAX_BYTES, MAX_DEPTH, MAX_VALUES, read_text
from aecli.config.scalars import RefusedError, plain

# libyaml's parser is thirty times as fast as PyYAML's own, and makes the same events; it may not be built in.
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_plain = functools.lru_cache(maxsize=4096)(plain)


class _UnusualError(Exception):
    """Something that aecli does not write into a config: the full reader decides what it is."""


def config_values(text: str, name: str) -> dict[str, Any]:
    """The values in the config of a run, `name` being its file: as the reader of configs reads them, and faster.

    What aecli wrote itself is read from libyaml's events, scalars by the same rules and sizes within the
    same bounds. Whatever else is there (an anchor, a tag, a key given twice, no YAML) is left to the full
    reader, with its UserError.
    """
    try:
        return _quick(text)
    except (_UnusualError, RefusedError, yaml.YAMLError, ValueError, OverflowError):
        return read_text(text, name).value


def flat(value: Any, *, items: bool = False) -> dict[str, Any]:
    """A nested mapping as `{"a.b.c": value}`, lists of mappings by index; an empty mapping or list is a value.

    A list of plain values is one value, and with `items` each of its items is one, too.
    """
    return dict(_walk("", value, items))


def _walk(key: str, value: Any, items: bool) -> Iterator[tuple[str, Any]]:
    nested = isinstance(value, list) and any(isinstance(item, dict | list) for item in value)
    if key and not (isinstance(value, dict) and value) and not nested:
        yield key, value
    if isinstance(value, dict):
        inner = list(value.items())
    else:
        inner = list(enumerate(value)) if isinstance(value, list) and (nested or items) else []
    for name, item in inner:
        yield from _walk(f"{key}.{name}" if key else str(name), item, items)


def _quick(text: str) -> dict[str, Any]:
    if len(text) * 4 > MAX_BYTES or not text.replace("\n", "").isprintable():
        raise _UnusualError
    events = iter(_counted(text))
    first = next(events, None)
    if not isinstance(first, yaml.MappingStartEvent):
        raise _UnusualError
    found = _value(first, events, 1)
    if next(events, None) is not None:
        raise _UnusualError  # a second document
    return found


def _counted(text: str) -> Iterator[Any]:
    """The events of values, no more of them than a config may have."""
    outer = (yaml.StreamStartEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent, yaml.StreamEndEvent)
    inner = (event for event in yaml.parse(text, Loader=_PARSER) if not isinstance(event, outer))
    for count, event in enumerate(inner):
        if count > MAX_VALUES:
            raise _UnusualError
        yield event


def _value(event: Any, events: Iterator[Any], depth: int) -> Any:
    if depth > MAX_DEPTH or isinstance(event, yaml.AliasEvent) or event.anchor or event.tag is not None:
        raise _UnusualError
    if isinstance(event, yaml.ScalarEvent):
        if not event.value.isprintable():
            raise _UnusualError  # an escape stood for a control character
        if event.implicit[0] and "?" in event.value:
            raise _UnusualError  # within brackets the two parsers disagree about it
        return _plain(event.value) if event.implicit[0] else event.value
    if isinstance(event, yaml.SequenceStartEvent):
        return [_value(e, events, depth + 1) for e in _until(yaml.SequenceEndEvent, events)]
    found: dict[str, Any] = {}
    for key in _until(yaml.MappingEndEvent, events):
        name = _value(key, events, depth + 1)
        if not isinstance(name, str) or name in found or name == "<<":
            raise _UnusualError
        found[name] = _value(next(events), events, depth + 1)
    return found


def _until(end: type, events: Iterator[Any]) -> Iterator[Any]:
    for event in events:
        if isinstance(event, end):
            return
        yield event

"""What run.json may hold, under the keys that are read here: others are nobody's business."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aecli.config.problems import DamagedError, Place, Problem

_MAPPINGS = ("data", "timings", "metrics", "units", "git", "aecli", "packages")
_TEXTS = ("name", "created", "started", "status", "exit_reason", "device", "python", "platform")
_FORMS: dict[str, tuple[type, str]] = {
    **dict.fromkeys(_MAPPINGS, (dict, "mapping")),
    **dict.fromkeys(_TEXTS, (str, "text")),
    **dict.fromkeys(("argv", "overrides"), (list, "list")),
}
_INNER: dict[str, tuple[type | tuple[type, ...], str]] = {
    "timings": ((int, float), "number"),
    "packages": (str, "text"),
    "units": (str, "text"),
}
_COMMITS = ("commit", "version")


def check_record(record: dict[str, Any], path: Path) -> dict[str, Any]:
    """The record itself; DamagedError at `path` where a key that is read here is of another form."""
    for key, (kind, what) in _FORMS.items():
        _check(record.get(key), kind, f"{key} is no {what}", path)
    for key, (kind, what) in _INNER.items():
        for name, value in (record.get(key) or {}).items():
            _check(value, kind, f"{key}.{name} is no {what}", path)
    for key in ("git", "aecli"):
        for name in _COMMITS:
            _check((record.get(key) or {}).get(name), str, f"{key}.{name} is no text", path)
    return record


def _check(value: Any, kind: type | tuple[type, ...], fault: str, path: Path) -> None:
    if value is not None and not isinstance(value, kind):
        raise DamagedError(Problem(f"damaged: {fault}", Place(str(path))))

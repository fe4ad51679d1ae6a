"""All that a run directory tells of one run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aecli.config.problems import DamagedError, Problem
from aecli.runs.files import cannot
from aecli.runs.listing import Entry
from aecli.runs.record import check_record
from aecli.runs.run import Run
from aecli.runs.values import config_values

_ORIGIN = ("argv", "overrides", "seed", "started", "device", "python", "platform", "packages", "git")


def details(run: Run) -> dict[str, Any]:
    """{"run", "name", "status", "exit_reason", "created", "provenance", "data", "timings", "metrics", "units",
    "config", "checkpoints": [{"step", "bytes"}], "files": [{"path", "bytes"}], "bytes"}.

    `units` is empty where the record says none. DamagedError where record or config cannot be read.
    """
    entry = Entry.read(run, run.path.parent)
    record = run.record
    if entry.fault:
        raise DamagedError(Problem(f"damaged: {entry.fault}", hint=f"{run.path} was not written to its end"))
    check_record(record, run.record_path)
    config = config_values(run.config_text, str(run.config_path))
    files = [{"path": path.relative_to(run.path).as_posix(), "bytes": size} for path, size in sizes(run.path)]
    return {
        "run": str(run.path),
        "name": record.get("name"),
        "status": entry.status,
        "exit_reason": record.get("exit_reason"),
        "created": record.get("created"),
        "provenance": {name: record[name] for name in _ORIGIN if name in record},
        **{name: _mapping(record.get(name)) for name in ("data", "timings", "metrics", "units")},
        "config": config,
        "checkpoints": _checkpoints(files),
        "files": files,
        "bytes": sum(file["bytes"] for file in files),
    }


def sizes(folder: Path) -> Iterator[tuple[Path, int]]:
    """Every file below `folder` and its bytes, by name; a link counts as itself. UserError where a folder cannot
    be listed. What another process removes meanwhile is left out.
    """

    def stop(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise cannot("list", folder, error) from error

    for path in sorted(Path(top) / name for top, _, names in os.walk(folder, onerror=stop) for name in names):
        try:
            size = path.lstat().st_size
        except FileNotFoundError:
            continue
        yield path, size


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _checkpoints(files: list[dict[str, Any]]) -> list[dict[str, int]]:
    """The steps that have a folder, ascending, and the bytes in each."""
    found: dict[int, int] = {}
    for file in files:
        parts = file["path"].split("/")
        if parts[0] == "checkpoints" and len(parts) > 2 and parts[1].isdecimal() and parts[1].isascii():
            found[int(parts[1])] = found.get(int(parts[1]), 0) + file["bytes"]
    return [{"step": step, "bytes": found[step]} for step in sorted(found)]

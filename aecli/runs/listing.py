"""All runs under a folder at a glance, damaged and half-written ones among them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from aecli.config.names import STAMP
from aecli.config.problems import AecliError
from aecli.runs.run import Run
from aecli.runs.values import config_values, flat

DAMAGED = "damaged"
KILLED = "killed"  # its record says `running`, but no process holds its lock
MISSING = object()  # what a run has that has not the key
_DEEPEST = 32  # components of a name


@dataclass(eq=False)
class Entry:
    """A run in a listing: `name` is its path below the root, `fault` what is wrong with it."""

    run: Run
    name: str
    record: dict[str, Any] = field(default_factory=dict)
    fault: str | None = None

    @classmethod
    def read(cls, run: Run, root: Path) -> Entry:
        """The run's record, or why there is none. Nothing is raised: one bad run must not hide the others."""
        path = run.path
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        try:
            record = run.record
        except AecliError as error:
            return cls(run, name, fault=_said(error, path))
        fault = None if isinstance(record.get("status"), str) else "run.json: it says no status"
        if fault is None and not os.path.lexists(run.config_path):
            fault = "config.yaml: this file is missing"
        return cls(run, name, record, fault)

    @cached_property
    def status(self) -> str:
        """The record's, `killed` where nothing trains a run that says `running`, or `damaged`."""
        if self.fault:
            return DAMAGED
        status = self.record["status"]
        return KILLED if status == "running" and not in_use(self.run) else status

    @cached_property
    def created(self) -> datetime | None:
        """When it was made: by its record, else by its folder's time stamp."""
        found = moment(self.record.get("created"))
        if found is None and STAMP.fullmatch(self.run.path.name):
            try:
                return datetime.strptime(self.run.path.name[:15], "%Y%m%d-%H%M%S").astimezone()
            except ValueError:
                return None
        return found

    @cached_property
    def values(self) -> dict[str, Any]:
        """All that is known without its config: the record by keys, and what follows from it."""
        age = (datetime.now().astimezone() - self.created).total_seconds() if self.created else MISSING
        made = self.created.isoformat() if self.created else MISSING
        own = {"run": self.name, "status": self.status, "created": made, "age": age, "problem": self.fault or MISSING}
        found = {**flat(self.record, items=True), **own}
        return {key: value for key, value in found.items() if value is not MISSING}

    @cached_property
    def config(self) -> dict[str, Any]:
        """The config's values, nested; none, and a fault, where it cannot be read."""
        try:
            return config_values(self.run.config_text, str(self.run.config_path))
        except AecliError as error:
            self.fault = self.fault or _said(error, self.run.path)
            for known in ("status", "values"):
                self.__dict__.pop(known, None)
            return {}

    @cached_property
    def config_keys(self) -> dict[str, Any]:
        """The config's values by their keys."""
        return flat(self.config, items=True)


def entries(root: Path) -> list[Entry]:
    """Every run under `root`, newest first; folders that cannot be listed are entries of their own.

    A folder with a time stamp for a name and no run.json is a run that was begun, and is damaged. Links are
    not followed.
    """
    found = list(_entries(root, root, _DEEPEST))
    return sorted(found, key=lambda entry: (entry.run.path.name[:15], _second(entry), entry.name), reverse=True)


def in_use(run: Run) -> bool:
    """Whether another process holds the run's lock. Nothing is written, nor made where it is missing."""
    try:
        descriptor = os.open(run.path / ".lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False  # no lock was ever taken: whoever holds one has made its file first
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True  # held; or no locks on this file system, where the record must be believed
    finally:
        os.close(descriptor)
    return False


def moment(text: Any) -> datetime | None:
    """A time in ISO 8601, local where it names no zone; None for anything else."""
    try:
        return datetime.fromisoformat(text).astimezone() if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


def _entries(folder: Path, root: Path, deepest: int) -> Iterator[Entry]:
    try:
        with os.scandir(folder) as found:
            inner = sorted(entry.path for entry in found if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        name = folder.relative_to(root).as_posix()
        yield Entry(Run(folder), name, fault=f"this folder cannot be listed: {error.strerror or error}")
        return
    for path in map(Path, inner):
        if STAMP.fullmatch(path.name):
            yield Entry.read(Run(path), root)
        elif deepest and not path.name.startswith("."):
            yield from _entries(path, root, deepest - 1)


def _second(entry: Entry) -> str:
    return str(entry.record.get("created", ""))


def _said(error: AecliError, path: Path) -> str:
    """What is wrong, in one line, the file named from the run's folder."""
    lines = str(error.problems[0]).splitlines() if error.problems else [str(error)]
    return lines[0].replace(f"{path}{os.sep}", "").replace(": damaged: ", ": ")

"""Remove run directories, and nothing else: never through a link, never while a run is in use."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aecli.config.names import STAMP
from aecli.config.problems import AecliError, Problem, UserError
from aecli.runs.details import sizes
from aecli.runs.files import cannot, sync_folder
from aecli.runs.find import find_run
from aecli.runs.listing import in_use
from aecli.runs.run import Run

_ASIDE = re.compile(r"\.removed-.+-[0-9a-f]{12}")  # dotted: no listing finds it
_YOUNG = 60.0  # seconds; a run writes its run.json within the first


@dataclass(frozen=True)
class Doomed:
    """A run that may be removed: its files and their bytes."""

    run: Run
    files: int
    bytes: int


def named(text: str, root: Path) -> Run:
    """The run that `text` means: as for `find_run`, and half-written ones (no run.json) by their whole path or
    name.
    """
    for path in (Path(text), root / text):
        if text and STAMP.fullmatch(path.name) and os.path.isdir(path) and not os.path.lexists(path / "run.json"):  # noqa: PTH112
            return Run(path)
    run = find_run(text, root)
    return run if run.path.name not in ("", "..") else Run(Path(os.path.realpath(run.path)))


def removable(runs: Sequence[Run], root: Path) -> list[Doomed]:
    """What would go, each run once; one UserError for all that are no run directories, or are in use."""
    found: dict[str, Doomed] = {}
    problems: list[Problem] = []
    for run in runs:
        try:
            found[os.path.realpath(run.path)] = _doomed(run, root)
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(*problems)
    return list(found.values())


def remove(doomed: Sequence[Doomed], root: Path) -> None:
    """Remove each: renamed aside while its lock is held, then deleted, then folders of names that are empty now.

    A process that ends in between leaves no run that looks whole, but a hidden folder, which the next
    removal beside it clears. UserError where a run is in use after all, or the system refuses.
    """
    for each in doomed:
        path = each.run.path
        with each.run.locked():
            aside = path.with_name(f".removed-{path.name}-{secrets.token_hex(6)}")
            try:
                path.rename(aside)
                sync_folder(aside.parent)
                _delete(aside)
                _tidy(Path(os.path.realpath(path.parent)), Path(os.path.realpath(root)))
            except OSError as error:
                raise cannot("remove", path, error) from error


def _doomed(run: Run, root: Path) -> Doomed:
    path = run.path
    if path.is_symlink():
        raise UserError(Problem(f"{path} is a link, and no link is followed to remove a run", hint=_direct(path)))
    if not path.is_dir() or not _is_run(run, root):
        raise UserError(Problem(f"{path} is not a run directory", hint="only run directories are removed"))
    if Path(os.path.realpath(root)).is_relative_to(os.path.realpath(path)):
        raise UserError(Problem(f"{path} holds the folder of runs {root}", hint="only run directories are removed"))
    files = list(sizes(path))
    inner = [file for file, _ in files if file.name == "run.json" and file.parent != path]
    if inner:
        raise UserError(Problem(f"{path} holds another run: {inner[0].parent}", hint="remove or move that one first"))
    if in_use(run):
        hint = "wait until it has finished, or stop it first"
        raise UserError(Problem(f"the run {path} is in use: another process trains it", hint=hint))
    return Doomed(run, len(files), sum(size for _, size in files))


def _is_run(run: Run, root: Path) -> bool:
    """Whether it is one: by its time stamp and run.json, or below the folder of runs by its time stamp alone, or
    by its record where somebody renamed it.
    """
    path = run.path
    has_record = run.record_path.is_file() and not run.record_path.is_symlink()
    if not STAMP.fullmatch(Path(os.path.realpath(path)).name):
        return has_record and _says_so(run)
    if has_record:
        return True
    if time.time() - path.stat().st_mtime < _YOUNG:
        raise UserError(Problem(f"{path} was made just now: a run may be about to begin", hint="try in a minute"))
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def _says_so(run: Run) -> bool:
    try:
        return {"name", "created", "status"} <= run.record.keys()
    except AecliError:
        return False


def _direct(path: Path) -> str:
    return f"give the path it leads to: {os.path.realpath(path)}"


def _tidy(parent: Path, root: Path) -> None:
    """Clear what interrupted removals left in `parent`; remove it and those above it below `root`, while empty."""
    for left in parent.iterdir():
        if _ASIDE.fullmatch(left.name) and left.is_dir() and not left.is_symlink() and not in_use(Run(left)):
            _delete(left)
    while parent != root and parent.is_relative_to(root) and not any(parent.iterdir()):
        parent.rmdir()
        parent = parent.parent


def _delete(folder: Path) -> None:
    """Delete a folder and all in it, also where another process deletes it at the same time."""
    while os.path.lexists(folder):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            continue  # the other process was quicker with one of its files

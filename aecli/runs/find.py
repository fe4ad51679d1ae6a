"""Find runs: all under a root, or the one that a path, a prefix or `latest` means."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from aecli.config.names import STAMP
from aecli.config.problems import DamagedError, Problem, UserError
from aecli.runs.files import cannot
from aecli.runs.plain import check_plain
from aecli.runs.run import Run

_LISTED = 10
_DEEPEST = 32  # components of a name


def list_runs(root: Path) -> list[Run]:
    """Every run under `root`, oldest first: by time stamp, and by name where those are equal.

    Links are not followed: one within `root` would list a run twice, another leads out of it.
    """
    found = [Run(path) for path in _folders(root, _DEEPEST)]
    return sorted(found, key=lambda run: (run.path.name, run.path))


@dataclass(frozen=True)
class Wanted:
    """What `latest` must be able to give: a newer run without it is passed over, if an older one has it."""

    test: Callable[[Run], bool]
    lacks: str  # why a run is passed over: it "has no checkpoint"


TRAINED = Wanted(lambda run: run.has_checkpoint, "has no checkpoint")
UNFINISHED = Wanted(lambda run: run.record.get("status") != "completed", "is complete")


def open_run(
    text: str, root: Path, wanted: Wanted | None = None, say: Callable[[str], None] = lambda text: None
) -> Run:
    """The run that `find_run` finds; DamagedError, before anything is read, where it holds a link or a pipe."""
    run = find_run(text, root, wanted, say)
    check_plain(run.path)
    return run


def find_run(
    text: str, root: Path, wanted: Wanted | None = None, say: Callable[[str], None] = lambda text: None
) -> Run:
    """The run that `text` means: the path of a run directory, `latest`, or a unique prefix.

    `latest` is the newest run that is `wanted`, or where none is, the newest; `say` is told where it is not the newest.
    A prefix is one of the time stamp (`20260131-0930`) or of name and stamp (`digits/pca/2026`). UserError
    where there is no such run, or more than one: it lists the nearest, or the candidates.
    """
    if text == "latest":
        return _latest(root, wanted, say)
    if text and _is_run(Path(text)):
        return _within(Path(text), root)
    runs = {run.path.relative_to(root).as_posix(): run for run in list_runs(root)}
    word = text.rstrip("/")
    matches = [name for name in runs if _starts(name, word)] if word else []
    if len(matches) == 1:
        return runs[matches[0]]
    if matches:
        raise UserError(Problem(f"{text!a} means {len(matches)} runs: {_listed(matches)}", hint="add characters"))
    raise _not_found(text, root, list(runs))


def _starts(name: str, word: str) -> bool:
    return name.startswith(word) or name.rpartition("/")[2].startswith(word)


def _is_run(path: Path) -> bool:
    """Whether `path` holds run.json. (os.path answers False where a text is no possible path at all.)"""
    return os.path.isfile(path / "run.json")  # noqa: PTH113


def _folders(folder: Path, deepest: int) -> Iterator[Path]:
    """The run directories below `folder`; none lies within another, and no link is followed."""
    try:
        with os.scandir(folder) as entries:
            inner = sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise cannot("list", folder, error) from error
    for path in map(Path, inner):
        if STAMP.fullmatch(path.name):
            yield from [path] if _is_run(path) else []
        elif deepest and not path.name.startswith("."):
            yield from _folders(path, deepest - 1)


def _within(path: Path, root: Path) -> Run:
    """The run at `path`, unless it claims to lie under `root` but a link leads elsewhere."""
    claims = Path(os.path.normpath(path.absolute())).is_relative_to(os.path.normpath(root.absolute()))
    if claims and not Path(os.path.realpath(path)).is_relative_to(Path(os.path.realpath(root))):
        raise UserError(Problem(f"{path} is a link that leads out of {root}", hint="give the path it leads to"))
    return Run(path)


def _latest(root: Path, wanted: Wanted | None, say: Callable[[str], None]) -> Run:
    newest = next(_newest_first(root), None)
    if newest is None:
        raise _none_yet(root)
    found = next((run for run in _newest_first(root) if wanted is None or wanted.test(run)), newest)
    if wanted is not None and found != newest:
        say(f"latest is {found.path} here: the newest run, {newest.path}, {wanted.lacks}")
    return found


def _newest_first(root: Path) -> Iterator[Run]:
    """By time stamp, to the second; by `created` in run.json within one second."""
    for _, same in groupby(reversed(list_runs(root)), key=lambda run: run.path.name[:15]):
        runs = list(same)[::-1]
        yield from runs if len(runs) == 1 else sorted(runs, key=_created, reverse=True)


def _created(run: Run) -> str:
    try:
        return str(run.record.get("created", ""))
    except DamagedError:
        return ""  # only a tie-breaker here: whoever reads the chosen run's record hears of the damage


def _not_found(text: str, root: Path, names: list[str]) -> UserError:
    if text and os.path.isfile(text):  # noqa: PTH113
        return UserError(Problem(f"{text!a} is a file, not a run directory", hint="RUN is what `aecli train` printed"))
    if text and os.path.isdir(text):  # noqa: PTH112
        return UserError(Problem(f"{text!a} is not a run directory", hint="a run directory has a run.json"))
    if not names:
        return _none_yet(root)
    near = difflib.get_close_matches(text, names, n=3, cutoff=0.5)
    near += [] if near else [name for name in names if text.strip("/") and text.strip("/") in name]
    if not near:
        folders = {name.rpartition("/")[0] for name in names}
        close = difflib.get_close_matches(text.strip("/"), folders, n=1)
        near = [name for name in names if name.rpartition("/")[0] in close]
    hint = f"the nearest: {_listed(near)}" if near else f"the runs there: {_listed(names)}"
    return UserError(Problem(f"no run under {root} is called {text!a}", hint=hint))


def _none_yet(root: Path) -> UserError:
    hint = "train one: aecli train CONFIG; or name the parent of run directories: --output DIR"
    return UserError(Problem(f"there are no runs under {root} yet", hint=hint))


def _listed(names: list[str]) -> str:
    """The newest few of `names`, newest first."""
    newest = sorted(names, key=lambda name: name.rpartition("/")[2], reverse=True)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(newest[:_LISTED]) + more

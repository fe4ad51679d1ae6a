"""Where a config goes: into a new file, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from aecli.config.problems import Problem, UserError
from aecli.runs.files import write_whole

ENDINGS = (".yaml", ".yml")


def check_output(path: Path, *, force: bool) -> None:
    """UserError where a config cannot be written to `path`, before any work is done for it."""
    if path.suffix.lower() not in ENDINGS:
        raise UserError(Problem(f"'{path}' is no name of a config", None, f"configs end in {' or '.join(ENDINGS)}"))
    if path.is_dir():
        raise UserError(Problem(f"'{path}' is a folder", None, "name a file in it"))
    if not path.parent.is_dir():
        raise UserError(Problem(f"there is no folder '{path.parent}'", None, "make it first"))
    if path.exists() and not force:
        raise UserError(Problem(f"'{path}' exists", None, "--force replaces it; or choose another name"))


def save(path: Path, text: str, *, force: bool = False) -> None:
    """Write a config. UserError as of `check_output`, and for what the operating system refuses."""
    check_output(path, force=force)
    write_whole(path, text)

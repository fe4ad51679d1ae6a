"""The path that a source is, and what the operating system refuses of it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aecli.config.problems import Place, Problem, UserError

_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def path_of(source: str | Path) -> Path:
    """The path, `~` followed; a user that there is not stays as written, as in a shell.

    What is not there is for the reader to tell. UserError where not even that can be asked: a name longer than any
    file's, or a folder that may not be entered.
    """
    try:
        path = Path(source).expanduser()
    except RuntimeError:
        path = Path(source)
    with read_errors(path):
        _ask(path)
    return path


@contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a UserError at `path`."""
    try:
        yield
    except OSError as error:
        raise UserError(Problem(f"cannot read '{path}': {error.strerror or error}", Place(str(path)))) from error


def _ask(path: Path) -> None:
    try:
        path.stat()
    except ValueError:  # a NUL: no file is called so
        return
    except OSError as error:
        if error.errno not in _ABSENT:
            raise

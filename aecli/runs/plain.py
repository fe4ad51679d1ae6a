"""Plain files and folders: the only things that a run directory holds, whoever made it.

A link would have a command read, write or remove what lies elsewhere; a pipe would have it wait for ever. Hard links
cannot be told from files.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from aecli.config.problems import DamagedError, Place, Problem, UserError

_LISTED = 8  # of what is not plain
_HINT = "a run holds files and folders alone: put there what it leads to, or get the run anew"
RECORD = 2**28  # bytes of a file that describes a run, at most: larger ones are none of aecli's
_KINDS = (
    (stat.S_ISLNK, "a symbolic link"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


def check_plain(folder: Path) -> None:
    """DamagedError, which names them, where a run directory holds anything but files and folders."""
    strays = [Problem(_said(kind), Place(str(path)), _HINT) for path, kind in _strays(folder)]
    if strays:
        raise DamagedError(*strays[:_LISTED])


def read_plain(path: Path, most: int = RECORD) -> bytes:
    """The content of a file of a run; no link is followed, and no pipe is waited for.

    DamagedError where it is missing, not a file, or larger than `most`; UserError where the system refuses.
    """
    place = Place(str(path))
    try:
        with open_plain(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                text = f"damaged: this file is {size:,} bytes long, and at most {most:,} are read"
                raise DamagedError(Problem(text, place))
            return file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise DamagedError(Problem("damaged: this file is missing", place)) from None
    except OSError as error:
        raise cannot("read", path, error) from error


def open_plain(path: Path, flags: int = os.O_RDONLY, mode: str = "rb") -> IO[bytes]:
    """A file of a run, opened without following a link or waiting. DamagedError for what is no file; OSError else."""
    try:
        number = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        kind = _kind(path) if error.errno in (errno.ELOOP, errno.ENXIO) else None
        if kind is None:
            raise
        raise DamagedError(Problem(_said(kind), Place(str(path)), _HINT)) from None
    found = os.fstat(number).st_mode
    if stat.S_ISREG(found):
        return os.fdopen(number, mode)
    os.close(number)
    if stat.S_ISDIR(found):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise DamagedError(Problem(_said(_named(found) or "no file"), Place(str(path)), _HINT))


def _said(kind: str) -> str:
    return f"damaged: this is {kind}, and nothing is read or written through it"


def _kind(path: Path) -> str | None:
    """What stands at `path`, where it is neither a file nor a folder."""
    try:
        return _named(path.lstat().st_mode)
    except OSError:
        return None


def _named(mode: int) -> str | None:
    return next((name for test, name in _KINDS if test(mode)), None)


def _strays(folder: Path) -> Iterator[tuple[Path, str]]:
    """What lies below `folder` and is neither a file nor a folder. Nothing is opened, and no link followed."""
    left = [folder]
    while left:
        at = left.pop()
        try:
            with os.scandir(at) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError:  # another process has removed it
            continue
        except OSError as error:
            raise cannot("list", at, error) from error
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                left.append(Path(entry.path))
            elif not entry.is_file(follow_symlinks=False) and (kind := _kind(Path(entry.path))):
                yield Path(entry.path), kind


def cannot(verb: str, path: Path, error: OSError) -> UserError:
    """The operating system's refusal to read or write `path`, in words."""
    hint = "check that the folder exists, that you may write there, and that the disk is not full"
    hint = hint if verb == "write" else None
    return UserError(Problem(f"cannot {verb} {str(path)!a}: {error.strerror or error}", hint=hint))

"""Files that are there whole or not at all, and JSON that is the same bytes for the same values."""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aecli.config.problems import DamagedError, Place, Problem
from aecli.runs.plain import cannot, read_plain


@contextmanager
def writing_whole(path: Path) -> Iterator[Path]:
    """A path aside, for libraries that write files themselves: it becomes `path` when the block ends well.

    The path aside is in the same folder (only there is a rename atomic) and has the same suffix. What an
    error or a kill leaves behind at `path` is the old file or the new one, never a mixture. An operating
    system's refusal is a UserError.
    """
    aside = path.with_name(f".tmp-{secrets.token_hex(6)}{path.suffix}")
    try:
        yield aside
        with aside.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)  # noqa: PTH105 (the name that a test of a crash replaces)
        sync_folder(path.parent)
    except OSError as error:
        raise cannot("write", path, error) from error
    finally:
        if os.path.lexists(aside):
            aside.unlink()


DEPTH = 32  # of what aecli writes: far less
DIGITS = 300  # of a whole number


def write_whole(path: Path, content: bytes | str) -> None:
    """Write `content` (text as UTF-8) to `path`: aside, fsync, rename, fsync of the folder."""
    with writing_whole(path) as aside:
        aside.write_bytes(content.encode() if isinstance(content, str) else content)


def write_synced(path: Path, content: bytes) -> None:
    """Write a new file and wait for the disk. For files in a folder that is renamed as a whole later."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder (a rename, a new file) are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def plain(value: Any) -> Any:
    """`value` in the types of JSON: non-finite floats are None, numpy and jax arrays are numbers and lists.

    TypeError for anything else, keys that are not text included: nothing is turned into text silently.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"a key of JSON is text, not {wrong[0]!r}")
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return plain(value.tolist())
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def to_json(value: Any, indent: int | None = 2) -> str:
    """`value` as JSON with a trailing newline, keys as they were inserted; one line where `indent` is None.

    Pure ASCII, since an argument of a command line may hold bytes that are no UTF-8. Floats are written by
    `repr`: equal values, equal bytes.
    """
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(plain(value), indent=indent, separators=separators, allow_nan=False) + "\n"


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file that aecli wrote; DamagedError where it is missing or holds anything else."""
    return parse_json(read_plain(path), Place(str(path)))


def parse_json(content: bytes, place: Place) -> dict[str, Any]:
    """The JSON object that `content` holds, or a DamagedError at `place`: nothing else, none deeper than DEPTH levels,
    and no whole number of more than DIGITS digits, which would be beyond any float.
    """
    try:
        value = json.loads(content.decode(), parse_int=_whole)
    except (ValueError, RecursionError) as error:
        raise DamagedError(Problem(f"damaged: this is not JSON ({error})", place)) from None
    if not isinstance(value, dict):
        raise DamagedError(Problem("damaged: this is not a JSON object", place))
    if _deeper(value, DEPTH):
        raise DamagedError(Problem(f"damaged: this is nested more than {DEPTH} levels deep", place))
    return value


def _whole(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"a whole number of {len(text)} digits")
    return int(text)


def _deeper(value: Any, most: int) -> bool:
    """Whether lists and mappings are nested more than `most` levels deep; asked level by level, not by recursion."""
    level = [value]
    for _ in range(most):
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]
        level = [inner for inner in level if isinstance(inner, dict | list)]
        if not level:
            return False
    return True

"""Checkpoints: `checkpoints/<step>/` with state.safetensors, memory.json and manifest.json.

The manifest holds size and SHA-256 of the other two, is written last, and is therefore the commit marker. A
checkpoint is made in `.tmp-<step>` and renamed, so that a folder called by its step was once whole: where one
does not match its manifest now, it is damaged, and nothing of it is used. Neither safetensors nor JSON would
notice a flipped byte. Equal states give equal bytes. Everything here is numpy: no jax is needed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aecli.config.problems import DamagedError, DivergedError, Place, Problem, UserError
from aecli.config.words import quoted
from aecli.runs.files import cannot, parse_json, sync_folder, to_json, write_synced
from aecli.runs.plain import read_plain
from aecli.training.trees import flatten, unflatten

__all__ = ["flatten", "latest_good", "load", "prune", "save", "steps", "tidy", "unflatten"]

STATE, MEMORY, MANIFEST = "state.safetensors", "memory.json", "manifest.json"
Arrays = dict[str, np.ndarray]

_SHORT = 2**24  # bytes of a manifest or a memory, at most
_STEP = re.compile(r"0|[1-9][0-9]{0,15}")
# safetensors has this name: an array of that name, or of its escaped form, gets an underscore more.
_RESERVED = re.compile(r"_*__metadata__")
_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "C64": "complex64",
    "BOOL": "bool", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8",
}  # fmt: skip


def save(folder: Path, step: int, arrays: Mapping[str, np.ndarray], memory: Mapping[str, Any]) -> Path:
    """Commit a checkpoint of `step`, in place of an older one of that step, and return its folder.

    `memory` is a mapping that JSON can hold; non-finite floats in it come back as None. DivergedError where
    an array holds a value that is not finite (nothing is written then); UserError where the disk refuses.
    """
    files = {STATE: _packed(arrays), MEMORY: to_json(dict(memory)).encode()}
    files[MANIFEST] = _manifest(step, files)
    aside = folder / f".tmp-{step}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _tidy(folder)
        aside.mkdir()
        for name, content in files.items():  # the manifest is the last
            write_synced(aside / name, content)
        sync_folder(aside)
        _put(aside, folder / str(step))
        _forget_damaged(folder, step)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)  # on a full disk half a checkpoint is in the way of all else
        raise cannot("write", folder / str(step), error) from error
    return folder / str(step)


def load(folder: Path, step: int) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and memory of the checkpoint of `step`, every byte verified first.

    DamagedError, which names the file, where one is missing or not what was written; UserError where there is
    no checkpoint of that step.
    """
    path = _path(folder, step)
    if not path.is_dir():
        known = ", ".join(map(str, steps(folder))) or "none"
        raise UserError(Problem(f"there is no checkpoint of step {step} in {folder}", hint=f"steps there: {known}"))
    files = {name: read_plain(path / name, most) for name, most in _longest().items()}
    _verify(path, step, files)
    return _unpacked(files[STATE], path / STATE), parse_json(files[MEMORY], Place(str(path / MEMORY)))


def steps(folder: Path) -> list[int]:
    """The steps of all committed checkpoints, ascending; damaged ones are among them."""
    if not folder.is_dir():
        return []
    names = (path.name.removeprefix(".old-") for path in folder.iterdir() if path.is_dir())
    return sorted({int(name) for name in names if _STEP.fullmatch(name)})


def latest_good(folder: Path, warn: Callable[[str], None]) -> tuple[int, Arrays, dict[str, Any]] | None:
    """The newest checkpoint that is whole, or None where none was ever committed.

    Each damaged one on the way back is told to `warn`; DamagedError where no whole one is left, or where something
    else is in the folder's place.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise DamagedError(Problem("damaged: the folder of checkpoints is no folder", Place(str(folder))))
    damaged: set[int] = set()
    problems: list[Problem] = []
    while left := [step for step in steps(folder) if step not in damaged]:
        try:
            return left[-1], *load(folder, left[-1])
        except (DamagedError, UserError) as error:
            if not _path(folder, left[-1]).is_dir():
                continue  # a training that goes on has removed it since: look again
            if isinstance(error, UserError):
                raise
            damaged.add(left[-1])
            problems += error.problems
            warn(f"the checkpoint of step {left[-1]} is damaged and left out: {error}")
    if problems:
        raise DamagedError(*problems, Problem(f"no whole checkpoint is left in {folder}", hint="train anew"))
    return None


def tidy(folder: Path) -> None:
    """Remove what a killed process left half done. UserError where the disk refuses."""
    try:
        _tidy(folder)
    except OSError as error:
        raise cannot("write", folder, error) from error


def prune(folder: Path, keep: int = 2, protect: Iterable[int] = ()) -> None:
    """Remove all checkpoints but the `keep` latest and those of the steps in `protect` (the best)."""
    committed = steps(folder)
    spared = {*committed[max(0, len(committed) - keep) :], *protect}
    try:
        for step in committed:
            if step not in spared:
                _remove(folder, step)
    except OSError as error:
        raise cannot("write", folder, error) from error


def _remove(folder: Path, step: int) -> None:
    """Renamed first: half of a checkpoint under its own name would pass for a damaged one."""
    shutil.rmtree(_path(folder, step).rename(folder / f".tmp-removed-{step}"))


def _forget_damaged(folder: Path, step: int) -> None:
    """Remove damaged checkpoints later than the one just saved.

    Training that falls back meets them again; till then `prune` would count them among the latest and remove
    whole ones in their favour.
    """
    for later in steps(folder):
        if later > step:
            try:
                load(folder, later)
            except DamagedError:
                _remove(folder, later)


def _path(folder: Path, step: int) -> Path:
    """Where the checkpoint of `step` is: a crash while it was replaced may have left the old one aside."""
    path, old = folder / str(step), folder / f".old-{step}"
    return old if old.is_dir() and not path.is_dir() else path


def _put(aside: Path, path: Path) -> None:
    """Rename a finished checkpoint into place; at any moment `_path` finds a whole one."""
    old = path.with_name(f".old-{path.name}")
    if path.exists():
        path.rename(old)
    aside.rename(path)
    sync_folder(path.parent)
    if old.exists():
        shutil.rmtree(old)


def _tidy(folder: Path) -> None:
    """Remove what a crash left, and put back a checkpoint that it left set aside."""
    for path in folder.glob(".tmp-*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for old in folder.glob(".old-*"):
        path = folder / old.name.removeprefix(".old-")
        if path.exists():
            shutil.rmtree(old)
        else:
            old.rename(path)


def _manifest(step: int, files: Mapping[str, bytes]) -> bytes:
    """A checkpoint's manifest: a pure function of what it describes, so that reading can compare bytes."""
    entries = {
        name: {"bytes": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()} for name in (STATE, MEMORY)
    }
    return to_json({"step": step, "files": entries}).encode()


def _verify(path: Path, step: int, files: Mapping[str, bytes]) -> None:
    """DamagedError unless the manifest is exactly that of the files beside it."""
    expected = _manifest(step, files)
    if files[MANIFEST] == expected:
        return
    place = Place(str(path / MANIFEST))
    written, found = parse_json(files[MANIFEST], place), parse_json(expected, place)
    if not isinstance(entries := written.get("files"), dict):
        raise DamagedError(Problem("damaged: this is not a manifest", place))
    for name, entry in found["files"].items():
        if entries.get(name) != entry:
            text = f"damaged: {name} is not the file that {MANIFEST} describes (size or SHA-256 differ)"
            raise DamagedError(Problem(text, Place(str(path / name))))
    raise DamagedError(Problem("damaged: this is not the manifest that was written", place))


def _longest() -> dict[str, int]:
    """The files of a checkpoint in the order they are read, and how long each may be: arrays are in memory twice."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {MANIFEST: _SHORT, MEMORY: _SHORT, STATE: memory // 2}


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The arrays as safetensors, which orders them by type and name: the order given does not matter."""
    from safetensors.numpy import save as pack

    ready: Arrays = {}
    for name, value in arrays.items():
        array = np.asarray(value, order="C")
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        if array.dtype.name not in _DTYPES.values():
            raise TypeError(f"a checkpoint cannot hold {name!r} of type {array.dtype}")
        if not _finite(array):
            raise DivergedError(f"{name!a} is not finite: no checkpoint of it is written")
        ready["_" + name if _RESERVED.fullmatch(name) else name] = array
    return pack(ready)


def _unpacked(content: bytes, path: Path) -> Arrays:
    """The arrays of verified bytes, in alphabetical order; each owns its memory and may be written to.

    DamagedError for what `save` never writes, whatever a manifest says of it: other types, shapes that do not match
    their bytes, values that are not finite.
    """
    import ml_dtypes  # noqa: F401 (makes numpy know bfloat16)
    from safetensors import SafetensorError, deserialize

    arrays: Arrays = {}
    try:
        for name, tensor in sorted(deserialize(content), key=lambda item: item[0]):
            array = np.frombuffer(bytearray(tensor["data"]), np.dtype(_DTYPES[tensor["dtype"]]))
            arrays[name[1:] if _RESERVED.fullmatch(name) else name] = array.reshape(tensor["shape"])
    except (SafetensorError, LookupError, ValueError) as error:
        what = f"the type {error} is not read" if isinstance(error, LookupError) else error
        raise DamagedError(Problem(f"damaged: {what}", Place(str(path)))) from None
    wild = next((name for name, array in arrays.items() if not _finite(array)), None)
    if wild is not None:
        raise DamagedError(Problem(f"damaged: {quoted(wild)} holds a value that is not finite", Place(str(path))))
    return arrays


def _finite(array: np.ndarray) -> bool:
    return array.dtype.kind in "biu" or bool(np.isfinite(array).all())

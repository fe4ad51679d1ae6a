"""What a task keeps in the run directory, so that it is not fitted again: named arrays of one checkpoint."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from aecli.config.problems import DamagedError, Place, Problem, UserError
from aecli.data.sources.buffers import decoding
from aecli.data.sources.npz import Members
from aecli.runs.plain import read_plain
from aecli.tasks.output import write_npz

META = "meta"  # the name of the key, beside the arrays


def keep(path: Path, key: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays and what they belong to (`key`: the checkpoint's step, a kind, a version) whole, without
    pickle.
    """
    meta = json.dumps({"key": dict(key), "arrays": sorted(arrays)}, sort_keys=True)
    write_npz(path, {META: np.asarray(meta), **arrays})


def kept(
    path: Path, key: Mapping[str, Any], fit: Callable[[Mapping[str, np.ndarray]], bool] = lambda arrays: True
) -> dict[str, np.ndarray] | None:
    """The arrays that were kept for this key; None where there are none, or only those of another key.

    DamagedError where the file is not what was written (a zip file has a checksum of each array), where an array
    announces more than is there, and where the arrays do not `fit` one another.
    """
    if not os.path.lexists(path):
        return None
    try:
        arrays = _arrays(read_plain(path), Place(str(path)))
        meta = json.loads(str(arrays.pop(META)))
        if meta["arrays"] != sorted(arrays):
            raise ValueError("arrays are missing")
        ours = meta["key"] == dict(key)
        if ours and not fit(arrays):
            raise ValueError("its arrays do not fit one another")
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        hint = "remove it: it is made again from the checkpoint"
        raise DamagedError(Problem(f"damaged: {error}", Place(str(path)), hint)) from error
    return arrays if ours else None


def _arrays(content: bytes, place: Place) -> dict[str, np.ndarray]:
    """All arrays of a .npz, as the reader of data reads them: headers are checked before anything is allocated."""
    try:
        with decoding(place), zipfile.ZipFile(BytesIO(content)) as archive:
            members = Members(archive, len(content), place)
            return {name: members.array(name) for name in members.infos}
    except UserError as error:
        raise ValueError(error.problems[0].message) from error

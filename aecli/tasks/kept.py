"""What a task keeps in the run directory, so that it is not fitted again: named arrays of one checkpoint."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from aecli.config.problems import DamagedError, Place, Problem
from aecli.runs.plain import read_plain
from aecli.tasks.output import write_npz

META = "meta"  # the name of the key, beside the arrays


def keep(path: Path, key: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays and what they belong to (`key`: the checkpoint's step, a kind, a version) whole, without
    pickle.
    """
    meta = json.dumps({"key": dict(key), "arrays": sorted(arrays)}, sort_keys=True)
    write_npz(path, {META: np.asarray(meta), **arrays})


def kept(path: Path, key: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
    """The arrays that were kept for this key; None where there are none, or only those of another key.

    DamagedError where the file is not what was written (a zip file has a checksum of each array).
    """
    if not os.path.lexists(path):
        return None
    content = read_plain(path)
    try:
        with np.load(BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop(META)))
        if meta["arrays"] != sorted(arrays):
            raise ValueError("arrays are missing")
    except (ValueError, LookupError, TypeError, OSError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        hint = "remove it: it is made again from the checkpoint"
        raise DamagedError(Problem(f"damaged: {error}", Place(str(path)), hint)) from error
    return arrays if meta["key"] == dict(key) else None

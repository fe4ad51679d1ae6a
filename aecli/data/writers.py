"""Files of a spool: rows in model space, and what stands beside them, written block by block."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from aecli.data.binarize import Drawer, check_grey
from aecli.data.dataset import Split, as_split
from aecli.data.features import Features
from aecli.data.raw import Raw
from aecli.data.sidecar import Sidecar, columns_beside
from aecli.data.spec import Data


@dataclass
class Writers:
    """Files of rows in model space and of what stands beside them, one pair a split."""

    folder: Path
    features: Features
    spec: Data
    splits: tuple[str, ...]
    bytewise: bool
    rows: dict[str, int] = field(default_factory=dict)
    _files: dict[str, IO[bytes]] = field(default_factory=dict)
    _beside: dict[str, Sidecar] = field(default_factory=dict)
    _draw: dict[str, Drawer] = field(default_factory=dict)

    def __enter__(self) -> Writers:
        for name in self.splits:
            self._files[name] = (self.folder / f"{name}.rows").open("wb")
            self._beside[name] = Sidecar(self.folder / f"{name}.arrow")
            self._draw[name] = Drawer(name)
            self.rows[name] = 0
        return self

    def __exit__(self, *error: object) -> None:
        for file in (*self._files.values(), *self._beside.values()):
            file.close()

    def append(self, name: str, raw: Raw, chosen: np.ndarray | None) -> None:
        """The chosen rows of a block (all, where None)."""
        if self.bytewise:
            index = np.arange(len(raw.x)) if chosen is None else chosen
            split, content = _beside(raw, index), raw.x[index]
        else:
            plain = self.spec.model_copy(update={"binarize": "none"})  # it is drawn here, over all blocks
            split = as_split(raw, self.features, plain, chosen, name)
            content = self._binarized(name, split.x).astype("<f4", copy=False)
        self._files[name].write(np.ascontiguousarray(content).tobytes())
        self.rows[name] += len(split.rows)
        self._beside[name].append(columns_beside(split))

    def _binarized(self, name: str, z: np.ndarray) -> np.ndarray:
        how = self.spec.binarize
        if how != "none" and name == "train":
            check_grey(z)
        return self._draw[name](z) if how == "static" or (how == "dynamic" and name != "train") else z


def _beside(raw: Raw, index: np.ndarray) -> Split:
    rows = index + raw.first
    labels = None if raw.labels is None else raw.labels[index]
    ids = rows if raw.ids is None else raw.ids[index].astype(str)
    return Split(raw.x[:0], labels, ids, rows, {key: values[index] for key, values in raw.carried.items()})

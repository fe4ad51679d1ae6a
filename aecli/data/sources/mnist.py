"""MNIST and Fashion-MNIST from a local folder: the four IDX files, or an mnist.npz."""

from __future__ import annotations

import os
from pathlib import Path

from aecli.config.problems import Problem, UserError
from aecli.data.raw import Raw, Want
from aecli.data.sources import idx, npz

PACKAGED = {"fashion-mnist": (Path("/usr/share/datasets/fashion-mnist"),), "mnist": ()}
GET = {
    "fashion-mnist": "install the Debian package dataset-fashion-mnist, or put the four IDX files "
    "(train-images-idx3-ubyte.gz and its siblings) into ./.data/fashion-mnist",
    "mnist": "put the four IDX files (train-images-idx3-ubyte.gz and its siblings) or an mnist.npz "
    "(x_train, y_train, x_test, y_test) into ./.data/mnist",
}


def read(source: str, want: Want) -> Raw:
    """The first copy found of `mnist` or `fashion-mnist`: 60000 x 28 x 28 uint8 and 10000 given to test on.

    Raises UserError naming every place searched where there is none.
    """
    places = searched(source)
    for folder in places:
        if idx.find(folder, "train-images", 3):
            return idx.read(str(folder), want)
        if (folder / f"{source}.npz").is_file():
            return npz.read(str(folder / f"{source}.npz"), want)
    names = ", ".join(f"'{p}'" for p in places)
    raise UserError(Problem(f"no copy of {source} in {names}", None, GET[source]))


def searched(name: str) -> list[Path]:
    """The folders searched for a named set, in order."""
    shared = os.environ.get("AECLI_DATA")
    return [Path(".data", name), Path(name), *([Path(shared, name)] if shared else []), *PACKAGED[name]]

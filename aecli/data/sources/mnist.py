"""MNIST and its like, from a local folder or fetched: the four IDX files, or an .npz of the set's name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aecli.data.raw import Raw, Want
from aecli.data.sources import download, idx, npz

PACKAGED = {"fashion-mnist": (Path("/usr/share/datasets/fashion-mnist"),)}
FILES = "put the four IDX files (train-images-idx3-ubyte.gz and its siblings)"
GET = {
    "fashion-mnist": f"install the Debian package dataset-fashion-mnist, or {FILES} into ./.data/fashion-mnist",
    "mnist": f"{FILES} or an mnist.npz (x_train, y_train, x_test, y_test) into ./.data/mnist",
    "kmnist": f"{FILES} into ./.data/kmnist",
}


def read(source: str, want: Want) -> Raw:
    """The first copy found, else a fetched one: 60000 x 28 x 28 uint8, and 10000 given to test on.

    Raises UserError naming every place searched and address tried where there is none.
    """
    places = searched(source)
    for folder in places:
        if idx.find(folder, "train-images", 3):
            return idx.read(str(folder), want)
        if (folder / f"{source}.npz").is_file():
            return npz.read(str(folder / f"{source}.npz"), want)
    folder, notes = download.fetched(source, places, GET[source])
    return replace(idx.read(str(folder), want), notes=notes)


def searched(name: str) -> list[Path]:
    """The folders searched for a named set, in order."""
    return download.searched(name, PACKAGED.get(name, ()))

"""What lies in a folder of pictures, by names alone: which files, in which order, under which labels."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import Place, Problem, UserError
from aecli.data.labels import parsed

if TYPE_CHECKING:
    from jaxtyping import Shaped

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
SHOWN = 5  # files named before "and so many more"


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder and its sub-folders, in natural order (2.png before 10.png)."""

    folder: Path
    files: tuple[Path, ...]
    ignored: dict[str, int] = field(default_factory=dict)  # how many other files there are, by ending

    @property
    def ids(self) -> Shaped[np.ndarray, " n"]:
        """Paths from the folder on, with slashes."""
        return np.array([p.relative_to(self.folder).as_posix() for p in self.files], np.str_)

    @property
    def labels(self) -> Shaped[np.ndarray, " n"] | None:
        """The sub-folders of the folder itself that the pictures lie in; None unless all lie in some."""
        parts = [p.relative_to(self.folder).parts for p in self.files]
        return parsed(np.array([p[0] for p in parts])) if parts and all(len(p) > 1 for p in parts) else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, and where the labels may not be what is meant."""
        found, depth = [], {len(p.relative_to(self.folder).parts) > 1 for p in self.files}
        if self.ignored:
            ends = ", ".join(e or "no ending" for e in sorted(self.ignored))
            found.append(f"{sum(self.ignored.values())} files of '{self.folder}' are no pictures read here ({ends})")
        if len(depth) == 2:
            found.append(f"no labels: some pictures lie in '{self.folder}' itself, some in its sub-folders")
        named = {str(v).lower() for v in np.unique(self.labels)} if self.labels is not None else set()
        if "train" in named and named <= {"train", "test", "val", "valid", "validation"}:
            found.append(
                f"{', '.join(sorted(named))} are taken for labels: for the training part use {self.folder}/train"
            )
        return tuple(found)


def listing(folder: Path) -> Listing:
    """Every picture below `folder` by its ending; what is hidden (.name) is passed over, folders in links too.

    Raises UserError where a link leads out of the folder.
    """
    files: list[Path] = []
    strays: list[Path] = []
    ignored: Counter[str] = Counter()
    root, left = folder.resolve(), [folder]
    while left:
        for path in left.pop().iterdir():
            if path.name.startswith("."):
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                strays.append(path)
            elif path.is_dir():
                left += [] if path.is_symlink() else [path]
            elif path.suffix.lower() in ENDINGS and path.is_file():
                files.append(path)
            else:
                ignored[path.suffix.lower()] += 1
    if strays:
        named = shown(sorted(str(p.relative_to(folder)) for p in strays))
        text = f"{len(strays)} links lead out of the folder: {named}"
        raise UserError(Problem(text, Place(str(folder)), "put the files themselves there"))
    return Listing(folder, tuple(sorted(files, key=lambda p: _natural(p.relative_to(folder)))), dict(ignored))


def holds(folder: Path) -> bool:
    """Whether there is a picture below the folder."""
    left = [folder]
    while left:
        for path in left.pop().iterdir():
            if path.name.startswith("."):
                continue
            if path.suffix.lower() in ENDINGS and path.is_file():
                return True
            if path.is_dir() and not path.is_symlink():
                left.append(path)
    return False


def shown(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    return "; ".join(names[:SHOWN]) + (f"; and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _natural(path: Path) -> tuple[object, ...]:
    """A key that puts 2 before 10, and is the same on every machine."""
    pieces = [[_token(t) for t in re.split(r"([0-9]+)", part.casefold())] for part in path.parts]
    return (pieces, path.as_posix())


def _token(text: str) -> tuple[int, int, str]:
    return (0, int(text), "") if text.isdecimal() and text.isascii() else (1, 0, text)

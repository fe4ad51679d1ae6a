"""The spool: rows of a source too large for memory, once in model space on disk, to be read from there in any order."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.data import labels as names
from aecli.data.binarize import check_numbers
from aecli.data.dataset import Dataset, Split, fitting
from aecli.data.faults import problems
from aecli.data.features import Features
from aecli.data.fitting import fit
from aecli.data.hashing import files_hash
from aecli.data.raw import Raw
from aecli.data.scan import Scan
from aecli.data.sidecar import Sidecar
from aecli.data.spec import Data
from aecli.data.splits import TEST, TRAIN, VALIDATION, Division, division
from aecli.data.statistics import VALUES
from aecli.data.store import Stored
from aecli.data.truth import anomaly_label
from aecli.data.writers import Writers

VERSION = 4
STALE = 24 * 3600  # seconds after which a spool that was never finished is removed
LEFT_OUT = 255
NAMES = {TRAIN: "train", VALIDATION: "validation", TEST: "test"}
HOW = {"residency", "augment"}  # keys of `data` that change no row


def spooled(source: Scan, spec: Data) -> Dataset:
    """The dataset of a scan: in the cache, made there if it is not. UserError as of `aecli.data.dataset.load`."""
    before, digest = _stamp(source), files_hash(source.files)
    key = _key(digest, spec.model_dump_json(exclude=HOW), repr(source.fields))  # as the cells are read today

    def write(aside: Path) -> None:
        _write_dataset(source, spec, aside)
        _check_unchanged(source, before)

    folder = _made(key, write)
    meta = json.loads((folder / "meta.json").read_text())
    features = Features.from_dict(json.loads((folder / "features.json").read_text()))
    splits = {name: _opened(folder, name, count, features, meta["bytes"]) for name, count in meta["rows"].items()}
    known = tuple(meta["class_names"])
    return Dataset(
        splits["train"], splits.get("validation"), splits.get("test"), features, known, anomaly_label(spec, known),
        digest, spec.source, spec, notes=(*source.notes, *meta["notes"], f"streamed from {folder}"),
    )  # fmt: skip


def spooled_rows(source: Scan, features: Features, spec: Data) -> Split:
    """All rows of a scan for a run with these features."""
    before = _stamp(source)
    parts = (files_hash(source.files), spec.model_dump_json(exclude=HOW), json.dumps(features.to_dict()))

    def write(aside: Path) -> None:
        with Writers(aside, features, spec, ("rows",), bytewise=False) as out:
            for raw in source.blocks(_block(features.shape)):
                out.append("rows", fitting(_checked(raw), features), None)
        _finish(aside, features, out, ())
        _check_unchanged(source, before)

    folder = _made(_key(*parts), write)
    meta = json.loads((folder / "meta.json").read_text())
    return _opened(folder, "rows", meta["rows"]["rows"], features, meta["bytes"])


def cache_folder() -> Path:
    """Where spools are kept: they may be removed at any time."""
    root = os.environ.get("AECLI_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "aecli"
    return Path(root) / "rows"


def _write_dataset(source: Scan, spec: Data, aside: Path) -> None:
    cut, known, missing = division(source.rows, spec.split), set(), Counter()
    first = next(source.blocks(1))
    size = _block(first.x.shape[1:])

    def training() -> Iterator[np.ndarray]:
        for raw in source.blocks(size):
            _checked(raw)
            parts = _parts(raw, cut, spec)
            if raw.labels is not None:
                known.update(np.unique(raw.labels[names.labelled(raw.labels)]).tolist())
                missing["all"] += names.unlabelled(raw.labels)
                missing["left out"] += names.unlabelled(raw.labels[parts == LEFT_OUT])
            yield raw.x[parts == TRAIN]
        if spec.classes is not None:
            names.check_classes(np.array(sorted(known)) if known else None, spec.classes, spec.source)

    features = fit(first, training(), spec.scale, source.rows)
    class_names = names.class_names(np.array(sorted(known))) if known else ()
    if spec.binarize != "none":
        check_numbers(features.layout().mixed)
    parts = [part for part, count in ((TRAIN, 1), (VALIDATION, cut.validations), (TEST, cut.tests)) if count]
    bytewise = first.x.dtype == np.uint8 and features.scale == "none" and spec.binarize == "none"
    with Writers(aside, features, spec, tuple(NAMES[part] for part in parts), bytewise) as out:
        for raw in source.blocks(size):
            mine = _parts(raw, cut, spec)
            for part in parts:
                out.append(NAMES[part], raw, np.flatnonzero(mine == part))
    left_out = None if spec.classes is None else missing["left out"]
    _finish(aside, features, out, class_names, names.unlabelled_note(missing["all"], source.rows, left_out))


def _parts(raw: Raw, cut: Division, spec: Data) -> np.ndarray:
    """The split of each row of a block, or LEFT_OUT for one that `data.classes` leaves out."""
    parts = cut.of(raw.first, raw.first + len(raw.x))
    if spec.classes is not None and raw.labels is not None:
        left_out = ~names.among(raw.labels, spec.classes) & (parts != TEST)
        parts = np.where(left_out, np.uint8(LEFT_OUT), parts)
    return parts


def _checked(raw: Raw) -> Raw:
    if found := problems(raw, whole=False):
        raise UserError(*found)
    return raw


def _finish(
    aside: Path, features: Features, out: Writers, class_names: tuple[str, ...], notes: tuple[str, ...] = ()
) -> None:
    if out.rows.get("train", 2) < 2 or out.rows.get("validation", 1) < 1:
        text = "data.classes leaves too few rows to train and to validate on"
        raise UserError(Problem(text, None, "name more classes, or use more rows", ("data", "classes")))
    (aside / "features.json").write_text(json.dumps(features.to_dict()))
    sizes = {path.name: path.stat().st_size for path in aside.iterdir()}
    meta = {"rows": out.rows, "bytes": out.bytewise, "class_names": class_names, "notes": notes, "sizes": sizes}
    (aside / "meta.json").write_text(json.dumps(meta))


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join((str(VERSION), *parts)).encode()).hexdigest()[:32]


def _made(key: str, write: Callable[[Path], None]) -> Path:
    """The folder of a spool, written aside and renamed when whole."""
    folder = cache_folder() / key
    if _is_whole(folder):
        return folder
    shutil.rmtree(folder, ignore_errors=True)  # damaged: it is made again
    for left in folder.parent.glob(".tmp-*"):  # of processes that were killed
        if time.time() - left.stat().st_mtime > STALE:
            shutil.rmtree(left, ignore_errors=True)
    aside = folder.with_name(f".tmp-{secrets.token_hex(6)}")
    try:
        aside.mkdir(parents=True)
        write(aside)
        os.replace(aside, folder)  # noqa: PTH105
    except OSError as error:
        if _is_whole(folder):  # another process was quicker
            return folder
        hint = "make room there, or set AECLI_CACHE to a folder on a larger disk"
        raise UserError(
            Problem(f"cannot spool rows to {folder.parent}: {error.strerror or error}", None, hint)
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _is_whole(folder: Path) -> bool:
    """Whether the spool has every file in its full length."""
    try:
        sizes = json.loads((folder / "meta.json").read_text())["sizes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, LookupError):
        return False


def _stamp(source: Scan) -> list[tuple[int, int]]:
    """Sizes and times of the files."""
    return [(path.stat().st_size, path.stat().st_mtime_ns) for path in source.files]


def _check_unchanged(source: Scan, before: list[tuple[int, int]]) -> None:
    if _stamp(source) != before:
        raise UserError(Problem("the data changed while they were read", None, "run it again when they rest"))


def _block(shape: tuple[int, ...]) -> int:
    """Rows at a time."""
    return max(512, VALUES // max(prod(shape), 1))


def _opened(folder: Path, name: str, rows: int, features: Features, bytewise: bool) -> Split:
    values: Any = None
    if bytewise:
        values = features.units(np.arange(256, dtype=np.uint8)).astype(np.float32)
    x: Any = Stored(folder / f"{name}.rows", rows, features.shape, values)
    beside: Any = Sidecar.columns(folder / f"{name}.arrow")
    return Split(x, beside.get("label"), beside["id"], beside["row"], beside["carried"])

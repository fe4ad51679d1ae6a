"""The second pass over a table: its rows in blocks of any size, whatever the batches of the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from aecli.config.problems import Place, Problem, UserError
from aecli.data.raw import Raw
from aecli.data.tables import arrays
from aecli.data.tables.kept import Dtype, kept

if TYPE_CHECKING:
    from aecli.data.tables.scan import Scan

CHANGED = "its rows are others than a moment ago: it is damaged, or was written to while it was read"
LABEL, ID = ("label", ""), ("id", "")  # what stands beside x, by what it is for and its name
Beside = tuple[str, str]


def blocks(scan: Scan, size: int) -> Iterator[Raw]:
    """See `Scan.blocks`."""
    if size < 1:
        raise ValueError(f"a block of {size} rows")
    block, done = Block(scan, min(size, scan.rows)), 0
    if not scan.rows:
        yield block.raw(0)
        return
    for part in _parts(scan):
        start = 0
        while start < part.rows:
            if block.room == 0:
                raise _changed(scan.file)
            start += block.take(part, start)
            if block.room == 0:
                yield block.raw(done)
                done += block.size
                block = Block(scan, min(size, scan.rows - done))
    if done < scan.rows:
        raise _changed(scan.file)


@dataclass(frozen=True)
class _Part:
    """Rows as they come: the columns of x, and those beside it."""

    rows: int
    x: list[np.ndarray]
    beside: dict[Beside, np.ndarray]


class Block:
    """A block that is being filled."""

    def __init__(self, scan: Scan, size: int):
        self.scan, self.size, self.filled = scan, size, 0
        self.x = np.empty((size, len(scan.fields)))
        self.beside: dict[Beside, list[np.ndarray]] = {}

    @property
    def room(self) -> int:
        """How many rows are still to come."""
        return self.size - self.filled

    def take(self, part: _Part, start: int) -> int:
        """As many rows of `part`, from `start`, as there is room for; how many those were."""
        count = min(self.room, part.rows - start)
        arrays.gathered(part.x, self.x[self.filled : self.filled + count], start)
        for name, values in part.beside.items():
            self.beside.setdefault(name, []).append(values[start : start + count])
        self.filled += count
        return count

    def raw(self, first: int) -> Raw:
        """The rows, of which the first has the number `first` in the file."""
        scan, plan = self.scan, self.scan.plan

        def whole(name: Beside) -> np.ndarray:
            return np.concatenate(self.beside.get(name) or [np.empty(0, np.str_)])

        return Raw(
            self.x, whole(LABEL) if plan.label is not None else None, whole(ID) if plan.id is not None else None,
            columns=scan.columns, file=scan.file, files=scan.files,
            first_line=None if plan.first_line is None else plan.first_line + first,
            fields=None if scan.columns is None else scan.fields,
            carried={name: whole(("carried", name)) for _, name, _ in plan.carried}, first=first,
        )  # fmt: skip


def _parts(scan: Scan) -> Iterator[_Part]:
    plan = scan.plan
    index = {i: {v: float(k) for k, v in enumerate(f.values)} for i, f in plan.features if f.kind == "categorical"}
    beside: dict[Beside, tuple[int, Dtype]] = {("carried", name): (i, dtype) for i, name, dtype in plan.carried}
    if plan.label is not None:
        beside[LABEL] = plan.label
    if plan.id is not None:
        beside[ID] = (plan.id, "text")
    columns = list(dict.fromkeys([*(i for i, _ in plan.features), *(i for i, _ in beside.values())]))
    try:
        for batch in scan.table.batches(columns):
            cells = dict(zip(columns, batch, strict=True))
            x = []
            for i, field in plan.features:
                values = arrays.values(cells[i], field, index.get(i))
                if values is None:
                    raise _changed(scan.file)
                x.append(values)
            yield _Part(len(batch[0]), x, {name: kept(cells[i], dtype) for name, (i, dtype) in beside.items()})
    except pa.ArrowInvalid as error:
        raise _changed(scan.file) from error


def _changed(file: str) -> UserError:
    return UserError(Problem(CHANGED, Place(file), "copy it, and read the copy"))

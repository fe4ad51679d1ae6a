"""The first pass over a table, in constant memory: the kind and the values of every column, for all of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from aecli.config.problems import Place, Problem, UserError
from aecli.data.faults import SHOWN
from aecli.data.raw import Field
from aecli.data.tables import arrays
from aecli.data.tables.cells import FALSE_TRUE
from aecli.data.tables.evidence import Evidence, Finding
from aecli.data.tables.habits import settled
from aecli.data.tables.kept import LONGEST, Dtype, Kept
from aecli.data.tables.roles import Roles, as_key
from aecli.data.tables.styles import Style, example


class Table(Protocol):
    """A file that is read in batches of columns."""

    place: Place
    roles: Roles
    notes: list[str]
    rows: int | None
    untyped: bool
    comma: bool  # its numbers may have decimal commas
    pointed: bool  # its columns that are read as numbers at once show that they have decimal points
    ragged: list[Problem]  # rows that have not one cell a column, the first few
    ragged_count: int

    def native(self, column: int) -> arrays.Native | None:
        """What a column is by its type, None for one that x cannot hold."""
        ...

    def doubtful(self, column: int) -> bool:
        """Whether a point in a column that is read as numbers at once may be another thing than a decimal point."""
        ...

    def type_name(self, column: int) -> str:
        """The name of a column's type."""
        ...

    def guess(self) -> int:
        """The number of rows, nearly, without reading them all."""
        ...

    def retry(self) -> bool:
        """Go on to a more careful way of reading; False where there is none."""
        ...

    def batches(self, columns: Sequence[int]) -> Iterator[list[Any]]:
        """These columns as Arrow arrays, a few rows at a time."""
        ...

    def check_end(self) -> None:
        """Raise UserError where the file ends within a cell."""
        ...

    def first_line(self, rows: int) -> int | None:
        """The line of the first of so many rows, where each has one line."""
        ...

    def lines_of(self, rows: set[int], count: int) -> dict[int, int]:
        """The lines of these of so many rows, where there are lines."""
        ...


@dataclass(frozen=True)
class Plan:
    """What becomes of every column: `features` in the order of x, the others by index with their type."""

    rows: int
    features: tuple[tuple[int, Field], ...]
    label: tuple[int, Dtype] | None
    id: int | None
    carried: tuple[tuple[int, str, Dtype], ...]
    notes: tuple[str, ...] = ()
    first_line: int | None = None


def surveyed(table: Table) -> Plan:
    """Look at every row of the columns that need it.

    Raises UserError for everything that is wrong with the cells: the first few, each with its row, column and line.
    """
    _check_types(table)
    while True:
        survey = _Survey(table)
        try:
            survey.run()
            table.check_end()
            return survey.plan()
        except pa.ArrowInvalid as error:
            if not table.retry():
                raise UserError(Problem(f"cannot be read: {error}", table.place)) from error


def _check_types(table: Table) -> None:
    roles = table.roles
    beside = {roles.label: "label", roles.id: "id"}
    problems = []
    for i in roles.needed:
        if table.native(i) is None and not _left_out(table, i):
            what = f"the {beside[i]} {roles.called(i)}" if i in beside else f"column {roles.called(i)}"
            key = as_key(roles.names[i])
            hint = f"leave it out: data.columns: {{{key}: drop}}; or save each of its values as a column"
            message = f"{what} holds {table.type_name(i)}, not one number, date or text a row"
            problems.append(Problem(message, table.place, hint))
    if problems:
        raise UserError(*problems)


def _left_out(table: Table, column: int) -> bool:
    """Whether it is a column beside x that nobody asked for, and that cannot be carried."""
    roles = table.roles
    return column in roles.carried and roles.kinds.get(column) != "carry" and table.native(column) is None


@dataclass
class _Survey:
    table: Table
    rows: int = 0
    nonfinite: bool = False
    evidence: dict[int, Evidence] = field(default_factory=dict)
    kept: dict[int, Kept] = field(default_factory=dict)

    def run(self) -> None:
        """Read what must be read: of a file with types, neither numbers nor dates."""
        table, roles = self.table, self.table.roles
        for i in roles.features:
            asked, own = roles.kinds.get(i), table.native(i)
            if own == "text" or (asked is not None and asked != own and (own, asked) != ("boolean", "numeric")):
                self.evidence[i] = Evidence(asked, roles.formats.get(i), table.comma)
        if roles.label is not None:
            self.kept[roles.label] = Kept(True, table.untyped)
        for i in roles.carried:
            if not _left_out(table, i):
                self.kept[i] = Kept(False, table.untyped)
        if roles.id is not None:
            self.kept.setdefault(roles.id, Kept(False, False))
        columns = list(roles.needed if table.untyped else dict.fromkeys([*self.evidence, *self.kept]))
        if table.rows is None and not columns:
            columns = [roles.features[0]]  # for the number of rows
        for batch in table.batches(columns) if columns else ():
            for i, column in zip(columns, batch, strict=True):
                self._look(i, column)
            self.rows += len(batch[0])
        if table.rows is not None and not columns:
            self.rows = table.rows

    def _look(self, i: int, column: Any) -> None:
        if i in self.kept:
            self.kept[i].add(column)
        elif i in self.evidence:
            self.evidence[i].add(arrays.text(column), self.rows)
        elif self.table.untyped:
            values = arrays.numbers(column)
            finite = np.isfinite(values)
            self.nonfinite = self.nonfinite or bool(column.null_count) or not finite.all()
            if self.table.doubtful(i) and (values[finite] % 1 > 0).any():
                raise pa.ArrowInvalid("fractions, where a point may part thousands: to be read as text")

    def plan(self) -> Plan:
        """What was found, or a UserError that says what is wrong with it."""
        roles, rows = self.table.roles, self.rows
        pointed = {"."} if self.table.pointed else set()
        known = settled([pointed, *(evidence.shown() for evidence in self.evidence.values())])
        found = {i: evidence.finding(roles.names[i], rows, known) for i, evidence in self.evidence.items()}
        self._check(found)
        notes = [*self.table.notes, *(f.note for f in found.values() if f.note)]
        features = tuple((i, self._field(i, found.get(i))) for i in roles.features if i not in found or found[i].kind)
        if not features:
            hint = "; ".join(notes) or "see data.label, data.id and data.columns"
            raise UserError(Problem("no column is left for x: all others are text", self.table.place, hint))
        kept, left_out = self._carried(found)
        label = None if roles.label is None else (roles.label, self.kept[roles.label].dtype())
        holes = self.nonfinite or any(e.filled < rows or e.soft for e in self.evidence.values())
        first = self.table.first_line(rows) if holes else None
        return Plan(rows, features, label, roles.id, kept, (*notes, *left_out), first)

    def _field(self, i: int, found: Finding | None) -> Field:
        name = self.table.roles.names[i]
        if found is not None and found.kind is not None:
            return Field(name, found.kind, found.values, found.format)
        own = self.table.native(i)
        kind = self.table.roles.kinds.get(i) or own
        return Field(name, kind, FALSE_TRUE if kind == "boolean" else ())  # pyright: ignore[reportArgumentType]

    def _carried(self, found: dict[int, Finding]) -> tuple[tuple[tuple[int, str, Dtype], ...], list[str]]:
        """The columns that go along, with their types, and a note for each that cannot."""
        table, roles = self.table, self.table.roles
        for what, i in (("label", roles.label), ("id", roles.id)):
            if i is not None and self.kept[i].longest > LONGEST:
                message = f"the {what} {roles.called(i)} has a cell of {self.kept[i].longest:,} characters"
                raise UserError(Problem(message, table.place, f"{LONGEST:,} are allowed", ("data", what)))
        types: dict[int, Dtype] = {i: "text" for i, f in found.items() if f.kind is None}
        types |= {i: self.kept[i].dtype() for i in roles.carried if i in self.kept}
        long = {i for i in types if self._longest(i) > LONGEST}
        notes = [
            f"column '{roles.names[i]}' is not carried: it has a cell of {self._longest(i):,} characters, "
            f"and {LONGEST:,} are allowed" for i in sorted(long)
        ]  # fmt: skip
        notes += [
            f"column '{roles.names[i]}' is not carried: it holds {table.type_name(i)}"
            for i in roles.carried if i not in self.kept
        ]  # fmt: skip
        return tuple((i, roles.names[i], types[i]) for i in sorted(types) if i not in long), notes

    def _longest(self, i: int) -> int:
        return self.kept[i].longest if i in self.kept else self.evidence[i].longest

    def _check(self, found: dict[int, Finding]) -> None:
        """Raise what is wrong with rows and cells, in the order of the rows."""
        bad = {i: f for i, f in found.items() if f.problem}
        if not bad and not self.table.ragged:
            return
        lines = self.table.lines_of({f.cells[0][0] for f in bad.values() if f.cells}, self.rows)
        problems = [(p.place.line or 0 if p.place else 0, p) for p in self.table.ragged]
        for i, finding in bad.items():
            line = lines.get(finding.cells[0][0]) if finding.cells else None
            problems.append((line or 0, self._bad(i, finding, line)))
        named = [problem for _, problem in sorted(problems, key=lambda pair: pair[0])][:SHOWN]
        more = self.table.ragged_count + len(bad) - len(named)
        raise UserError(*named, *([Problem(f"and {more} more", self.table.place)] if more else []))

    def _written(self, i: int) -> str:
        format_ = self.table.roles.formats.get(i)
        kind = self.table.roles.kinds.get(i)
        return f", written {example(Style(kind, format_))}" if format_ and kind in ("numeric", "date") else ""

    def _bad(self, i: int, finding: Finding, line: int | None) -> Problem:
        name = self.table.roles.called(i)
        asked = self.table.roles.kinds.get(i)
        of_run = self.table.roles.of_run and asked is not None
        hint = f"the run was trained on this column as {asked}{self._written(i)}" if of_run else finding.hint
        place = replace(self.table.place, line=line)
        if not finding.cells:
            return Problem(f"column {name} {finding.problem}", place, hint)
        (row, text), *others = finding.cells
        also = ", ".join(f"row {r + 1}: {t[:40]!r}" for r, t in others)
        more = f" ({finding.bad - 1} more in this column: {also}{', ...' if finding.bad > len(others) + 1 else ''})"
        message = f"row {row + 1}, column {name}: {text[:80]!r} {finding.problem}{more if finding.bad > 1 else ''}"
        return Problem(message, place, hint)

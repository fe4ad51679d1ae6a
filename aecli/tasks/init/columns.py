"""What the columns of a table are for, by their names and values: the id, the label, and what is only carried."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from aecli.config.problems import UserError
from aecli.data.raw import Field, Raw, Want
from aecli.data.spec import Data
from aecli.data.tables import scan as tables
from aecli.tasks.init.choice import Choice, Choices

# In this order, in any case; a name with a part of its own before it (customer_id, CustomerId) is an id, too.
IDS = re.compile(r"(?i:id|uuid|guid|index|key)|.*[_\W](?i:id|uuid|guid)|.*[a-z](Id|ID)")
LABELS = (
    "label", "labels", "class", "target", "y", "species", "variety", "category", "diagnosis", "outcome", "anomaly",
    "outlier", "is_anomaly", "is_outlier", "fraud", "is_fraud", "ground_truth",
)  # fmt: skip
CLASSES = 50  # distinct values that a label has at most
LAST = 10  # and the unnamed last column of a table without a header
FEW = 20  # categories that are never too many
SHARE = 0.1  # of the rows: a column of text with more categories says too little about each


@dataclass(frozen=True)
class Table:
    """The first rows of a table, and what its reader made of the columns."""

    raw: Raw
    fields: tuple[Field, ...]
    headless: bool
    notes: tuple[str, ...]
    aside: frozenset[str]  # columns that the config asks to carry, or that are carried as they are an index

    @classmethod
    def of(cls, found: tables.Scan, rows: int) -> Table:
        """The table of a scan; only its first `rows` rows are looked at."""
        from aecli.data.tables.text import TextTable

        roles = found.table.roles
        headless = isinstance(found.table, TextTable) and not found.table.header
        raw = next(found.blocks(max(rows, 1)))
        return cls(raw, found.fields, headless, found.notes, frozenset(roles.names[i] for i in roles.carried))

    def key(self, name: str) -> str | int:
        """A column as the config calls it: its name, or its index where there are no names."""
        return int(name) if self.headless else name

    def values(self, name: str) -> np.ndarray:
        """The cells [n] of a column: numbers (of a category column, the number of the category) or text."""
        at = next((j for j, f in enumerate(self.fields) if f.name == name), None)
        return self.raw.carried[name] if at is None else self.raw.x[:, at]


def table_choices(source: str, given: dict[str, Any], rows: int | None) -> Choices:
    """Choices in `data` for a table, beside what is `given` there. UserError for a table that cannot be read.

    Of what is larger than memory only the first `rows` rows are looked at.
    """
    found, choices = _scanned(source, given)
    table = Table.of(found, found.rows if rows is None else min(rows, found.rows))
    if any("data.header" in note for note in table.notes):
        why = "the first row looks like data" if table.headless else "the first row looks like names"
        choices["data.header"] = Choice(not table.headless, f"{why}: turn this round if it is not")
    if "id" not in given and "data.id" not in choices and (name := _id(table)):
        choices["data.id"] = Choice(table.key(name), "a different value in every row: it names rows, it is not learned")
    if "label" not in given and (name := _label(table)):
        choices["data.label"] = Choice(table.key(name), _why_label(table, name))
    beside = {str(choices[key].value) for key in ("data.id", "data.label") if key in choices}
    columns = {**given.get("columns", {}), **_carried(table, beside)}
    if len(columns) > len(given.get("columns", {})):
        why = "text that differs from row to row goes along with the results: `categorical` learns it, `drop` drops it"
        choices["data.columns"] = Choice(columns, why)
    return choices


def _scanned(source: str, given: dict[str, Any]) -> tuple[tables.Scan, Choices]:
    """The table; a first column without a name, as pandas writes its index, is taken for the id."""
    want = Want.of(Data.model_validate(given))
    try:
        return tables.scan(source, want), {}
    except UserError:
        if "id" in given:
            raise
        try:
            found = tables.scan(source, Want.of(Data.model_validate({**given, "id": 0})))
        except UserError:
            found = None  # then the first thing that was said of it is what is wrong
        if found is None or found.table.roles.names[0]:
            raise
        return found, {"data.id": Choice(0, "the first column has no name: an index")}


def _id(table: Table) -> str | None:
    """The first column that is called like an id and is one."""
    if table.headless:
        return None
    names = [*(f.name for f in table.fields), *table.raw.carried]
    return next((n for n in names if IDS.fullmatch(n) and n not in table.aside and _all_distinct(table, n)), None)


def _all_distinct(table: Table, name: str) -> bool:
    field = next((f for f in table.fields if f.name == name), None)
    if field is not None and field.kind in ("boolean", "date"):
        return False
    values = table.values(name)
    whole = values.dtype.kind != "f" or bool((values == np.rint(values)).all())
    return len(values) > 1 and whole and len(np.unique(values)) == len(values)


def _label(table: Table) -> str | None:
    """The column that is called like a label and has few values, or the last one of a table without names."""
    last = table.fields[-1] if table.fields else None
    if table.headless:
        return last.name if last and last.values and _is_label(table, last, LAST) else None
    called = {f.name.strip().lower().replace(" ", "_"): f for f in table.fields}
    found = (called[word] for word in LABELS if word in called)
    return next((f.name for f in found if _is_label(table, f, CLASSES)), None)


def _is_label(table: Table, field: Field, most: int) -> bool:
    """Whether it has from 2 to `most` values, fewer than half of the rows, whole numbers or text, and no hole."""
    values = table.values(field.name)
    if len(table.fields) < 2 or field.kind == "date" or np.isnan(values).any() or (values != np.rint(values)).any():
        return False
    return 2 <= len(np.unique(values)) <= min(most, len(values) // 2)


def _why_label(table: Table, name: str) -> str:
    count = len(np.unique(table.values(name)))
    which = "the last column" if table.headless else "by its name"
    return f"{which}, {count} values: not learned, but metrics, pictures and anomalies are told apart by it"


def _carried(table: Table, beside: set[str]) -> dict[str, str]:
    """The columns of text that the reader carries, and those with so many categories that each is rare."""
    free = [name for name in table.raw.carried if name not in table.aside | beside]
    most = max(FEW, SHARE * len(table.raw.x))
    many = [f.name for f in table.fields if f.kind == "categorical" and len(f.values) > most and f.name not in beside]
    kept = [f for f in table.fields if f.name not in {*many, *beside}]
    return dict.fromkeys([*free, *(many if kept else [])], "carry")

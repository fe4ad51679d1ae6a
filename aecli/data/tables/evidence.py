"""What a column of text is, from all of its cells: counted batch by batch, decided at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from aecli.data.raw import ColumnKind
from aecli.data.tables import arrays, habits
from aecli.data.tables.arrays import pc
from aecli.data.tables.cells import FALSE_TRUE, SOFT_HOLES
from aecli.data.tables.roles import as_key
from aecli.data.tables.styles import ISO, PLAIN, TRUTH, Style, example, plain_category, reader, styles

MOST_VALUES = 50_000  # distinct texts of one column that are kept in memory
FEW = 50  # so many distinct texts are always a category's
SHOWN = 4  # cells named
DECIMAL_COMMA = Style("numeric", ",")
Cell = tuple[int, str]  # its row and its text
KINDS: tuple[ColumnKind, ...] = ("numeric", "boolean", "date")
MOSTLY: tuple[ColumnKind, ...] = ("numeric", "date")  # where half of the cells are these, the others are mistakes
ARTICLES = {"numeric": "a number", "boolean": "true or false", "date": "an ISO date"}
HINTS = {
    "numeric": "write a hole as an empty cell; or, if these are categories, set data.columns: {{{key}: categorical}}",
    "boolean": "write true, false, yes or no, or nothing for a hole; or set data.columns: {{{key}: categorical}}",
    "date": "write YYYY-MM-DD, with a time as YYYY-MM-DDTHH:MM:SS; or set data.columns: {{{key}: categorical}}",
}
IN_ONE = "write all cells of the column alike; or, if these are categories, set data.columns: {{{key}: categorical}}"
DECIMAL = "decimals are written with a point: 1.5 instead of 1,5"


@dataclass(frozen=True)
class Finding:
    """What a column is: a field's kind, values and format, or None to carry it; or why it is none of these.

    `cells` are the first rows (from 0) that do not fit, with their text, `bad` how many there are in all.
    """

    kind: ColumnKind | None
    values: tuple[str, ...] = ()
    format: str = ""
    note: str | None = None
    problem: str | None = None
    hint: str | None = None
    cells: tuple[tuple[int, str], ...] = ()
    bad: int = 0


@dataclass
class Evidence:
    """Counts of what the cells of one column look like. `asked` is the kind that it must be, if any.

    `format` is how a run has it written, None where that is to be found; `comma`: commas may be decimal. `early` are
    the first cells: they are not of a style that is first seen later.
    """

    asked: str | None = None
    format: str | None = None
    comma: bool = False
    filled: int = 0
    soft: int = 0
    counts: Counter[Style] = field(default_factory=Counter)
    likes: Counter[str] = field(default_factory=Counter)  # cells of any style of a kind
    marked: bool = False  # whether a point or comma stands in any cell
    commas: int = 0  # cells that a decimal comma would explain, where there can be none
    habits: frozenset[str] = frozenset()  # of the file, as all of its columns show them
    odd: dict[Style, list[Cell]] = field(default_factory=dict)
    early: list[Cell] = field(default_factory=list)
    texts: set[str] | None = field(default_factory=set)
    longest: int = 0

    def add(self, column: Any, first: int) -> None:
        """Take the next cells, text stripped of blanks, of which the first is in row `first`."""
        cells = arrays.without_holes(column)
        self.filled += len(cells) - cells.null_count
        self.longest = max(self.longest, pc.max(pc.utf8_length(cells)).as_py() or 0)
        self.marked = self.marked or pc.any(pc.match_substring_regex(cells, "[.,]")).as_py() is True
        if self._all_of(PLAIN, arrays.floats, cells, first) or self._all_of(ISO, arrays.instants, cells, first):
            return
        texts, index = arrays.encoded(cells)
        if self.asked != "categorical":
            soft = np.array([self.asked != "boolean" and text in SOFT_HOLES for text in texts], bool)
            found = [() if soft[k] else self._styles(text) for k, text in enumerate(texts)]
            self._count(found, soft, index)
            self._odd(found, soft, index, lambda i: texts[index[i]], first)
        self._gather(texts)

    def _styles(self, text: str) -> tuple[Style, ...]:
        """What a cell can be, of all that is asked for."""
        if self.asked == "boolean" or self.format is not None:
            only = self._only()
            return (only,) if reader(only)(text) is not None else ()
        found = [style for style in styles(text, comma=True) if self.asked in (None, style.kind)]
        allowed = tuple(style for style in found if self.comma or not style.format.startswith(","))
        return allowed or tuple(found)

    def _only(self) -> Style:
        """The one style there can be, or the plain one of its kind."""
        kind: ColumnKind = "boolean" if self.asked == "boolean" else "date" if self.asked == "date" else "numeric"
        return Style(kind, self.format or "")

    def _count(self, found: list[tuple[Style, ...]], soft: np.ndarray, index: np.ndarray) -> None:
        number = np.bincount(index[index >= 0], minlength=len(found))
        self.soft += int(number[soft].sum())
        for which, count in zip(found, number.tolist(), strict=True):
            allowed = [style for style in which if self._may_be(style)]
            self.counts.update(dict.fromkeys(allowed, count))
            self.likes.update(dict.fromkeys({style.kind for style in allowed}, count))
            self.commas += count if which and not allowed else 0

    def _may_be(self, style: Style) -> bool:
        return self.comma or self.format is not None or not style.format.startswith(",")

    def _odd(
        self,
        found: list[tuple[Style, ...]],
        soft: np.ndarray,
        index: np.ndarray,
        text: Callable[[int], str],
        first: int,
    ) -> None:
        """Take down the first cells that are not of each style."""
        for style in {self._only(), *(s for which in found for s in which if self._may_be(s))} - self.odd.keys():
            self.odd[style] = list(self.early)
        for style in self.odd:
            misfit = ~np.array([*(style in which for which in found), True], bool)
            misfit[:-1] &= ~soft
            self._take(self.odd[style], misfit[index], text, first)
        self._take(self.early, np.append(~soft, False)[index], text, first)

    def _take(self, into: list[Cell], which: np.ndarray, text: Callable[[int], str], first: int) -> None:
        room = SHOWN - len(into)
        if room > 0:
            into += [(first + i, text(i)) for i in np.flatnonzero(which)[:room].tolist()]

    def _all_of(self, style: Style, quick: Any, cells: Any, first: int) -> bool:
        """Whether all are of this plain style, as all were up to now: then they need not be looked at one by one."""
        before = self.filled - (len(cells) - cells.null_count)
        if self.asked not in (None, style.kind) or self.format or self.counts[style] + self.soft != before:
            return False
        if quick(cells) is None:
            return False
        valid = pc.is_valid(cells).to_numpy(zero_copy_only=False)
        fitting = {style: valid}
        if style == PLAIN and self.format is None:
            fitting[Style("numeric", ".")] = valid
            if self.comma:
                fitting[DECIMAL_COMMA] = valid & arrays.without_point(cells)
        for known in {*fitting, self._only()} - self.odd.keys():
            self.odd[known] = list(self.early)
        for known in self.odd:
            self._take(self.odd[known], valid & ~fitting.get(known, ~valid), lambda i: cells[i].as_py(), first)
        self._take(self.early, valid, lambda i: cells[i].as_py(), first)
        self.counts.update({known: int(which.sum()) for known, which in fitting.items()})
        self.likes[style.kind] += int(valid.sum())
        if self.asked is None and self.texts is not None:
            self._gather([text for text in pc.unique(cells).to_pylist() if text is not None])
        return True

    def _bad(self, style: Style) -> int:
        """How many cells are not of a style."""
        return self.filled - self.counts[style] - (0 if style == TRUTH else self.soft)

    def _gather(self, texts: list[str]) -> None:
        if self.texts is not None and self.asked in (None, "categorical"):
            self.texts.update(texts)
            if len(self.texts) > MOST_VALUES:
                self.texts = None

    def shown(self) -> set[str]:
        """The decimal mark, or the order of day and month, that all cells have and that is the only one they can."""
        return habits.shown((style for style in self.counts if not self._bad(style)), self.marked)

    def finding(self, name: str, rows: int, known: frozenset[str] = frozenset()) -> Finding:
        """What the column of this name is, now that all its `rows` cells were seen; `known` are the file's habits."""
        self.habits = known
        if self.asked == "categorical":
            return self._categories(name)
        if self.asked is not None:
            return self._fitting(name) or self._misfits(self._likeliest(self._only().kind), name)
        if self.filled == 0:
            return Finding("numeric", note=f"column '{name}' is empty")
        if self.filled > self.soft and (found := self._fitting(name)):
            return found
        for kind in MOSTLY:
            if 2 * self.likes[kind] >= self.filled:
                return self._misfits(self._likeliest(kind), name)
        if 2 * (self.commas + self.likes["numeric"]) >= self.filled:
            return replace(self._misfits(PLAIN, name), hint=DECIMAL)
        return self._words_of(name, rows)

    def _rank(self, style: Style) -> tuple[bool | str, ...]:
        """Decimal commas come first where the file has them, plain ones elsewhere; then the file's mark and order of
        days, as it shows them; then commas where they can be decimal, and month first.
        """
        comma, text = "," in self.habits, style.format
        last = not text.startswith(",") if comma else text != ""
        other = text.startswith("." if comma or (self.comma and "." not in self.habits) else ",")
        return last, style.kind != "numeric", other, text not in self.habits, text.replace("m/d", "")

    def _fitting(self, name: str) -> Finding | None:
        """The first of the styles that every cell is of, with a note where another one says something else."""
        known = {self._only(), *self.counts} if self.asked else set(self.counts)
        every = sorted((style for style in known if not self._bad(style)), key=self._rank)
        if not every:
            return None
        style, *others = every
        note, other = None, [s for s in others if s.kind == style.kind and habits.unlike(s, style)]
        settled = not style.format and "." in self.habits
        if self.format is None and other and not settled and (style.kind == "date" or self.marked):
            note = f"column '{name}' is read as {example(style)}; its cells could be {example(other[0])}, too"
        return Finding(style.kind, FALSE_TRUE if style == TRUTH else (), style.format, note)

    def _likeliest(self, kind: ColumnKind) -> Style:
        """The style of most cells."""
        known = [style for style in self.counts if style.kind == kind]
        return min(known, key=lambda style: (self._bad(style), self._rank(style)), default=self._only())

    def _misfits(self, style: Style, name: str) -> Finding:
        mixed = self.format is None and self.likes[style.kind] > self.counts[style]
        hint = (IN_ONE if mixed else HINTS[style.kind]).format(key=as_key(name))
        article = f"a {'date' if style.kind == 'date' else 'number'} written {example(style)}"
        problem = f"is not {article if style.format else ARTICLES[style.kind]}"
        return Finding(None, problem=problem, hint=hint, cells=tuple(self.odd.get(style, ())), bad=self._bad(style))

    def _categories(self, name: str) -> Finding:
        """As it was asked for."""
        if self.texts is None:
            hint = f"set data.columns: {{{as_key(name)}: carry}} to keep it beside x, or drop"
            problem = f"has more than {MOST_VALUES:,} different values: too many categories"
            return Finding(None, problem=problem, hint=hint)
        numbers = bool(self.texts) and all(reader(PLAIN)(text) is not None for text in self.texts)
        if self.format == "number" or (self.format is None and numbers):
            return Finding("categorical", tuple(sorted(set(map(plain_category, self.texts)))), "number")
        return Finding("categorical", tuple(sorted(self.texts)))

    def _words_of(self, name: str, rows: int) -> Finding:
        """Categories where they are few, else text to carry."""
        if self.texts is not None and (len(self.texts) <= FEW or 2 * len(self.texts) <= rows):
            return Finding("categorical", tuple(sorted(self.texts)))
        count = f"{MOST_VALUES:,} or more" if self.texts is None else f"{len(self.texts):,}"
        note = (
            f"column '{name}' holds text of {count} different values in {rows:,} rows: it is carried to outputs, "
            f"not part of x (data.columns: {{{as_key(name)}: categorical}} or drop)"
        )
        return Finding(None, note=note)

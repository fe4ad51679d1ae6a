"""What a column of text is, from all of its cells: counted batch by batch, decided at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from aecli.data.raw import ColumnKind
from aecli.data.tables import arrays
from aecli.data.tables.arrays import pc
from aecli.data.tables.cells import FALSE_TRUE, Word, boolean, word
from aecli.data.tables.roles import as_key

MOST_VALUES = 50_000  # distinct texts of one column that are kept in memory
FEW = 50  # so many distinct texts are always a category's
SHOWN = 4  # cells named
KINDS: tuple[ColumnKind, ...] = ("numeric", "boolean", "date")
MOSTLY: tuple[ColumnKind, ...] = ("numeric", "date")  # where half of the cells are these, the others are mistakes
FITTING: dict[str, tuple[Word, ...]] = {
    "numeric": ("numeric", "soft"), "date": ("date", "soft"), "boolean": ("boolean",),
}  # fmt: skip
ARTICLES = {"numeric": "a number", "boolean": "true or false", "date": "an ISO date"}
HINTS = {
    "numeric": "write a hole as an empty cell; or, if these are categories, set data.columns: {{{key}: categorical}}",
    "boolean": "write true, false, yes or no, or nothing for a hole; or set data.columns: {{{key}: categorical}}",
    "date": "write YYYY-MM-DD, with a time as YYYY-MM-DDTHH:MM:SS; or set data.columns: {{{key}: categorical}}",
}
DECIMAL = "decimals are written with a point: 1.5 instead of 1,5"


@dataclass(frozen=True)
class Finding:
    """What a column is: a field's kind and values, or None to carry it; or why it is none of these.

    `cells` are the first rows (from 0) that do not fit, with their text, `bad` how many there are in all.
    """

    kind: ColumnKind | None
    values: tuple[str, ...] = ()
    note: str | None = None
    problem: str | None = None
    hint: str | None = None
    cells: tuple[tuple[int, str], ...] = ()
    bad: int = 0


@dataclass
class Evidence:
    """Counts of what the cells of one column look like. `asked` is the kind that it must be, if any."""

    asked: str | None = None
    filled: int = 0
    words: Counter[str] = field(default_factory=Counter)
    odd: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    texts: set[str] | None = field(default_factory=set)
    longest: int = 0

    def add(self, column: Any, first: int) -> None:
        """Take the next cells, text stripped of blanks, of which the first is in row `first`."""
        cells = arrays.without_holes(column)
        self.filled += len(cells) - cells.null_count
        self.longest = max(self.longest, pc.max(pc.utf8_length(cells)).as_py() or 0)
        if self._all_of("numeric", arrays.floats, cells, first) or self._all_of("date", arrays.instants, cells, first):
            return
        texts, index = arrays.encoded(cells)
        counts = np.bincount(index[index >= 0], minlength=len(texts))
        if self.asked != "categorical":
            words = [self._word(text) for text in texts]
            for found, count in zip(words, counts.tolist(), strict=True):
                self.words[found] += count
            for kind in MOSTLY if self.asked is None else (self.asked,):
                self._odd(kind, texts, words, index, first)
        self._gather(texts)

    def _word(self, text: str) -> Word:
        if self.asked == "boolean":  # then 0 and 1 are such, too
            return "text" if boolean(text) is None else "boolean"
        return word(text)

    def _all_of(self, kind: ColumnKind, quick: Any, cells: Any, first: int) -> bool:
        """Whether all are of this kind, as all were up to now: then they need not be looked at one by one."""
        before = self.filled - (len(cells) - cells.null_count)
        if self.asked not in (None, kind) or self.words[kind] + self.words["soft"] != before or quick(cells) is None:
            return False
        count = self.filled - before
        self.words[kind] += count
        if self.asked is None and count:
            at = int(np.flatnonzero(pc.is_valid(cells).to_numpy(zero_copy_only=False))[0])
            for other in MOSTLY:
                if other != kind:
                    self.odd[other] = (self.odd[other] or [(first + at, cells[at].as_py())])[:SHOWN]
            if self.texts is not None:
                self._gather([text for text in pc.unique(cells).to_pylist() if text is not None])
        return True

    def _odd(self, kind: str, texts: list[str], words: Sequence[str], index: np.ndarray, first: int) -> None:
        """Take down the first cells that are not of `kind`."""
        room = SHOWN - len(self.odd[kind])
        if room > 0:
            misfit = np.array([*(found not in FITTING[kind] for found in words), False], bool)
            where = np.flatnonzero(misfit[index])[:room]
            self.odd[kind] += [(first + int(i), texts[index[i]]) for i in where]

    def _bad(self, kind: str) -> int:
        """How many cells are not of `kind`."""
        return self.filled - sum(self.words[found] for found in FITTING[kind])

    def _gather(self, texts: list[str]) -> None:
        if self.texts is not None and self.asked in (None, "categorical"):
            self.texts.update(texts)
            if len(self.texts) > MOST_VALUES:
                self.texts = None

    def finding(self, name: str, rows: int) -> Finding:
        """What the column of this name is, now that all of its `rows` cells were seen."""
        if self.asked is not None:
            return self._as_asked(name)
        real = self.filled - self.words["soft"]
        if self.filled == 0:
            return Finding("numeric", note=f"column '{name}' is empty")
        if real and self.words["numeric"] == real:
            return Finding("numeric")
        if self.words["boolean"] == self.filled:
            return Finding("boolean", FALSE_TRUE)
        if real and self.words["date"] == real:
            return Finding("date")
        for kind in MOSTLY:
            if 2 * self.words[kind] >= self.filled:
                return self._misfits(kind, name)
        if 2 * self.words["comma"] >= self.filled:
            return replace(self._misfits("numeric", name), hint=DECIMAL)
        return self._words_of(name, rows)

    def _as_asked(self, name: str) -> Finding:
        if self.asked in KINDS:
            kind = self.asked
            return self._misfits(kind, name) if self._bad(kind) else Finding(kind, _values(kind))
        if self.texts is None:
            hint = f"set data.columns: {{{as_key(name)}: carry}} to keep it beside x, or drop"
            return Finding(
                None, problem=f"has more than {MOST_VALUES:,} different values: too many categories", hint=hint
            )
        return Finding("categorical", tuple(sorted(self.texts)))

    def _misfits(self, kind: ColumnKind, name: str) -> Finding:
        hint = HINTS[kind].format(key=as_key(name))
        problem, cells = f"is not {ARTICLES[kind]}", tuple(self.odd[kind])
        return Finding(None, problem=problem, hint=hint, cells=cells, bad=self._bad(kind))

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


def _values(kind: str) -> tuple[str, ...]:
    return FALSE_TRUE if kind == "boolean" else ()

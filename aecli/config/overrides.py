"""Overrides, `model.bottleneck.size=8`: the one syntax of command lines and sweeps.

The value is YAML. List items go by index (an index equal to the length appends). A `kind` given alone
replaces the whole part, keeping only what other overrides of the same call set in it: their order does
not matter. `null` clears: the key (or the list item) is removed, and the default holds.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from aecli.config.document import Document, Loc, Source, Spot
from aecli.config.document import from_value as from_value
from aecli.config.problems import Place, Problem, UserError
from aecli.config.reader import lines_of, read_value
from aecli.config.words import described, quoted, subject

_FORM = "an override is KEY=VALUE, as in model.bottleneck.size=8"


@dataclass(frozen=True)
class Override:
    """One override: its key's words, where each stands, its value (None clears) and the value's spots."""

    path: tuple[str, ...]
    places: tuple[Place, ...]
    value: Any
    spots: dict[Loc, Spot]

    def problem(self, index: int, message: str, hint: str | None = None) -> UserError:
        """The error at the key's word number `index`."""
        return UserError(Problem(message, self.places[index], hint))


def parse(text: str) -> Override:
    """The override that `text` is. Its places are `override:line:column`, in `text` itself."""
    key, equals, value = text.partition("=")
    source = Source("override", lines_of(text), len(key) + 1)
    whole = Source("override", source.lines)
    if not equals:
        raise UserError(Problem("has no '='", whole.place(0, len(source.lines[0])), _FORM))
    path = tuple(key.split("."))
    starts = [sum(len(word) + 1 for word in path[:i]) for i in range(len(path))]
    places = tuple(whole.place(0, start) for start in starts)
    for word, place in zip(path, places, strict=True):
        if not word or not word.isprintable():
            message = f"the key has the word {quoted(word)}" if word else "the key has an empty word"
            raise UserError(Problem(message, place, _FORM))
    found, spots = read_value(value, source)
    if not spots or (found is None and value.strip() not in ("null", "~")):
        raise UserError(Problem("has no value after '='", source.place(0, 0), "null clears a key"))
    return Override(path, places, found, spots)


def apply(document: Document, overrides: Iterable[str], *, partial: bool = False) -> Document:
    """`document` with `overrides` applied in order; a UserError holds the problems of all of them.

    With `partial` they go with the document instead, for `validate` to report.
    """
    edit, problems = _Edit(document), []
    for text in overrides:
        try:
            edit.apply(parse(text))
        except UserError as error:
            problems += error.problems
    if problems and not partial:
        raise UserError(*problems)
    return replace(edit.done(), problems=(*document.problems, *problems))


class _Edit:
    """A document while overrides change it."""

    def __init__(self, document: Document):
        self.file = document.file
        self.value = copy.deepcopy(document.value)
        self.spots = dict(document.spots)
        self.cleared = dict(document.cleared)
        self.touched: set[Loc] = set()
        self.removed: set[Loc] = set()

    def done(self) -> Document:
        # Only now do removed items leave their lists, so that every index meant the list as it was.
        for loc in sorted(self.removed, key=lambda loc: (len(loc), loc[-1]), reverse=True):
            self.close(loc)
        return Document(self.value, self.file, self.spots, self.cleared)

    def close(self, loc: Loc) -> None:
        """Take the removed item at `loc` out of its list, and move those after it up."""
        *parent, index = loc
        items = self.value
        for key in parent:
            items = items[key]
        del items[index]
        depth = len(parent)

        def moved(known: Loc) -> Loc:
            if known[:depth] != loc[:depth] or len(known) == depth or int(known[depth]) < int(index):
                return known
            return (*known[:depth], int(known[depth]) - 1, *known[depth + 1 :])

        self.spots = {moved(known): spot for known, spot in self.spots.items()}
        self.cleared = {moved(known): places for known, places in self.cleared.items()}

    def apply(self, override: Override) -> None:
        path, holder, loc = override.path, self.value, ()
        for i in range(len(path) - 1):
            key = self.key(holder, i, override)
            loc = (*loc, key)
            if self.swaps_part(holder, key, i, override):
                return self.swap_part(holder, loc, override)
            child = _get(holder, key)
            if override.value is None and (child is None or isinstance(child, str)):
                return self.note_cleared(override)
            if _is_absent(child):
                child = [] if path[i + 1].isdecimal() else {}
                self.put(holder, loc, child, {(): Spot(override.places[i], override.places[i])})
            elif isinstance(child, str):
                self.expand(holder, loc, child, override.places[i])
            elif not isinstance(child, dict | list):
                raise self.no_keys(child, loc, i, override)
            holder = _get(holder, key)
        key = self.key(holder, len(path) - 1, override)
        if override.value is None:
            return self.clear(holder, (*loc, key), override)
        return self.put(holder, (*loc, key), override.value, self.own_spots(override), touch=True)

    def key(self, holder: Any, i: int, override: Override) -> str | int:
        """The override's word number i as a key of `holder`: an index where that is a list."""
        word = override.path[i]
        if not isinstance(holder, list):
            return word
        form = "items go by index, from 0"
        if not (word.isascii() and word.isdecimal() and len(word) < 10):
            raise override.problem(i, f"{quoted(word)} is no index of a list", form)
        last = len(holder) - (override.value is None)
        if int(word) > last:
            size = f"the list has {len(holder)} item{'s' * (len(holder) != 1)}"
            raise override.problem(i, f"there is no item {word}: {size}", f"{form}; {len(holder)} appends")
        return int(word)

    def no_keys(self, child: Any, loc: Loc, i: int, override: Override) -> UserError:
        word, path = override.path[i + 1], ".".join(override.path[: i + 1])
        hint = f"set it whole: {path}={{kind: ..., {word}: ...}}"
        return override.problem(i + 1, f"{subject(loc)} is {described(child)}, which has no key {quoted(word)}", hint)

    def swaps_part(self, holder: Any, key: str | int, i: int, override: Override) -> bool:
        alone = i == len(override.path) - 2 and override.path[-1] == "kind" and override.value is not None
        return alone and not isinstance(_get(holder, key), list)

    def swap_part(self, holder: Any, loc: Loc, override: Override) -> None:
        """Replace the part at `loc` by the override's kind and what this call's overrides set in it."""
        old = _get(holder, loc[-1])
        kept = {k: v for k, v in old.items() if self.is_touched((*loc, k))} if isinstance(old, dict) else {}
        kept.pop("kind", None)

        def stays(known: Loc) -> bool:
            return known[: len(loc)] == loc and len(known) > len(loc) and known[len(loc)] in kept

        touched = set(filter(stays, self.touched)) | {(*loc, "kind")}
        spots = {known[len(loc) :]: spot for known, spot in self.spots.items() if stays(known)}
        spots[()] = Spot(override.places[-2], override.places[-2])
        spots |= {("kind", *inner): spot for inner, spot in self.own_spots(override).items()}
        self.put(holder, loc, {"kind": override.value, **kept}, spots)
        self.touched |= touched

    def is_touched(self, loc: Loc) -> bool:
        return any(touched[: len(loc)] == loc for touched in self.touched)

    def own_spots(self, override: Override) -> dict[Loc, Spot]:
        return override.spots | {(): Spot(override.spots[()].value, override.places[-1])}

    def expand(self, holder: Any, loc: Loc, word: str, place: Place) -> None:
        """A bare word becomes the mapping it is short for, at `place`; the word keeps its own place."""
        holder[loc[-1]] = {"kind": word}
        self.spots[*loc, "kind"] = Spot(self.spots[loc].value if loc in self.spots else place)
        self.spots[loc] = Spot(place, place)

    def put(self, holder: Any, loc: Loc, value: Any, spots: dict[Loc, Spot], *, touch: bool = False) -> None:
        """Set `value` at `loc`, forgetting all that was known of what stood there."""
        self.forget(loc)
        if isinstance(holder, list):
            # A slice, because an index equal to the length appends.
            holder[int(loc[-1]) : int(loc[-1]) + 1] = [value]
        else:
            holder[loc[-1]] = value
        self.spots |= {(*loc, *inner): spot for inner, spot in spots.items()}
        if touch:
            self.touched.add(loc)

    def clear(self, holder: Any, loc: Loc, override: Override) -> None:
        self.forget(loc)
        if isinstance(holder, list):
            holder[int(loc[-1])] = None
            self.removed.add(loc)
        else:
            holder.pop(loc[-1], None)
            self.note_cleared(override)

    def note_cleared(self, override: Override) -> None:
        loc = tuple(int(word) if word.isdecimal() else word for word in override.path)
        self.cleared[loc] = override.places

    def forget(self, loc: Loc) -> None:
        def outside(known: Loc) -> bool:
            return known[: len(loc)] != loc

        self.spots = {known: spot for known, spot in self.spots.items() if outside(known)}
        self.cleared = {known: places for known, places in self.cleared.items() if outside(known)}
        self.touched = set(filter(outside, self.touched))
        self.removed = set(filter(outside, self.removed))


def _is_absent(value: Any) -> bool:
    # `none` says that there is no part: an override that sets a key in it begins a part from nothing.
    return value is None or (isinstance(value, str) and value == "none")


def _get(holder: Any, key: str | int) -> Any:
    if isinstance(holder, dict):
        return holder.get(key)
    return holder[int(key)] if int(key) < len(holder) else None

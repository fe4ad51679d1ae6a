"""Read YAML as a config needs it: nothing guessed, nothing unbounded, and the place of every value kept.

PyYAML supplies the events; what they mean is decided here. Honest aliases are followed, up to a bound; merge
keys (`<<`), tags and several documents are refused.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import yaml

from aecli.config.document import Document, Loc, Source, Spot
from aecli.config.problems import Place, Problem, UserError
from aecli.config.scalars import BOOLEAN_LIKE, RefusedError, plain
from aecli.config.syntax import syntax_problem
from aecli.config.words import clean, described, quoted

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_VALUES = 10_000

_BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_NOWHERE: Loc = (-1,)


def read_file(path: str | Path, *, partial: bool = False) -> Document:
    """The YAML file at `path`; a UserError holds every problem of its form (`partial`: see `read_text`)."""
    path, name = Path(path), clean(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UserError(_unreadable(path, name, error)) from None
    if len(data) > MAX_BYTES:
        raise UserError(_too_large(name))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = lines_of(data[: error.start].decode("utf-8", "replace"))
        place = Place(name, len(before), len(before[-1]) + 1)
        raise UserError(Problem("is not UTF-8 text", place, "save the file as UTF-8")) from None
    return read_text(text, name, partial=partial)


def read_text(text: str, name: str, *, partial: bool = False) -> Document:
    """The YAML in `text`, which must hold one mapping; `name` stands for the file in places.

    With `partial` a problem that leaves the rest readable (a key given twice, an octal number) does not raise: it goes
    with the document, so that `validate` can report it together with all others.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise UserError(_too_large(name))
    text = text.removeprefix("\ufeff")
    problems: list[Problem] = []
    value, spots = read_value(text, Source(name, lines_of(text)), problems)
    if problems and not (partial and isinstance(value, dict)):
        raise UserError(*problems)
    if not isinstance(value, dict):
        message = f"must be a mapping of keys to values, not {described(value)}" if spots else "is empty"
        place = spots[()].value if spots else Place(name)
        raise UserError(Problem(message, place, "a config begins like `name: my-run`"))
    return Document(value, name, spots, problems=tuple(problems))


def read_value(text: str, source: Source, problems: list[Problem] | None = None) -> tuple[Any, dict[Loc, Spot]]:
    """The one YAML value in `text`, and the spot of everything in it: no spot at all where there is no value.

    Raises:
        UserError: with every problem of its form; those that leave the rest readable go to `problems`, where given.
    """
    if found := _CONTROL.search(text):
        before = lines_of(text[: found.start()])
        place = source.place(len(before) - 1, len(before[-1]))
        raise UserError(Problem(f"holds the control character {quoted(found.group())}", place, "remove it"))
    builder = _Builder(text, source)
    found = builder.build()
    if builder.problems and (problems is None or not builder.readable):
        raise UserError(*builder.problems)
    (problems if problems is not None else []).extend(builder.problems)
    return found


def lines_of(text: str) -> tuple[str, ...]:
    """The lines of `text`, broken where YAML breaks them."""
    return tuple(_BREAKS.split(text))


def _too_large(name: str) -> Problem:
    return Problem(f"is larger than {MAX_BYTES >> 20} MiB", Place(name), "a config is a few kilobytes")


def _unreadable(path: Path, name: str, error: Exception) -> Problem:
    if isinstance(error, FileNotFoundError):
        # The folder is listed only to help; one that cannot be listed has no names to offer.
        beside = sorted(path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.stem, [p.stem for p in beside], n=1)
        hint = next((f"did you mean '{clean(str(p))}'?" for p in beside if p.stem in near), None)
        return Problem("there is no such file", Place(name), hint)
    if isinstance(error, IsADirectoryError):
        return Problem("is a folder, not a file", Place(name))
    reason = (error.strerror or "unknown reason").lower() if isinstance(error, OSError) else str(error)
    return Problem(f"cannot be read: {reason}", Place(name))


class _Builder:
    """Builds the value from PyYAML's events; recursion is no deeper than MAX_DEPTH."""

    def __init__(self, text: str, source: Source):
        self.source = source
        self.loader = yaml.SafeLoader(text)
        self.problems: list[Problem] = []
        self.readable = True  # in spite of its problems
        self.spots: dict[Loc, Spot] = {}
        self.anchors: dict[str, tuple[Any, Loc] | None] = {}
        self.count = 0

    def build(self) -> tuple[Any, dict[Loc, Spot]]:
        self.next()  # the start of the stream
        event = self.next()
        if isinstance(event, yaml.StreamEndEvent):
            return None, {}
        value = self.node(self.next(), (), 0)
        self.next()  # the end of the document
        if not isinstance(extra := self.next(), yaml.StreamEndEvent):
            self.report("a second document begins here", extra, "keep one document in a file: remove this `---`")
        self.spots.pop(_NOWHERE, None)
        return value, self.spots

    def next(self) -> Any:
        try:
            return self.loader.get_event()
        except yaml.MarkedYAMLError as error:
            raise UserError(*self.problems, syntax_problem(error, self.source)) from None
        except (ValueError, OverflowError):
            # PyYAML hands an escape beyond Unicode, or a version number of any length, straight to Python.
            mark = self.loader.get_mark()
            place = self.source.place(mark.line, mark.column)
            raise UserError(*self.problems, Problem("not valid YAML: a number out of range", place)) from None

    def place(self, event: Any) -> Place:
        return self.source.place(event.start_mark.line, event.start_mark.column)

    def report(self, message: str, event: Any, hint: str | None = None, *, local: bool = False) -> None:
        """A problem; `local` where the values around it are what they would be without it."""
        self.problems.append(Problem(message, self.place(event), hint))
        self.readable = self.readable and local

    def stop(self, message: str, event: Any, hint: str) -> None:
        self.report(message, event, hint)
        raise UserError(*self.problems)

    def counted(self, event: Any, depth: int) -> None:
        self.count += 1
        if self.count > MAX_VALUES:
            self.stop(f"holds more than {MAX_VALUES} values", event, "aliases count once for each use")
        if depth > MAX_DEPTH:
            self.stop(f"is nested deeper than {MAX_DEPTH} levels", event, "a config needs about six")

    def node(self, event: Any, loc: Loc, depth: int, key: Place | None = None) -> Any:
        """The value that `event` begins; `depth` counts the lists and mappings around it."""
        self.spots[loc] = Spot(self.place(event), key)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, loc, depth)
        self.counted(event, depth + (not isinstance(event, yaml.ScalarEvent)))
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.report(f"the tag {quoted(tag)} is not read here", event, "remove it; quote the value to mean text")
        if event.anchor:
            self.anchors[event.anchor] = None
        if isinstance(event, yaml.MappingStartEvent):
            value = self.mapping(loc, depth + 1)
        else:
            value = self.sequence(loc, depth + 1) if isinstance(event, yaml.SequenceStartEvent) else self.scalar(event)
        if event.anchor:
            self.anchors[event.anchor] = (value, loc)
        return value

    def sequence(self, loc: Loc, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            items.append(self.node(event, (*loc, len(items)), depth))
        return items

    def mapping(self, loc: Loc, depth: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            key = self.key(event, depth)
            if key in value and (first := self.spots[*loc, key].key):
                self.report(
                    f"the key {quoted(key)} is given twice", event, f"the first is on line {first.line}", local=True
                )
            inner = self.node(self.next(), _NOWHERE if key is None else (*loc, key), depth, self.place(event))
            if key is not None:
                value[key] = inner
        return value

    def key(self, event: Any, depth: int) -> str | None:
        """The key that `event` is, or None (and a problem) where it is none. `on` and its like are text."""
        if not isinstance(event, yaml.ScalarEvent):
            self.node(event, _NOWHERE, depth)
            self.report("a key must be text", event, "a config has no lists, mappings or aliases as keys")
            return None
        if event.implicit[0] and BOOLEAN_LIKE.fullmatch(event.value):
            return event.value
        if event.implicit[0] and event.value == "<<":
            self.report("merge keys are not read here", event, "write the keys out")
            return None
        found = len(self.problems)
        key = self.node(event, _NOWHERE, depth)
        if isinstance(key, str) or len(self.problems) > found:
            return key
        self.report(f"a key must be text, not {described(key)}", event, "quote it to mean text")
        return None

    def scalar(self, event: Any) -> Any:
        if event.implicit[0]:
            try:
                return plain(event.value)
            except RefusedError as error:
                self.report(f"{quoted(event.value)} {error.message}", event, error.hint, local=True)
        elif found := _CONTROL.search(event.value):
            self.report(f"holds the control character {quoted(found.group())}", event, "remove it")
        return event.value

    def alias(self, event: Any, loc: Loc, depth: int) -> Any:
        if event.anchor not in self.anchors:
            self.report(f"there is no anchor '&{event.anchor}' before this", event)
        elif (anchored := self.anchors[event.anchor]) is None:
            self.report(f"'*{event.anchor}' refers to itself", event, "write the value out")
        else:
            return self.copied(*anchored, loc, depth, event)
        return None

    def copied(self, value: Any, origin: Loc, loc: Loc, depth: int, event: Any) -> Any:
        self.counted(event, depth + isinstance(value, dict | list))
        self.spots.setdefault(loc, self.spots.get(origin, Spot(self.place(event))))
        if isinstance(value, dict):
            return {k: self.copied(v, (*origin, k), (*loc, k), depth + 1, event) for k, v in value.items()}
        if isinstance(value, list):
            return [self.copied(v, (*origin, i), (*loc, i), depth + 1, event) for i, v in enumerate(value)]
        return value

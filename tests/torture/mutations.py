"""Damage to bytes and to trees of plain values: edits that a strategy draws, and what they make of a seed."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import strategies as st

ENDS = 256  # bytes at the head and the tail of a file, where formats keep what they announce
T = TypeVar("T")
DEEP: Any = []
for _ in range(40):
    DEEP = [DEEP]
NUMBERS = (
    0, 1, -1, 2, 3, 7, 64, 255, 2**16, 10**6, 2**31, 2**32, 2**63 - 1, -(2**63), 10**30, 0.0, -0.0, 0.5, 1.0, -1.5,
    1e-320, 1e-7, 1e308, float("inf"), float("-inf"), float("nan"),
)  # fmt: skip
TEXTS = (
    "", " ", "none", "null", "true", "nan", "1e400", "12:30", "0x10", "latest", "..", "../../x", "/", "a b", "é" * 50,
    "\x00", "\x1b[31m", "\u202e", "\ufeff", "\ud800", "x" * 5000, "{}", "&a", "*a", "!!python/none", "=1+1", "'", '"',
)  # fmt: skip
SHAPES = ([], {}, [[]], [None], {"": 1}, {"kind": None}, {"kind": "gaussian"}, [1, "a", None], {"a": {"b": [1]}}, DEEP)
ODD = (None, True, False, *NUMBERS, *TEXTS, *SHAPES)


SHARES = st.binary(min_size=2, max_size=2).map(lambda drawn: int.from_bytes(drawn) / 2**16)


def pick(values: Sequence[T]) -> st.SearchStrategy[T]:
    """One of these, each as likely: `sampled_from` and `one_of` favour the first and the last."""
    return SHARES.map(lambda share: values[int(share * len(values))])


@dataclass(frozen=True)
class Edit:
    """One change of bytes. `where` and `length` are shares of the region; `region` is head, tail or anywhere."""

    action: str
    region: str
    where: float
    length: float
    value: bytes

    def applied(self, data: bytes) -> bytes:
        """The changed bytes."""
        first, last = self._region(len(data))
        at = first + int(self.where * (last - first))
        end = min(at + 1 + int(self.length * (last - at)), len(data))
        value = self.value
        return {
            "flip": lambda: data[:at] + bytes(b ^ (value[0] or 1) for b in data[at : at + 1]) + data[at + 1 :],
            "set": lambda: data[:at] + value + data[at + len(value) :],
            "insert": lambda: data[:at] + value + data[at:],
            "cut": lambda: data[:at],
            "remove": lambda: data[:at] + data[end:],
            "double": lambda: data[:end] + data[at:],
            "zero": lambda: data[:at] + bytes(end - at) + data[end:],
            "append": lambda: data + value,
            "empty": lambda: b"",
        }[self.action]()

    def _region(self, size: int) -> tuple[int, int]:
        if self.region == "head":
            return 0, min(ENDS, size)
        return (max(0, size - ENDS), size) if self.region == "tail" else (0, size)


ACTIONS = ("flip", "set", "insert", "cut", "remove", "double", "zero", "append", "empty")
WEIGHTED = ("flip",) * 5 + ("set",) * 4 + ACTIONS

VALUES = pick([b"\0", b"\xff", b"\xff" * 4, b"\xff" * 8, b"\0" * 8, b"\x7f" + b"\xff" * 7, b"\x80" + bytes(7)])


def edits() -> st.SearchStrategy[Edit]:
    """A change of a file's bytes."""
    return st.builds(
        Edit, pick(WEIGHTED), pick(["head", "tail", "anywhere"]), SHARES,
        SHARES, pick([VALUES, st.binary(min_size=1, max_size=12)]).flatmap(lambda chosen: chosen),
    )  # fmt: skip


def edited(data: bytes, changes: tuple[Edit, ...]) -> bytes:
    """`data` after all changes, in their order."""
    for change in changes:
        data = change.applied(data)
    return data


@dataclass(frozen=True)
class Graft:
    """One change of a tree of mappings and lists: `where` is the share of its nodes that come before."""

    action: str
    where: float
    value: Any

    def applied(self, tree: Any) -> Any:
        """A changed copy."""
        tree = copy.deepcopy(tree)
        places = list(_places(tree))
        if not places:
            return tree
        holder, key = places[min(int(self.where * len(places)), len(places) - 1)]
        getattr(self, f"_{self.action}")(holder, key)
        return tree

    def _drop(self, holder: Any, key: Any) -> None:
        del holder[key]

    def _replace(self, holder: Any, key: Any) -> None:
        holder[key] = copy.deepcopy(self.value)

    def _double(self, holder: Any, key: Any) -> None:
        if isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        else:
            holder[f"{key}2"] = copy.deepcopy(holder[key])

    def _rename(self, holder: Any, key: Any) -> None:
        if isinstance(holder, dict):
            holder[str(key)[:-1] if self.where < 0.5 else str(self.value)[:60]] = holder.pop(key)

    def _wrap(self, holder: Any, key: Any) -> None:
        holder[key] = [holder[key]] if self.where < 0.5 else {"kind": holder[key]}

    def _long(self, holder: Any, key: Any) -> None:
        holder[key] = [copy.deepcopy(holder[key]) for _ in range(300)]

    def _kin(self, holder: Any, key: Any) -> None:
        """Another value of the same type, where there is one: it gets further than one of another."""
        same = [value for value in ODD if type(value) is type(holder[key])]
        if same and not isinstance(holder[key], dict | list):
            holder[key] = (
                self.value if type(self.value) is type(holder[key]) else same[int(self.where * 997) % len(same)]
            )

    def _scaled(self, holder: Any, key: Any) -> None:
        if isinstance(holder[key], int | float):
            holder[key] = holder[key] * (-1 if self.where < 0.3 else 1000 if self.where < 0.6 else 0.001)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else []
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def grafts(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Graft]:
    """A change of a tree; what it puts in is an odd value, or one of `values`."""
    actions = ("replace",) * 6 + ("kin",) * 4 + ("drop",) * 3 + ("double", "rename", "wrap", "long", "scaled", "scaled")
    return st.builds(Graft, pick(actions), SHARES, pick([pick(ODD), values]).flatmap(lambda chosen: chosen))


def grafted(tree: Any, changes: tuple[Graft, ...]) -> Any:
    """The tree after all changes, in their order."""
    for change in changes:
        tree = change.applied(tree)
    return tree

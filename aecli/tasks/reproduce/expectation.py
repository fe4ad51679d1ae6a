"""What a recipe's header expects of a run's numbers: `# expect: largest_angle <= 2.0 degrees`.

    expectation = side ("<=" | ">=" | "<" | ">") side [unit]  |  side "=" number "+-" number [unit]
    side        = number  |  [number "*"] name [("+" | "-") number]

A name is a metric's, or VARIANT.metric. Nothing is evaluated: what is not of this form is refused.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
# A unit is one of these words, then prose in brackets or after `of`: what could be meant to be computed is refused.
_UNIT = (
    r"(?:\s+(?:degrees|nats|dB|units|seconds|summed over pixels))?(?:\s+of the [A-Za-z' -]+|\s+\([A-Za-z][^<>=*]*\))?"
)


def _form(which: str) -> str:
    """A side with a name, its groups called by `which` side it is."""
    factor = rf"(?:(?P<{which}factor>{_NUMBER})\s*\*\s*)?"
    shift = rf"(?:\s*(?P<{which}sign>[-+])\s+(?P<{which}shift>{_NUMBER}))?"
    return rf"{factor}(?P<{which}name>[A-Za-z_][\w.]*){shift}"


_RIGHT = rf"(?:(?P<number>{_NUMBER})(?![\w.]|\s*\*)|{_form('r')})"
_COMPARED = re.compile(rf"{_form('l')}\s*(?P<how><=|>=|<|>)\s*{_RIGHT}{_UNIT}")
_NEAR = re.compile(rf"{_form('l')}\s*=\s*(?P<number>{_NUMBER})\s*\+-\s*(?P<within>{_NUMBER}){_UNIT}")
HOW: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
FORM = "METRIC <= NUMBER, VARIANT.METRIC >= 1.1 * OTHER.METRIC + 0.02, or METRIC = NUMBER +- NUMBER"


@dataclass(frozen=True)
class Side:
    """factor * (the value called `name`) + shift; the shift alone where there is no name."""

    name: str | None
    factor: float
    shift: float

    def value(self, values: Mapping[str, float]) -> float:
        """NaN where there is no such value."""
        return self.shift if self.name is None else self.factor * values.get(self.name, math.nan) + self.shift


@dataclass(frozen=True)
class Expectation:
    """One line of a header; `within` is the tolerance of an equality."""

    text: str
    left: Side
    how: str
    right: Side
    within: float = 0.0

    def names(self) -> list[str]:
        """The values that it speaks of."""
        return [side.name for side in (self.left, self.right) if side.name is not None]

    def holds(self, values: Mapping[str, float]) -> bool:
        """Whether it does: never of a value that is NaN."""
        left, right = self.left.value(values), self.right.value(values)
        return abs(left - right) <= self.within if self.how == "=" else HOW[self.how](left, right)


def expectation(text: str) -> Expectation | None:
    """What the text expects, or None where it is not of the form, or a number of it is beyond float's."""
    found = _read(text)
    numbers = (
        [] if found is None else [found.within, *(n for s in (found.left, found.right) for n in (s.factor, s.shift))]
    )
    return found if all(map(math.isfinite, numbers)) and all(n >= 0 for n in numbers[:1]) else None


def _read(text: str) -> Expectation | None:
    if match := _COMPARED.fullmatch(text):
        right = _side(match, "r") if match["number"] is None else Side(None, 1.0, float(match["number"]))
        return Expectation(text, _side(match, "l"), match["how"], right)
    if match := _NEAR.fullmatch(text):
        right = Side(None, 1.0, float(match["number"]))
        return Expectation(text, _side(match, "l"), "=", right, float(match["within"]))
    return None


def _side(match: re.Match[str], which: str) -> Side:
    factor, shift = match[f"{which}factor"], match[f"{which}shift"]
    signed = 0.0 if shift is None else float(shift) * (-1 if match[f"{which}sign"] == "-" else 1)
    return Side(match[f"{which}name"], 1.0 if factor is None else float(factor), signed)

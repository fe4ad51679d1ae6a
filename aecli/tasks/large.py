"""Whether a model can be held at all, asked before anything is computed."""

from __future__ import annotations

from typing import Any

from aecli.config.problems import Problem, UserError
from aecli.experiment import Loaded
from aecli.layout import Layout


def refuse_too_large(loaded: Loaded, layout: Layout, rows: int, device: Any) -> None:
    """UserError where parameters and optimiser alone exceed the memory there is: no allocator would say it so well."""
    from aecli.config.numbers import numbers_of
    from aecli.training.devices import memory_of
    from aecli.training.program import program

    needed = program(loaded.experiment, layout, rows).state_bytes(numbers_of(loaded.experiment, 1))
    there = memory_of(device)
    if there is not None and needed > there:
        text = f"parameters and optimiser need {needed / 2**30:,.0f} GiB, and {device} has {there / 2**30:,.0f}"
        hint = "make layers narrower: `aecli check` shows the size of each"
        raise UserError(Problem(text, loaded.document.place(("model",)), hint))

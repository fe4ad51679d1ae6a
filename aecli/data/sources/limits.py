"""What a source may claim of this machine, and which options it has no use for."""

from __future__ import annotations

import os

from aecli.config.problems import Place, Problem, UserError
from aecli.data.raw import PLAIN_IMAGE, Want


def check_memory(size: int, what: str, place: Place, hint: str) -> None:
    """Raise UserError where `size` bytes are more than all the memory there is."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > there:
        message = f"{what} take {size / 2**30:,.1f} GiB, but this machine has {there / 2**30:,.1f} GiB of memory"
        raise UserError(Problem(message, place, hint))


def check_options(source: str, want: Want, *, synthetic: bool, pictures: bool) -> None:
    """Raise UserError where the config asks for rows of what is not made here, or sizes what is no picture."""
    if not want.strict:
        return
    if want.rows is not None and not synthetic:
        text = f"data.rows says how many rows a synthetic set has, but '{source}' has its own"
        raise UserError(Problem(text, None, "leave data.rows out", ("data", "rows")))
    if want.image != PLAIN_IMAGE and not pictures:
        text = f"data.image says how a folder of pictures is read, but '{source}' is none"
        raise UserError(Problem(text, None, "leave data.image out", ("data", "image")))

"""The names that runs may have: they become folders, so none may leave the outputs folder or hide there."""

from __future__ import annotations

import re

from aecli.config.problems import Place, Problem, UserError

ALLOWED = "a name is made of the letters a-z and A-Z, digits, '-', '_', '.', and '/' between its components"
STAMP = re.compile(r"\d{8}-\d{6}-[0-9a-f]+")
_LONGEST = 100


def name_problem(name: str) -> str | None:
    """What is wrong with `name` as the name of a run, or None where nothing is."""
    wrong = next((c for c in name if not (c.isascii() and c.isalnum()) and c not in "-_./"), None)
    if wrong is not None:
        return f"has the character {wrong!a}"
    for component in name.split("/"):
        if not component:
            return "is absolute" if name.startswith("/") else "is empty or has an empty component"
        if component.startswith("."):
            return f"has the component '{component}', which starts with a dot"
        if len(component) > _LONGEST:
            return f"has a component of {len(component)} characters: at most {_LONGEST} are allowed"
        if STAMP.fullmatch(component):
            return f"has the component '{component}', which looks like the time stamp of a run"
    return None


def check_name(name: str, place: Place | None = None) -> str:
    """`name` itself where a run may be called so; else a UserError at `place`."""
    problem = name_problem(name)
    if problem:
        raise UserError(Problem(f"the name {name!a} {problem}", place, ALLOWED))
    return name

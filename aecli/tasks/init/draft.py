"""The config for a source: looked at, decided, written, and read back."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aecli.config.document import blame
from aecli.config.problems import AecliError, Problem, UserError
from aecli.config.reader import read_text
from aecli.config.validate import validate
from aecli.experiment import Experiment, load
from aecli.tasks.init.choice import Choices
from aecli.tasks.init.look import Found, look
from aecli.tasks.init.rules import choices, run_name, usual
from aecli.tasks.init.text import render

SCHEMA = "aecli.schema.json"
EPOCH = "training.epochs"


@dataclass(frozen=True)
class Draft:
    """A config's text, and what was found in the data, a line each; `warnings` are what looks odd there."""

    text: str
    lines: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def draft(source: str, overrides: list[str] | None = None, config: str = "config.yaml") -> Draft:
    """A config for a source; `config` is what the commands in its comments call it.

    `overrides` are keys that are decided already: those of `data` decide how the source is read. UserError for
    mistakes in them, and for data that could not be trained on.
    """
    asked = list(overrides or [])
    early = load({"name": run_name(source), "data": {"source": source}}, [o for o in asked if o.startswith("data.")])
    given = early.document.value["data"]
    given |= {path[1]: None for path in early.document.cleared if path in (("data", "label"), ("data", "id"))}
    try:
        found = look(given.pop("source"), given)
    except AecliError as error:
        where, known = blame(early.document, ("data", "source")), early.document.spots
        raise error.at(lambda p: where(p) if p.key in known else p.place) from None
    made = choices(found)
    if any(word.startswith("training.supervised") and not word.endswith("=none") for word in asked):
        made.pop("training.stop_early", None)  # it would end the training before its labels' turn
    loaded = load(_nested(made, given), asked)
    text = render(loaded.document.value, made, _head(found, made, config))
    check_same(text, loaded.experiment, config)
    return Draft(text, tuple(_said(found)), found.description.warnings)


def check_same(text: str, meant: Experiment, config: str) -> None:
    """UserError where the text does not read back to what was meant: a name that no config can hold."""
    try:
        text.encode()
        found = validate(read_text(text, config), Experiment)
    except (UnicodeEncodeError, UserError) as error:
        said = error.problems[0].message if isinstance(error, UserError) else "it is not UTF-8"
        hint = "rename the file or the columns that have unusual characters in their names"
        raise UserError(Problem(f"a name in these data cannot stand in a config: {said}", None, hint)) from None
    if found != meant:
        raise AssertionError("the config does not read back to what was meant")


def _nested(made: Choices, given: dict[str, Any]) -> dict[str, Any]:
    """Sections of keys; what is given in `data` stands before what was chosen there."""
    config: dict[str, Any] = {}
    for path, choice in made.items():
        section, _, key = path.partition(".")
        if key:
            config.setdefault(section, {})[key] = choice.value
        else:
            config[section] = choice.value
    chosen = {k: v for k, v in config["data"].items() if k not in given or k == "columns"}
    config["data"] = {**chosen, **{k: v for k, v in given.items() if k != "columns" or k not in chosen}}
    return config


def _said(found: Found) -> list[str]:
    """What was found, for a person."""
    lines = list(found.description.lines)
    profile, features = found.dataset.features.profile, found.dataset.features
    if profile is not None and found.description.missing:
        most = sorted(((rate, j) for j, rate in enumerate(profile.missing) if rate), reverse=True)[:3]
        lines.append("most holes: " + ", ".join(f"{rate:.0%} of {features.name(j)}" for rate, j in most))
    if found.looked < found.rows:
        lines.append(f"the rows are streamed: only the first {found.looked:,} were looked at")
    return [*lines, *found.description.notes]


def _head(found: Found, made: Choices, config: str) -> list[str]:
    """The comment at the top: what was found, what to call next, and what to try."""
    name = shlex.quote(config)
    first = [f"yaml-language-server: $schema={SCHEMA}"] if (Path(config).parent / SCHEMA).is_file() else []
    said = [f"  {line}" for line in (*_said(found), *found.description.warnings)]
    epochs = made[EPOCH].value
    return [
        *first,
        f"Written by `aecli init`, which looked at {found.spec.source}:",
        *said,
        "Next:",
        f"  aecli train {name}",
        "  aecli report latest",
        f"  {_anomaly(found, name)} && aecli anomaly score latest -o scores.csv",
        "Worth a try, as KEY=VALUE behind `aecli train`:",
        "  model.bottleneck.size=2   (a code that can be drawn as a map)",
        f"  training.epochs={2 * epochs}   (where the validation loss still falls at the end)",
        "  objective.corruption='{kind: gaussian, scale: 0.1}'   (steadier codes; noise is taken out of noisy rows)",
    ]


def _anomaly(found: Found, name: str) -> str:
    """How a threshold is found: on normal rows alone, where labels name them."""
    label = usual(found)
    if found.spec.classes is not None or label is None:
        return f"aecli anomaly fit {name}"
    return f"aecli anomaly fit {name} {shlex.quote(f'data.classes=[{label}]')}"

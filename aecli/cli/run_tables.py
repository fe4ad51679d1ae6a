"""How runs are told: tables for people, rows for CSV."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aecli.cli.common import number, table
from aecli.config.words import clean
from aecli.runs.choice import ALIASES, Key, is_number, resolve, shown
from aecli.runs.compare import Section
from aecli.runs.listing import MISSING, Entry
from aecli.runs.remove import Doomed
from aecli.tasks.cells import guarded_text

RATE = "examples/s"
COLUMNS = ("run", "status", "age", RATE)
_METRICS = ("mse", "elbo", "loss", "nll", "explained_variance")  # the first few that any of the runs has
_SHOWN_METRICS = 3
_UNITS = (("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def listed(found: Sequence[Entry], columns: Mapping[str, Key] | None) -> str:
    """A line a run, under the keys; what is wrong with damaged ones below."""
    if columns is None:
        known = [name for name in _METRICS if any(f"metrics.{name}" in entry.values for entry in found)]
        columns = _known([*COLUMNS, *known[:_SHOWN_METRICS]], found)
    rows = [tuple(_cell(key.name, key.of(entry)) for key in columns.values()) for entry in found]
    faults = [f"{entry.name}: {clean(entry.fault)}" for entry in found if entry.fault]
    return "\n".join([table(rows, tuple(columns)), *faults])


def listed_json(found: Sequence[Entry], columns: Mapping[str, Key] | None) -> dict[str, Any]:
    """{"runs": [{"run", ...}]}: the columns by their names, null where a run has not the key."""
    if columns is None:
        return {"runs": [_summary(entry) for entry in found]}
    rows = [{name: _plain(key.of(entry)) for name, key in columns.items()} for entry in found]
    return {"runs": [{"run": str(entry.run.path), **row} for entry, row in zip(found, rows, strict=True)]}


def listed_csv(found: Sequence[Entry], columns: Mapping[str, Key] | None) -> str:
    """The same as CSV; all metrics where no columns are named."""
    if columns is None:
        metrics = dict.fromkeys(key for entry in found for key in entry.values if key.startswith("metrics."))
        columns = _known(["run", "status", "created", RATE, *metrics], found)
    return csv_text([columns, *([key.of(entry) for key in columns.values()] for entry in found)])


def described(found: dict[str, Any]) -> str:
    """A run in full, for a person."""
    origin = found["provenance"]
    git = origin.get("git") or {}
    packages = origin.get("packages") or {}
    facts = {
        "run": found["run"],
        "status": found["status"] + (f" ({found['exit_reason']})" if found["exit_reason"] else ""),
        "created": found["created"],
        "command": shlex.join(map(str, origin.get("argv") or [])),
        "overrides": " ".join(map(str, origin.get("overrides") or [])) or None,
        "device": origin.get("device"),
        "python": origin.get("python"),
        "packages": ", ".join(f"{name} {version}" for name, version in packages.items()) or None,
        "git": f"{git['commit']}{', with changes' if git.get('dirty') else ''}" if git.get("commit") else None,
        **{f"data.{name}": shown(value) for name, value in found["data"].items()},
        **{name: number(value) if is_number(value) else value for name, value in found["timings"].items()},
    }
    parts = [table([(name, clean(str(v))) for name, v in facts.items() if v is not None], ("", "")).lstrip("\n")]
    if found["metrics"]:
        rows = [(clean(n), _measure(v), clean(str(found["units"].get(n, "")))) for n, v in found["metrics"].items()]
        parts.append(table(rows, ("metric", "value", "unit" if found["units"] else "")))
    steps = [(str(each["step"]), size(each["bytes"])) for each in found["checkpoints"]]
    parts += [table(steps, ("checkpoint", "size"))] if steps else []
    files = [(clean(file["path"]), size(file["bytes"])) for file in found["files"]]
    parts.append(table([*files, ("all", size(found["bytes"]))], ("file", "size")))
    return "\n\n".join(parts)


def differences(sections: Iterable[Section], names: Sequence[str]) -> str:
    """The runs by number, then a table a section: values, and for measures each later run's difference."""
    numbers = [str(i) for i in range(1, len(names) + 1)]
    lines = [table(list(zip(numbers, names, strict=True)), ("", "")).lstrip("\n")]
    for section in sections:
        head = [section.name, *numbers]
        if any(row.differences for row in section.rows):
            head += [word for i in numbers[1:] for word in (f"{i}-1", "%")]
        rows = []
        for row in section.rows:
            cells = [clean(row.key), *(_measure(v) if row.differences else clean(_text(v)) for v in row.values)]
            for difference, percent in zip(row.differences, row.percents, strict=True):
                cells.append("-" if difference is None else f"{difference:+.4g}")
                cells.append("-" if percent is None else f"{percent:+.2f}")
            rows.append(tuple(cells))
        lines.append("")
        lines += [table(rows, tuple(head))] if rows else []
        lines.append(f"{section.name}: {len(rows)} differ, {section.equal} equal")
    return "\n".join(lines)


def differences_csv(sections: Iterable[Section], names: Sequence[str]) -> str:
    """A line a key: section, key, a column a run, then the differences and percents of each later run."""
    later = [f"{what} {name}" for name in names[1:] for what in ("difference", "percent")]
    rows: list[list[Any]] = [["section", "key", *names, *later]]
    for section in sections:
        for row in section.rows:
            pairs = zip(row.differences, row.percents, strict=True)
            found = [value for pair in pairs for value in pair] or [MISSING] * len(later)
            rows.append([section.name, row.key, *row.values, *found])
    return csv_text(rows)


def doomed(found: Sequence[Doomed]) -> str:
    """What a removal would take."""
    return table([(str(d.run.path), str(d.files), size(d.bytes)) for d in found], ("run", "files", "size"))


def size(count: int) -> str:
    """Bytes, in the largest unit that leaves a whole number."""
    for unit, bound in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= bound:
            return f"{count / bound:.1f} {unit}"
    return f"{count} B"


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as RFC 4180, LF after each; an absent value is an empty cell. No text is run as a formula, and control
    characters are escapes: this may be read on a terminal.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        cells = ["" if value is MISSING or value is None else value for value in row]
        writer.writerow([value if is_number(value) else guarded_text(clean(shown(value))) for value in cells])
    return text.getvalue().rstrip("\n")


def _summary(entry: Entry) -> dict[str, Any]:
    record = entry.record
    own = {name: _plain(entry.values.get(name, MISSING)) for name in ("name", "status", "problem", "created")}
    kept = {name: record.get(name) if isinstance(record.get(name), dict) else {} for name in ("timings", "metrics")}
    return {"run": str(entry.run.path), **own, **kept}


def _plain(value: Any) -> Any:
    return None if value is MISSING else value


def _known(words: Sequence[str], found: Sequence[Entry]) -> dict[str, Key]:
    """The keys of a default table; the rate is none where no run was trained to its end."""
    rated = any(ALIASES[RATE] in entry.values for entry in found)
    words = [word for word in words if rated or word != RATE]
    return dict(zip(words, resolve(words, found, "--columns"), strict=True))


def _cell(key: str, value: Any) -> str:
    if key == "age" and is_number(value):
        unit, seconds = next(pair for pair in _UNITS if value >= pair[1] or pair[1] == 1)
        return f"{max(value, 0) / seconds:.0f}{unit}"
    if key in ("created", "started") and isinstance(value, str):
        return clean(value[:19].replace("T", " "))
    return number(value) if isinstance(value, float) else clean(_text(value))


def _measure(value: Any) -> str:
    return number(value) if is_number(value) else clean(_text(value))


def _text(value: Any) -> str:
    return "-" if value is MISSING else shown(value)

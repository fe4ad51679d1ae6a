"""Where a run comes from, and the commands that make it again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aecli.config.words import clean
from aecli.report.html.content import RunContent
from aecli.report.html.numbers import seconds

_HEX = re.compile(r"[0-9a-f]{4,64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.+!_-]*")


def provenance(runs: Sequence[RunContent]) -> list[tuple[str, tuple[str, ...]]]:
    """Facts of run.json, and each run's value of them; what no run has is left out."""
    facts = [dict(_facts(run)) for run in runs]
    names = list(dict.fromkeys(name for found in facts for name in found))
    return [(name, tuple(found.get(name, "-") for found in facts)) for name in names]


def _facts(run: RunContent) -> list[tuple[str, str]]:
    record = run.record
    data, timings, git = (record.get(name) or {} for name in ("data", "timings", "git"))
    rate = timings.get("examples_per_second")
    found: list[tuple[str, Any]] = [
        ("run", f"{run.name}/{run.stamp}"),
        ("status", _status(record)),
        ("started", record.get("started") or record.get("created")),
        ("command", command(record)),
        ("seed", record.get("seed")),
        ("checkpoint", f"step {run.step:,}"),
        ("data", data.get("source")),
        ("data SHA-256", data.get("sha256")),
        ("rows", _rows(data)),
        ("aecli", _aecli(record)),
        ("git commit", git.get("commit")),
        ("work tree", git.get("dirty") and "had changes that are in no commit"),
        ("device", record.get("device")),
        ("platform", record.get("platform")),
        ("versions", _versions(record)),
        ("compilation", timings.get("compile_seconds") is not None and seconds(timings["compile_seconds"])),
        ("training", timings.get("train_seconds") is not None and seconds(timings["train_seconds"])),
        ("speed", rate and f"{rate:,.0f} examples per second, training steps alone"),
    ]
    return [(name, str(value)) for name, value in found if value not in (None, "", False)]


def command(record: Any) -> str:
    """The command line as it was given; the program by its name alone, wherever it was installed."""
    argv = [str(part) for part in record.get("argv") or []]
    program = Path(argv[0]).name if argv else ""
    return shlex.join(["aecli" if program == "__main__.py" else program, *argv[1:]]) if argv else ""


def recipe(run: RunContent) -> list[tuple[str, str]]:
    """(comment, command) in their order: the code, the packages, the data, the training, this page.

    They are made to be pasted into a shell: each is one line, and of a record, which may be a stranger's, commands hold
    nothing but commits, names of packages and versions.
    """
    record = run.record
    steps = _code(record)
    digest = (record.get("data") or {}).get("sha256")
    source = str((record.get("data") or {}).get("source"))
    if digest and _HEX.fullmatch(str(digest)):
        steps.append((f"the data, {source}, with this SHA-256", f"# {digest}"))
    fit = "anomaly fit" if "anomaly" in (record.get("argv") or [])[:3] else "train"
    steps.append(("save the config above as config.yaml; it holds every override", f"aecli {fit} config.yaml"))
    steps.append(("this page", "aecli report latest"))
    return [(clean(comment), command) for comment, command in steps]


def _code(record: Any) -> list[tuple[str, str]]:
    """aecli itself, by its commit or else its version, the packages, and the work tree it was started in."""
    git, own, packages = (record.get(name) or {} for name in ("git", "aecli", "packages"))
    steps: list[tuple[str, str]] = []
    commit, other = (found if _HEX.fullmatch(found or "") else None for found in (own.get("commit"), git.get("commit")))
    if other and other != commit:
        dirty = ": it then had changes that are in no commit" if git.get("dirty") else ""
        steps.append((f"the work tree it was started in{dirty}", f"git checkout {other}"))
    if commit:
        install = f"git checkout {commit} && pip install ."
        steps.append((f"aecli {_aecli(record)}, in its own repository", install))
    pins = [
        f"{name}=={version}" for name, version in packages.items()
        if _NAME.fullmatch(name) and _VERSION.fullmatch(version or "") and not (commit and name == "aecli")
    ]  # fmt: skip
    if pins:
        what = "the packages" if commit or "aecli" not in packages else "aecli and its packages"
        steps.append((f"{what}, on Python {record.get('python')}", shlex.join(["pip", "install", *pins])))
    return steps


def _aecli(record: Any) -> str:
    """Its version, and the commit of its own repository where that is known."""
    own, packages = record.get("aecli") or {}, record.get("packages") or {}
    version, commit = own.get("version") or packages.get("aecli"), own.get("commit")
    changed = ", with changes that are in no commit" if own.get("dirty") else ""
    return ", commit ".join(str(part) for part in (version, commit) if part) + changed


def _status(record: Any) -> str:
    reason = record.get("exit_reason")
    return str(record.get("status")) + (f": {reason}" if reason else "")


def _rows(data: Any) -> str:
    parts = [(name, data.get(f"{name}_rows")) for name in ("train", "validation", "test")]
    return ", ".join(f"{name} {count:,}" for name, count in parts if isinstance(count, int) and count)


def _versions(record: Any) -> str:
    packages = {"python": record.get("python"), **(record.get("packages") or {})}
    return ", ".join(f"{name} {version}" for name, version in packages.items() if version)

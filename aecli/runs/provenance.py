"""Where a run comes from: command, versions, machine and commit. No environment variables, no user names."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("aecli", "jax", "jaxlib", "flax", "optax", "numpy")
_SECONDS = 10.0
_SUBMODULES = "--ignore-submodules=dirty"  # git would look into each, with what its own config says


def provenance(device: str | None = None) -> dict[str, Any]:
    """The record of this process, for run.json; `device` is the caller's: asking for it would start jax."""
    return {
        "argv": list(sys.argv),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "device": device,
        "aecli": own_state(),
        "git": git_state(Path.cwd()),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def git_state(folder: Path) -> dict[str, Any]:
    """Commit of the work tree around `folder`, and whether tracked files differ from it; else None, None.

    No command that the repository names is run: where its config has filters, nobody is asked what differs.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    asked = commit and not _filtered(folder)
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no", _SUBMODULES) if asked else None
    return {"commit": commit or None, "dirty": None if changes is None else bool(changes)}


def own_state() -> dict[str, Any]:
    """aecli itself: its version, and its commit where it is run from its own work tree or was installed from git."""
    import aecli

    folder = Path(aecli.__file__).parent
    tracked = _git(folder, "ls-files", "--error-unmatch", "__init__.py")  # else it only lies within another's
    state = git_state(folder) if tracked else {"commit": _installed_commit(), "dirty": None}
    return {"version": _version("aecli"), **state}


def _installed_commit() -> str | None:
    """The commit that pip wrote down (PEP 610), of a package installed from git."""
    try:
        said = metadata.distribution("aecli").read_text("direct_url.json")
        commit = json.loads(said or "{}").get("vcs_info", {}).get("commit_id")
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return None  # not installed, or by what writes no such record
    return commit if isinstance(commit, str) else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _filtered(folder: Path) -> bool:
    """Whether the repository itself, not its user, names commands that `git status` would run on its files."""
    found = _git(folder, "config", "--includes", "--show-scope", "--name-only", "--get-regexp", r"^filter\.")
    return any(line.startswith(("local", "worktree")) for line in (found or "").splitlines())


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints, or None where git, a work tree or an answer in time is missing.

    No lock is taken and no monitor of the work tree is started: asking must not change the repository.
    """
    command = ["git", "-c", "core.fsmonitor=false", *arguments]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            check=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()

"""Where a run comes from: command, versions, machine and commit. No environment variables, no user names."""

from __future__ import annotations

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


def provenance(device: str | None = None) -> dict[str, Any]:
    """The record of this process, for run.json; `device` is the caller's: asking for it would start jax."""
    return {
        "argv": list(sys.argv),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "device": device,
        "git": git_state(Path.cwd()),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def git_state(folder: Path) -> dict[str, Any]:
    """Commit of the work tree around `folder`, and whether tracked files differ from it; else None, None."""
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no") if commit else None
    return {"commit": commit or None, "dirty": None if changes is None else bool(changes)}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


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

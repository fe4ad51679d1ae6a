"""What this machine has: versions, devices, caches."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = (
    "aecli",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "numpy",
    "pydantic",
    "scikit-learn",
    "pyarrow",
    "matplotlib",
)


def info() -> dict[str, dict[str, Any]]:
    """Sections of name and value."""
    import jax

    from aecli.training.devices import cache_folder, programs_folder

    folder, kept = cache_folder(), programs_folder()
    files = [file for place in (folder, kept) if place.exists() for file in place.iterdir() if file.is_file()]
    return {
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "devices": {str(d): f"{d.platform} {d.device_kind}" for d in jax.devices()} | {"cores": os.cpu_count()},
        "caches": {
            "compiled": str(folder),
            "trainings": str(kept),
            "programs": len(files),
            "megabytes": round(sum(f.stat().st_size for f in files) / 2**20, 1),
        },
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"

"""Where training runs, and the cache that spares later processes its compilation."""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from aecli.config.problems import Problem, UserError


def choose(name: str) -> Any:
    """The first device of a platform (`auto`: JAX's own choice); UserError where there is none."""
    import jax

    if name == "auto":
        return jax.devices()[0]
    try:
        return jax.devices(name)[0]
    except RuntimeError as error:
        here = ", ".join(sorted({d.platform for d in jax.devices()}))
        hint = f"here: {here}; for others install aecli[cuda] or aecli[tpu], or set training.device=auto"
        raise UserError(Problem(f"there is no {name} device", hint=hint)) from error


def memory_of(device: Any) -> int | None:
    """The bytes of memory a device has, or None where it does not say."""
    if device.platform == "cpu":
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return (device.memory_stats() or {}).get("bytes_limit")


def cache_root() -> Path:
    """The folder of all that aecli keeps to be faster next time: it may be removed at any time."""
    root = os.environ.get("AECLI_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "aecli"
    return Path(root)


def cache_folder() -> Path:
    """The folder of compiled programs, one for each JAX version and processor: code of one can crash another."""
    import jax

    kind = hashlib.sha256(f"{jax.__version__} {platform.machine()} {_processor()}".encode()).hexdigest()[:16]
    return cache_root() / "xla" / kind


def programs_folder() -> Path:
    """The folder of a training's own programs, which are asked for without being traced (`executables`)."""
    return cache_root() / "programs"


def use_cache() -> Path:
    """Let JAX keep compiled programs in `cache_folder`, and read them from there."""
    import jax

    folder = cache_folder()
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return folder


@dataclass
class Compiled:
    """How many programs were there compiled (hits), and how many were compiled anew (misses).

    Of the latter some were there, but not as they were written (damaged), and some could not be kept (unkept).
    """

    hits: int = 0
    misses: int = 0
    damaged: int = 0
    unkept: int = 0

    def since(self, before: Compiled) -> Compiled:
        """What came after."""
        return Compiled(**{name: value - getattr(before, name) for name, value in asdict(self).items()})

    def __str__(self) -> str:
        text = f"programs: {self.hits} from the cache, {self.misses} compiled"
        damaged = f", {self.damaged} of them as what was kept was damaged" if self.damaged else ""
        return text + damaged + (f", {self.unkept} could not be kept in {programs_folder()}" if self.unkept else "")


def compiled() -> Compiled:
    """The count of this process up to now, of what goes through `use_cache`'s folder."""
    return replace(_counted())


def note(**more: int) -> None:
    """Count programs that are kept beside JAX's own cache, by the names of `Compiled`."""
    count = _counted()
    for name, number in more.items():
        setattr(count, name, getattr(count, name) + number)


@lru_cache(maxsize=1)
def _counted() -> Compiled:
    """JAX tells its listeners and forgets none: one is enough for a process."""
    from jax import monitoring

    found = Compiled()

    def listen(event: str, **_: Any) -> None:
        if event == "/jax/compilation_cache/cache_hits":
            found.hits += 1
        elif event == "/jax/compilation_cache/cache_misses":
            found.misses += 1

    monitoring.register_event_listener(listen)
    return found


@lru_cache(maxsize=1)
def _processor() -> str:
    """What this machine's processor can do, as the system tells it."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    lines = info.read_text(errors="replace").splitlines()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())

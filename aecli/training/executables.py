"""Compiled functions that later processes take from disk as they are: there nothing is traced, lowered or compiled.

JAX's own cache spares a process XLA's work alone; it still traces and lowers each program to ask for it. What is kept
here is asked for by what a program is made from: its recipe, the code, the versions and settings, the device, and the
shapes of its arguments.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.core import Tracer
from jax.experimental.compilation_cache import compilation_cache
from jax.experimental.serialize_executable import deserialize_and_load, serialize

from aecli.config.problems import UserError
from aecli.runs.files import write_whole
from aecli.training.devices import cache_folder, note, programs_folder

ROOM = 2**29  # bytes of kept programs; the longest unused go first
_DIGEST = 32
# Of no matter for what is compiled.
_IRRELEVANT = (
    "jax_compilation_cache_dir",
    "jax_enable_compilation_cache",
    "jax_logging_level",
    "jax_debug_log_modules",
)


_LAPACK = b"lapack_"  # what calls it crashes in a process that has lowered no such call: its addresses are not set

_FEW: dict[str, Any] = {"xla_backend_optimization_level": 1}
_COMPILING = Lock()


class Kept(NamedTuple):
    """What a file holds: the shapes of what a program gives, and the program as JAX serialises it."""

    shapes: Any
    program: tuple[bytes, Any, Any] | None  # None before it was compiled


class Executable:
    """A function that is compiled once for each shape of its arguments and device, here or by an earlier process.

    `name` and `identity` tell all that it depends on besides arguments and aecli's own code. Nothing is kept on disk
    before `use_cache`, nor what runs on several devices. Within a trace it is `jax.jit` of the function. What runs but
    `once` is compiled with fewer optimisations on a CPU: the same results, bit for bit, in a fraction of the time.
    """

    def __init__(
        self, name: str, function: Callable[..., Any], identity: str, *, donate: tuple[int, ...] = (),
        once: bool = False,
    ):  # fmt: skip
        def called(*args: Any) -> Any:
            return function(*args)

        called.__name__ = name
        self.jitted = jax.jit(called, donate_argnums=donate)
        self.identity, self.once = f"{identity}\n{name} {donate} {once}", once
        self._made: dict[Any, Any] = {}
        self._files: dict[Any, Kept | None] = {}

    def __call__(self, *args: Any) -> Any:
        """function(*args)."""
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(args)):
            with exact():
                return self.jitted(*args)
        return self.compiled(*args)(*args)

    def lower(self, *args: Any) -> Any:
        """As `jax.jit` lowers it."""
        with exact():
            return self.jitted.lower(*args)

    def shapes(self, *args: Any) -> Any:
        """What it gives for arguments like these, as `jax.eval_shape` describes it; of what is kept, as kept."""
        file = self._file(*args)
        if file is None:
            with exact():
                file = self._files[_like(args)] = Kept(jax.eval_shape(self.jitted, *args), None)
            path = self._path(*args)
            if path is not None:
                _keep(path, file)
        return file.shapes

    def compiled(self, *args: Any) -> Any:
        """The program for arguments like these (arrays, or `jax.ShapeDtypeStruct`s with a sharding)."""
        like = _like(args)
        if like not in self._made:
            file = self._file(*args)
            loaded = None if file is None or file.program is None else _loaded(file.program, _device(args))
            self._made[like] = self._compiled(*args) if loaded is None else loaded
        return self._made[like]

    def _compiled(self, *args: Any) -> Any:
        path, device = self._path(*args), _device(args)
        options = _FEW if self.once and device is not None and device.platform == "cpu" else None
        if path is None:
            return self.lower(*args).compile(compiler_options=options)
        with _COMPILING, _without_cache():
            made = self.lower(*args).compile(compiler_options=options)
        note(misses=1)
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), made.out_info)
        try:
            program = serialize(made)
        except (ValueError, NotImplementedError):
            program = None
        if program is None or _LAPACK in program[0]:
            note(unkept=1)
        else:
            _keep(path, Kept(shapes, program))
        return made

    def _file(self, *args: Any) -> Kept | None:
        """What an earlier process kept of it, read once."""
        like = _like(args)
        if like not in self._files:
            path = self._path(*args)
            self._files[like] = None if path is None else _read(path)
        return self._files[like]

    def _path(self, *args: Any) -> Path | None:
        """Where it is kept, if it is to be kept at all."""
        folder, device = jax.config.values["jax_compilation_cache_dir"], _device(args)
        if (
            folder is None
            or not jax.config.values["jax_enable_compilation_cache"]
            or device is None
            or jax.process_count() > 1
        ):
            return None
        place = (
            f"{cache_folder().name} {device.platform} {device.id} {device.device_kind} {device.client.platform_version}"
        )
        tree, leaves, _ = _like(args)
        shapes = [f"{shape} {kind}" for shape, kind in leaves]
        text = "\n".join((self.identity, str(tree), *shapes, place, _settings(), _code()))
        return programs_folder() / hashlib.sha256(text.encode()).hexdigest()


def exact() -> Any:
    """What is traced within computes in float32 wherever it runs, but for products that name their precision."""
    return jax.default_matmul_precision("highest")


def _like(args: Any) -> tuple[Any, tuple[tuple[Any, Any], ...], Any]:
    """What tells arguments that need another program apart: their tree, shapes and types, and device."""
    leaves, tree = jax.tree.flatten(args)
    return tree, tuple((np.shape(leaf), _type(leaf)) for leaf in leaves), _device(args)


def _type(leaf: Any) -> Any:
    return leaf.dtype if hasattr(leaf, "dtype") else jax.dtypes.result_type(leaf)


def _device(args: Any) -> Any:
    """The one device of the arguments; JAX's own choice where none has one, None where they have several."""
    places = [leaf.sharding for leaf in jax.tree.leaves(args) if getattr(leaf, "sharding", None) is not None]
    devices = {device for place in places for device in place.device_set}
    return next(iter(devices or {jax.devices()[0]})) if len(devices) < 2 else None


def _settings() -> str:
    """Versions and settings that change what is compiled."""
    told = {name: value for name, value in jax.config.values.items() if name not in _IRRELEVANT}
    flags = [os.environ.get(name, "") for name in ("XLA_FLAGS", "LIBTPU_INIT_ARGS")]
    return repr((jax.__version__, flags, sorted((k, str(v)) for k, v in told.items())))


@lru_cache(maxsize=1)
def _code() -> str:
    """A hash of all of aecli's source and of the versions it is traced with."""
    versions = " ".join(
        metadata.version(name) for name in ("flax", "jaxlib", "optax")
    )  # importing them would take longer
    root, digest = Path(__file__).parents[1], hashlib.sha256(versions.encode())
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> Kept | None:
    """A file's content, or None where there is none or it is not what was written (which is counted)."""
    try:
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return None  # it is run as code: another's is not taken
        raw = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    digest, body = raw[:_DIGEST], raw[_DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        note(damaged=1)
        return None
    return Kept(*pickle.loads(body))  # noqa: S301 (no less to be trusted than the machine code that it holds)


def _loaded(program: tuple[bytes, Any, Any], device: Any) -> Any:
    """The program that a file holds, or None where XLA does not take it (which is counted)."""
    try:
        found = deserialize_and_load(*program, backend=device.client, execution_devices=[device])
    except Exception:  # XLA raises what it likes; compiled anew, and said
        note(damaged=1)
        return None
    note(hits=1)
    return found


def _keep(path: Path, content: Kept) -> None:
    """Write it for later processes, at most ROOM bytes in all: what cannot be written is compiled again next time."""
    try:
        body = pickle.dumps(tuple(content))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, hashlib.sha256(body).digest() + body)
        _prune(path.parent)
    except (OSError, UserError):
        note(unkept=1)


@contextmanager
def _without_cache() -> Iterator[None]:
    """Without JAX's own: what XLA has from there it does not write whole (on a CPU, its functions are not found)."""
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", True)
        compilation_cache.reset_cache()


def _prune(folder: Path) -> None:
    files = sorted(((stat.st_mtime, stat.st_size, path) for path, stat in _sizes(folder)), reverse=True)
    total = 0
    for _, size, path in files:
        total += size
        if total > ROOM:
            path.unlink(missing_ok=True)


def _sizes(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """Other processes may remove files meanwhile."""
    found = []
    for path in folder.iterdir():
        try:
            found.append((path, path.stat()))
        except FileNotFoundError:
            continue
    return found

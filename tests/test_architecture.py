"""The house's own rules: imports run downward, nothing executes data, the command line starts at once."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

import aecli
from aecli.experiment import ROOMS

ROOT = Path(aecli.__file__).parent
FILES = sorted(path for path in ROOT.rglob("*.py"))
# Lower floors first; what stands on one floor may use what is below it, and its own.
FLOORS = [
    ("config", "layout"), ("model", "data", "optimizers"), ("experiment",), ("runs",), ("training",), ("evaluation",),
    ("report",), ("tasks",), ("api",), ("__init__",), ("cli",), ("__main__",),
]  # fmt: skip
FLOOR = {name: i for i, names in enumerate(FLOORS) for name in names}


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downward(path):
    for name in imports(path):
        if name.startswith("aecli."):
            other = name.split(".")[1]
            assert FLOOR[other] <= FLOOR[room(path)], f"{path} imports {name}, which stands above it"
            if FLOOR[other] == FLOOR[room(path)]:
                assert other == room(path), f"{path} imports {name}, its neighbour"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_executes_data(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "compile", "__import__"), f"{path}:{node.lineno}"
            assert called.split(".")[-1] not in ("import_module", "extractall"), f"{path}:{node.lineno}"
            assert called not in ("yaml.load", "yaml.unsafe_load", "yaml.full_load"), f"{path}:{node.lineno}"
            allow = {k.arg: ast.unparse(k.value) for k in node.keywords}
            assert allow.get("allow_pickle", "False") == "False", f"{path}:{node.lineno}"
            if called in ("np.load", "numpy.load"):
                assert allow.get("allow_pickle") == "False", f"{path}:{node.lineno}"
    if path.relative_to(ROOT) == Path("training/executables.py"):
        return  # reads machine code that aecli itself wrote into the user's cache, in JAX's own pickles
    assert not {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"} & set(imports(path))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_small(path):
    assert len(path.read_text().splitlines()) <= 300


def test_every_part_has_one_file_of_its_own():
    for registry in ROOMS:
        for kind, part in registry.items():
            name = part.__module__.rsplit(".", 1)[1]
            assert name in (kind, "optimizers"), f"{kind} should live in {kind}.py"


HEAVY = ("jax", "flax", "sklearn", "matplotlib", "pyarrow", "optax", "scipy", "tensorboardX")


@pytest.mark.parametrize("command", [["--help"], ["list"], ["schema"], ["train", "--help"], ["--version"]])
def test_light_commands_do_not_import_jax(command):
    code = (
        "import sys; from aecli.cli.app import run; run(sys.argv[1:]); "
        f"print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout


def test_help_is_quick():
    """Generous, for a busy machine: the figure itself is in the README. A slow import shows as seconds."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "aecli", "--help"], capture_output=True, check=True)
    assert time.perf_counter() - began < 5

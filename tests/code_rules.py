"""What the source may not hold, so that no data becomes code: found in the syntax tree, under whatever name.

Names are followed through imports (`import yaml as y`, `from yaml import load as l`) and `getattr` with a text; a
function that is forbidden may not even be named, since a name can be called later. What one file needs is allowed to
that file alone.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

# Modules whose purpose is to turn bytes or text into code, or that reach around every rule here.
MODULES = {
    "pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "jsonpickle", "shelve", "marshal", "torch",
    "runpy", "ctypes", "cffi", "code", "codeop", "imp", "importlib", "pkgutil", "builtins", "pty", "mmap",
    "jax.experimental.serialize_executable", "subprocess", "requests", "urllib", "http", "socket", "ftplib", "tarfile",
}  # fmt: skip
HARMLESS = {"importlib.metadata", "importlib.resources", "urllib.parse"}
NAMES = {
    "eval", "exec", "compile", "__import__", "__builtins__", "__loader__",
    "os.system", "os.popen", "os.startfile", "os.fork", "os.posix_spawn", "os.posix_spawnp", "sys.modules",
    "subprocess.getoutput", "subprocess.getstatusoutput",
    "yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all",
    "yaml.Loader", "yaml.UnsafeLoader", "yaml.FullLoader", "yaml.CLoader", "yaml.CUnsafeLoader", "yaml.CFullLoader",
    "yaml.YAMLObject", "numpy.load", "numpy.memmap", "jax.numpy.load", "pandas.read_pickle", "shutil.unpack_archive",
    "jinja2.Template", "jinja2.Markup", "markupsafe.Markup",
}  # fmt: skip
PREFIXES = ("os.exec", "os.spawn", "yaml.loader.", "yaml.cyaml.", "numpy.ctypeslib")
ATTRIBUTES = {
    "extract", "extractall", "unpack_archive", "import_module", "from_string", "read_pickle", "to_pickle",
    "__globals__", "__subclasses__", "__builtins__", "__reduce__", "__reduce_ex__", "PyExtensionType",
}  # fmt: skip
# Calls that need an argument, and the literal that it must be: (name, position or None, keyword) -> values.
NEEDED = {
    "h5py.File": (1, "mode", ("r",)),
    "jinja2.Environment": (None, "autoescape", (True,)),
    "PIL.Image.open": (None, "formats", None),
}
KEYWORDS = {"allow_pickle": False, "shell": False}  # wherever they are given
GETATTR = ("jax.nn", "jax.config", "aecli.api")  # modules whose names are looked up by one that the code knows


def faults(text: str, allowed: frozenset[str] = frozenset()) -> list[str]:
    """What is forbidden in a source text, each with its line; `allowed` are modules and names that are its own."""
    tree = ast.parse(text)
    return sorted({f"{line}: {what}" for line, what in _found(tree, _origins(tree)) if what not in allowed})


def _origins(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _found(tree: ast.AST, origins: dict[str, str]) -> Iterator[tuple[int, str]]:
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)} | _annotations(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((line, what) for what in _imported(node))
        elif isinstance(node, ast.Name | ast.Attribute):
            yield from ((line, what) for what in _named(node, origins, id(node) in called))
        elif isinstance(node, ast.Call):
            yield from ((line, what) for what in _call(node, origins))


def _annotations(tree: ast.AST) -> set[int]:
    """The nodes within annotations, which name types and call nothing."""
    found = []
    for node in ast.walk(tree):
        found += [getattr(node, "annotation", None), getattr(node, "returns", None)]
    return {id(inner) for node in found if isinstance(node, ast.AST) for inner in ast.walk(node)}


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    for name in names:
        if name.endswith(".*"):
            yield name
        yield from _forbidden(name)


def _forbidden(name: str) -> Iterator[str]:
    """The module or name of the rules that a dotted name is, or is part of."""
    parts = name.split(".")
    outer = [".".join(parts[: i + 1]) for i in range(len(parts))]
    if not HARMLESS & set(outer):
        yield from (part for part in outer if part in MODULES)
    yield from (part for part in outer if part in NAMES)
    if name.startswith(PREFIXES):
        yield name


def _dotted(node: ast.AST, origins: dict[str, str]) -> str | None:
    """The dotted name that an expression is, imports followed; None for any other expression."""
    if isinstance(node, ast.Name):
        return origins.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value, origins)
        return inner and f"{inner}.{node.attr}"
    if isinstance(node, ast.Call) and _dotted(node.func, origins) == "getattr" and len(node.args) >= 2:
        inner, name = _dotted(node.args[0], origins), node.args[1]
        return f"{inner}.{name.value}" if inner and isinstance(name, ast.Constant) else None
    return None


def _named(node: ast.Name | ast.Attribute, origins: dict[str, str], called: bool) -> Iterator[str]:
    name = _dotted(node, origins) or ""
    if isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
        yield node.attr
    root = name.partition(".")[0] if isinstance(_root(node), ast.Call) else getattr(_root(node), "id", "")
    if root in origins or hasattr(builtins, root) or root in NAMES:  # a variable may be called like a module
        yield from _forbidden(name)
    if name in NEEDED and not called:
        yield f"{name} without a call"


def _call(node: ast.Call, origins: dict[str, str]) -> Iterator[str]:
    name = _dotted(node.func, origins) or ""
    for word in node.keywords:
        if word.arg in KEYWORDS and not _is(word.value, (KEYWORDS[word.arg],)):
            yield f"{word.arg}="
    if name in NEEDED:
        position, keyword, values = NEEDED[name]
        given = [word.value for word in node.keywords if word.arg == keyword]
        if position is not None and position < len(node.args):
            given.append(node.args[position])
        if not given or not (values is None or _is(given[0], values)):
            yield f"{name} without {keyword}="
    if name in ("getattr", "setattr") and len(node.args) >= 2:
        yield from _looked_up(node, origins)
    if name in ("vars", "globals", "locals") and (not node.args or _is_module(node.args[0], origins)):
        yield name


def _looked_up(node: ast.Call, origins: dict[str, str]) -> Iterator[str]:
    """Attributes by a text: of a module only by one that the code knows."""
    of, name = _dotted(node.args[0], origins), node.args[1]
    if isinstance(name, ast.Constant):
        if str(name.value) in ATTRIBUTES:
            yield str(name.value)
        if of:
            yield from _forbidden(f"{of}.{name.value}")
    elif _is_module(node.args[0], origins) and of not in GETATTR:
        yield f"getattr of {of}"


def _is_module(node: ast.AST, origins: dict[str, str]) -> bool:
    """Whether an expression may be a module: what begins with an imported name in small letters."""
    name, root = _dotted(node, origins), _root(node)
    return bool(name) and isinstance(root, ast.Name) and root.id in origins and name.rpartition(".")[2].islower()


def _root(node: ast.AST) -> ast.AST:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


def _is(node: ast.AST, values: tuple[object, ...]) -> bool:
    return isinstance(node, ast.Constant) and any(node.value is v or node.value == v for v in values)

"""Pytrees as flat mappings of names to arrays, and back: what a checkpoint holds of a training state.

A name is the path of a leaf: `parameters.encoder.layers.0.kernel`, `optimizer.0.mu.encoder.layers.0.kernel`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from aecli.config.problems import Problem, UserError

_LISTED = 8


def flatten(tree: Any) -> dict[str, np.ndarray]:
    """The leaves of a pytree by name, as copies on the host (a donated buffer may be overwritten).

    Python numbers get the type that jax gives them. ValueError where two leaves have one name, as those of
    `{"a.b": x, "a": {"b": y}}` do.
    """
    import jax

    leaves = jax.device_get(_named(tree))
    return {name: np.array(leaf, dtype=_dtype(leaf)) for name, leaf in leaves.items()}


def unflatten(arrays: Mapping[str, np.ndarray], like: Any) -> Any:
    """The pytree that has the structure of `like` and the leaves of `arrays`, by name.

    `like` is what `jax.eval_shape` gives: leaves with `shape` and `dtype`. UserError where a name is missing
    or too many, or a shape or a type differs: then the checkpoint was written with another config.
    """
    import jax

    wanted = _named(like)
    problems = [text for name in sorted({*wanted, *arrays}) if (text := _misfit(name, wanted, arrays))]
    if problems:
        raise _does_not_fit(problems)
    return jax.tree.unflatten(jax.tree.structure(like), [arrays[name] for name in wanted])


def nested(tree: Any) -> dict[str, Any]:
    """A pytree of any kinds of nodes as mappings alone, of the same names: what has no leaf is left out."""
    found: dict[str, Any] = {}
    for *path, name, leaf in _steps(tree):
        inner = found
        for key in path:
            inner = inner.setdefault(key, {})
        inner[name] = leaf
    return found


def unnested(mappings: dict[str, Any], like: Any) -> Any:
    """The pytree of the kinds of nodes of `like` that `nested` made these mappings of."""
    import jax

    found = []
    for *path, _ in _steps(like):
        leaf: Any = mappings
        for key in path:
            leaf = leaf[key]
        found.append(leaf)
    return jax.tree.unflatten(jax.tree.structure(like), found)


def _steps(tree: Any) -> Iterator[tuple[Any, ...]]:
    """For each leaf the keys that lead to it, as text, and then the leaf."""
    import jax

    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        yield *(jax.tree_util.keystr((key,), simple=True) for key in path), leaf


def _named(tree: Any) -> dict[str, Any]:
    import jax

    leaves: dict[str, Any] = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        if name in leaves:
            raise ValueError(f"two leaves of the tree are called {name!r}")
        leaves[name] = leaf
    return leaves


def _misfit(name: str, wanted: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str | None:
    """What is wrong with one array, or None."""
    asked = _described(wanted[name]) if name in wanted else "absent"
    found = _described(arrays[name]) if name in arrays else "absent"
    return None if asked == found else f"{name} is {found} in the checkpoint, {asked} in the config's model"


def _described(leaf: Any) -> str:
    """Type and shape, like `float32[784, 512]`."""
    return f"{_dtype(leaf).name}{list(np.shape(leaf))}"


def _dtype(leaf: Any) -> np.dtype[Any]:
    """The type of an array, or the one that jax gives a Python number."""
    import jax

    return np.dtype(leaf.dtype if hasattr(leaf, "dtype") else jax.dtypes.result_type(leaf))


def _does_not_fit(problems: list[str]) -> UserError:
    more = [f"and {len(problems) - _LISTED} more"] if len(problems) > _LISTED else []
    text = "\n  ".join(["the config does not fit this checkpoint:", *problems[:_LISTED], *more])
    return UserError(Problem(text, hint="use the config that this checkpoint was written with"))

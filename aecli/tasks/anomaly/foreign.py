"""Whether kept arrays are a calibration of this run: a run may come from anybody."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from aecli.layout import Layout
from aecli.tasks.baselines import NAMES

ANY = -1  # a dimension of any size


def fits(arrays: Mapping[str, np.ndarray], kind: str, size: int, layout: Layout) -> bool:
    """Whether each array is there, of its kind and shape, and of finite numbers; scores may be infinite."""
    d = prod(layout.input_shape)
    scores = dict.fromkeys(("scores", *(f"{name}_scores" for name in NAMES)), (ANY,))
    numbers = {"baselines_mean": (d,), "baselines_deviation": (d,), "baselines_components": (ANY, d)}
    if kind == "latent_distance":
        numbers |= {"latent_mean": (size,), "latent_precision": (size, size)}
    if kind == "reconstruction" and layout.table:
        numbers |= {"usual": (prod(layout.shape),)}
    forms: dict[str, tuple[str, tuple[int, ...]]]
    forms = {name: ("f", shape) for name, shape in {**scores, **numbers}.items()}
    forms |= {"class_names": ("U", (ANY,)), "truth_known": ("b", ()), "unlabelled": ("iu", ())}
    return (
        arrays.keys() == forms.keys()
        and all(_is(arrays[name], kinds, shape) for name, (kinds, shape) in forms.items())
        and all(bool(np.isfinite(arrays[name]).all()) for name in numbers)
        and all(len(arrays[name]) > 0 and not np.isnan(arrays[name]).any() for name in scores)
    )


def _is(array: np.ndarray, kinds: str, shape: tuple[int, ...]) -> bool:
    there = len(array.shape) == len(shape) and all(m in (ANY, n) for n, m in zip(array.shape, shape, strict=True))
    return there and array.dtype.kind in kinds

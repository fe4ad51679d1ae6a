"""Features that come with a run of a stranger: shapes, types and lengths that no fitting makes are refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from aecli.data.features import Features
from aecli.data.raw import Field, Raw, raw_array

TABLE = Raw(
    np.array([[1.0, 0.0, 2.0], [2.5, 1.0, np.nan], [4.0, 1.0, 1.0]]), kind="table", columns=("a", "b", "c"),
    fields=(Field("a"), Field("b", "categorical", ("x", "y")), Field("c")),
)  # fmt: skip
IMAGES = raw_array(np.arange(48, dtype=np.uint8).reshape(3, 4, 4))


def kept(raw: Raw, scale: Any = "standard", **changes: Any) -> dict[str, Any]:
    """What is kept of features of these rows, some of it replaced; `profile.x` is a part of the profile."""
    found = json.loads(json.dumps(Features.fit(raw, scale=scale).to_dict()))
    for key, value in changes.items():
        part, _, name = key.rpartition("__")
        (found[part] if part else found)[name] = value
    return found


@pytest.mark.parametrize("raw", [TABLE, IMAGES])
@pytest.mark.parametrize("scale", ["none", "standard", "minmax", "robust"])
def test_what_fitting_makes_is_credible(raw, scale):
    found = kept(raw, scale)
    assert Features.from_dict(found).to_dict() == found


CHANGES: list[dict[str, Any]] = [
    {"shape": []}, {"shape": [0]}, {"shape": [-3]}, {"shape": [3.0]}, {"shape": ["3"]}, {"shape": [True]},
    {"shape": [3, 1]}, {"shape": [10**12]}, {"shape": [2**40, 2**40, 3]}, {"shape": [1, 1, 1, 3]}, {"shape": 3},
    {"shape": [10**400]}, {"kind": "object"}, {"kind": []}, {"scale": "auto2"}, {"scale": None}, {"divisor": 0},
    {"divisor": "1"}, {"divisor": float("nan")}, {"low": None}, {"high": float("inf")}, {"shift": [1.0]},
    {"shift": None}, {"spread": [0.0, 1.0, 1.0]}, {"spread": [1.0, "x", 1.0]}, {"spread": [[1.0, 1.0, 1.0]]},
    {"shift": [1.0, float("nan"), 1.0]}, {"shift": {}}, {"constant_columns": [3]}, {"constant_columns": ["0"]},
    {"constant_columns": [-1]}, {"columns": ["a"]}, {"columns": ["a", "b", 3]}, {"columns": "abcd"}, {"fields": [{}]},
    {"fields": [{"name": "a"}]}, {"fields": [{"name": "a", "kind": "code", "values": [], "format": ""}] * 3},
    {"fields": [{"name": "a", "kind": "numeric", "values": [3], "format": ""}] * 3}, {"fields": ["a", "b", "c"]},
    {"fields": [{"name": "a", "__class__": "x", "values": []}] * 3}, {"profile": None}, {"profile": []},
    {"profile": [1]}, {"profile__rows": -1}, {"profile__missing": [0.5]},
    {"profile__missing": [0.5, 2.0, 0.0]}, {"profile__mean": ["x"] * 3}, {"profile__rare": [0.5] * 3},
    {"profile__dropped": [-1] * 3}, {"another": 1},
]  # fmt: skip


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: str(changes)[:50])
def test_what_no_fitting_makes_is_refused(changes):
    """By what reading a run turns into exit 4."""
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError, OverflowError)):
        Features.from_dict(kept(TABLE, **changes))


def test_a_shape_larger_than_memory_is_refused_before_anything_of_it_is_made():
    with pytest.raises(ValueError, match="a row of more than 2,147,483,648 numbers"):
        Features.from_dict(kept(IMAGES, "none", shape=[2**20, 2**20, 1]))


@pytest.mark.parametrize("key", sorted(Features.fit(TABLE).to_dict().keys() - {"fields", "low", "high"}))
def test_no_key_may_be_missing(key):
    found = kept(TABLE)
    del found[key]
    with pytest.raises((ValueError, TypeError, KeyError)):
        Features.from_dict(found)

"""The division of rows: disjoint, covering, and a pure function of its arguments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aecli.config.problems import UserError
from aecli.data.spec import Split
from aecli.data.splits import divide

fractions = st.floats(0, 0.99)
splits = st.builds(Split, validation=fractions, test=fractions | st.just("given"), seed=st.integers(0, 2**32 - 1))


@given(n=st.integers(2, 400), split=splits, own=st.booleans())
def test_parts_are_disjoint_cover_all_rows_and_keep_their_order(n, split, own):
    try:
        parts = divide(n, split, own)
    except UserError:
        assume(False)
        return
    rows = [part for part in (parts.train, parts.validation, parts.test) if part is not None]
    assert sorted(np.concatenate(rows)) == list(range(n))
    assert all((np.diff(part) > 0).all() for part in rows)
    assert len(parts.train) >= 2
    again = divide(n, split, own)
    assert np.array_equal(again.train, parts.train)


@given(n=st.integers(2, 400), split=splits, own=st.booleans())
def test_sizes_are_the_rounded_fractions_and_at_least_one(n, split, own):
    fraction = split.test if split.test != "given" else 0.0 if own else 0.1
    sizes = [max(1, round(f * n)) if f > 0 else 0 for f in (split.validation, fraction)]
    if n - sum(sizes) < 2:
        with pytest.raises(UserError, match="left to train on"):
            divide(n, split, own)
        return
    parts = divide(n, split, own)
    assert [0 if p is None else len(p) for p in (parts.validation, parts.test)] == sizes


def test_the_seed_alone_chooses_the_rows():
    one, two, other = (divide(1000, Split(seed=s)).train for s in (0, 0, 1))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_the_division_never_changes():
    """Runs are compared across versions: these rows were held out when the first run was trained."""
    parts = divide(20, Split())
    assert parts.validation is not None
    assert parts.test is not None
    assert (parts.validation.tolist(), parts.test.tolist()) == ([2, 6], [4, 19])

"""Neighbourhoods, against the formula written out, and with codes whose neighbours are known."""

from __future__ import annotations

import numpy as np
import pytest

from aecli.evaluation import manifold
from aecli.evaluation.manifold import NEIGHBOURS, Manifold

DRAW = np.random.default_rng(3)


def written_out(x: np.ndarray, codes: np.ndarray, k: int) -> float:
    """Venna and Kaski's sum, pair by pair."""
    n, lost = len(x), 0
    order, near = (
        [np.argsort(np.linalg.norm(points - a, axis=1) - (np.arange(n) == i)) for i, a in enumerate(points)]
        for points in (x, codes)
    )
    for i in range(n):
        rank = {int(j): place for place, j in enumerate(order[i])}
        lost += sum(max(rank[int(j)] - k, 0) for j in near[i][1 : k + 1])
    return 1 - 2 * lost / (n * k * (2 * n - 3 * k - 1))


def test_an_identical_map_is_perfect(make):
    x = DRAW.normal(size=(300, 4)).astype(np.float32)
    found = make.metrics(Manifold(make.with_rows(make.identity(4), x)), x)
    assert all(metric.value == 1 for metric in found.values())
    assert list(found) == ["trustworthiness", "continuity", "pca_trustworthiness", "pca_continuity"]


def test_trustworthiness_and_continuity_are_as_they_are_written(make):
    x = (DRAW.normal(size=(60, 5)) * [3, 2, 1, 1, 1]).astype(np.float32)
    trained = make.build((5,), {"encoder": {"widths": []}, "bottleneck": {"kind": "dense", "size": 2}}, {})
    found = make.metrics(Manifold(make.with_rows(trained, x)), x)
    codes, wide = trained.encode(x).astype(float), x.astype(float)
    assert found["trustworthiness"].value == pytest.approx(written_out(wide, codes, NEIGHBOURS), abs=1e-12)
    assert found["continuity"].value == pytest.approx(written_out(codes, wide, NEIGHBOURS), abs=1e-12)
    centred = wide - wide.mean(0)
    flat = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    assert found["pca_trustworthiness"].value == pytest.approx(written_out(wide, flat, NEIGHBOURS), abs=1e-12)


def test_a_sample_of_many_rows_is_the_same_for_any_blocks(make, monkeypatch):
    monkeypatch.setattr(manifold, "MOST", 100)
    x = DRAW.normal(size=(1500, 3)).astype(np.float32)
    trained = make.with_rows(make.identity(3), x)
    metrics, notes = make.measured(Manifold(trained), x)
    assert notes == ["manifold looks at 100 of the 1500 rows, drawn at random"]
    assert make.metrics(Manifold(trained), x, size=512) == metrics


def test_where_all_are_alike_the_order_of_rows_says_nothing(make):
    """Rows along a line, and codes that are equal but for one: whose neighbours they are is chance."""
    x = (np.arange(300)[:, None] / 300 * np.ones(3)).astype(np.float32)
    trained = make.with_rows(make.identity(3), x)
    trained.encode = lambda rows: np.zeros((len(rows), 2), np.float32)
    assert make.measured(Manifold(trained), x) == ({}, ["manifold is left out: all codes are equal"])
    trained.encode = lambda rows: (rows[:, :2] == 0).astype(np.float32)
    assert make.metrics(Manifold(trained), x)["trustworthiness"].value > 0.4


def test_what_cannot_be_compared_is_left_out_and_said(make):
    x = DRAW.normal(size=(20, 3)).astype(np.float32)
    trained = make.with_rows(make.identity(3), x)
    assert "20 rows are too few" in make.measured(Manifold(trained), x)[1][0]
    x[3, 1] = np.nan
    assert "have holes" in make.measured(Manifold(trained), x)[1][0]

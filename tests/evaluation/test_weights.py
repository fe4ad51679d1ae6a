"""The weights' sizes, against numpy on weights that a test has set."""

from __future__ import annotations

import numpy as np
import pytest

from aecli.evaluation.weights import Weights, _place, by_layer
from aecli.layout import Layout
from aecli.model.penalties.penalty import weights

KERNEL = np.array([[0.5, -0.0005, 0.0], [1e-4, -2.0, 0.001]])


def set_all(trained, make):
    make.set_weights(
        trained,
        head={"kernel": KERNEL, "bias": [0.0, 1.0, -1e-5]}, decoder={"kernel": KERNEL.T * 2, "bias": [0.5, -0.5]},
    )  # fmt: skip


def test_of_kernels_and_of_biases(make):
    trained = make.build((2,), {"encoder": {"widths": []}, "bottleneck": {"kind": "dense", "size": 3}}, {})
    set_all(trained, make)
    assert set(by_layer(trained, "kernel")) == {"head", "decoder.last"}
    found = make.metrics(Weights(trained), np.zeros((4, 2)))
    values = np.concatenate([KERNEL.ravel(), 2 * KERNEL.ravel()]).astype(np.float32).astype(float)
    assert found["near_zero_weights"].value == (3 + 2) / 12  # 2 * 0.0005 is 0.001: not within
    assert found["l1_weights"].value == pytest.approx(np.abs(values).mean())
    assert found["l2_weights"].value == pytest.approx(np.sqrt((values**2).mean()))
    assert found["near_zero_biases"].value == 2 / 5


def test_kernels_of_a_tied_decoder_count_once(make):
    model = {"encoder": {"widths": [4], "tied": True}, "bottleneck": {"kind": "dense", "size": 3}}
    trained = make.build((2,), model, {})
    assert sum(leaf.size for leaf in by_layer(trained, "kernel").values()) == 2 * 4 + 4 * 3


def test_what_penalties_charge_is_what_is_measured(make):
    model = {"encoder": {"widths": [6, 5], "norm": "batch"}, "bottleneck": {"kind": "dense", "size": 3}}
    trained = make.build(Layout((4,), classes=7), model, {})
    for name in ("kernel", "bias"):
        sizes = [leaf.size for leaf in by_layer(trained, name).values()]
        assert sum(sizes) == sum(leaf.size for leaf in weights(trained.weights.parameters, name))
        assert sum(leaf.size for leaf in weights(trained.weights.parameters, "both")) > sum(sizes)
    assert sum(leaf.size for leaf in by_layer(trained, "bias").values()) == 6 + 5 + 3 + 5 + 6 + 4


def test_layers_come_as_a_row_meets_them(make):
    widths = [4] * 12
    trained = make.build((2,), {"encoder": {"widths": widths}, "bottleneck": {"kind": "dense", "size": 3}}, {})
    there = [f"layers.{i}.linear" for i in range(12)]
    expected = [*(f"encoder.{n}" for n in there), "head", *(f"decoder.{n}" for n in there), "decoder.last"]
    assert list(by_layer(trained, "kernel")) == expected
    assert sorted(["decoder.last", "decoder.blocks.0", "decoder.first"], key=_place)[::2] == [
        "decoder.first", "decoder.last",
    ]  # fmt: skip


def test_rows_change_nothing(make):
    trained = make.build((2,), {"encoder": {"widths": [4]}, "bottleneck": {"kind": "dense", "size": 3}}, {})
    assert make.metrics(Weights(trained), np.zeros((4, 2))) == make.metrics(Weights(trained), np.ones((9, 2)))

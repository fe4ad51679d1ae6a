"""Noise before and after: structural similarity as it is written, and autoencoders whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aecli.evaluation.denoising import Denoising
from aecli.evaluation.ssim import WINDOW, ssim
from aecli.layout import Layout

DRAW = np.random.default_rng(1)


def identity(make, size: int, corruption: dict):
    trained = make.build(
        (size,), {"encoder": {"widths": []}, "bottleneck": {"kind": "dense", "size": size}}, {"corruption": corruption}
    )
    one = {"kernel": np.eye(size), "bias": np.zeros(size)}
    make.set_weights(trained, head=one, decoder=one)
    return trained


def written_out(x: np.ndarray, y: np.ndarray, peak: float) -> float:
    """Wang's index of one pair, window by window."""
    found = []
    for channel in range(x.shape[2]):
        for i in range(x.shape[0] - WINDOW + 1):
            for j in range(x.shape[1] - WINDOW + 1):
                a, b = (p[i : i + WINDOW, j : j + WINDOW, channel].ravel() for p in (x, y))
                c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
                s = np.cov(a, b)
                light = (2 * a.mean() * b.mean() + c1) / (a.mean() ** 2 + b.mean() ** 2 + c1)
                found.append(light * (2 * s[0, 1] + c2) / (s[0, 0] + s[1, 1] + c2))
    return float(np.mean(found))


@settings(max_examples=20, deadline=None)
@given(st.integers(7, 12), st.integers(7, 12), st.integers(1, 3), st.floats(0.1, 10), st.integers(0, 99))
def test_ssim_is_as_it_is_written(height, width, channels, peak, seed):
    x, y = peak * np.random.default_rng(seed).random((2, 3, height, width, channels))
    y = (x + y) / 2
    np.testing.assert_allclose(
        ssim(x, y, peak), [written_out(a, b, peak) for a, b in zip(x, y, strict=True)], atol=1e-9
    )
    np.testing.assert_allclose(ssim(x, x, peak), 1)


def test_ssim_is_scikit_image_s():
    metrics = pytest.importorskip("skimage.metrics")
    x, y = DRAW.random((2, 4, 28, 31, 3))
    expected = [metrics.structural_similarity(a, b, data_range=1.0, channel_axis=2) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(ssim(x, y, 1.0), expected, atol=1e-12)


def test_images_smaller_than_a_window_have_no_ssim(make):
    with pytest.raises(ValueError, match="6 x 9 pixels hold no window of 7 x 7"):
        ssim(np.zeros((1, 6, 9, 1)), np.zeros((1, 6, 9, 1)), 1.0)
    model = {"encoder": {"widths": []}, "bottleneck": {"kind": "dense", "size": 3}}
    small, large = (make.build(shape, model, {"corruption": "gaussian"}) for shape in ((6, 9, 1), (7, 9, 1)))
    found = [
        set(make.metrics(Denoising(t), DRAW.random((40, *t.layout.shape)).astype(np.float32))) for t in (small, large)
    ]
    ends = ("_half", "", "_double")
    assert found[0] == {f"{w}_psnr{e}" for w in ("noisy", "denoised") for e in ends}
    assert found[1] - found[0] == {f"{w}_ssim{e}" for w in ("noisy", "denoised") for e in ends}


def test_gaussian_noise_has_its_own_psnr_and_an_identity_leaves_it(make):
    x = DRAW.random((4000, 6)).astype(np.float32)
    found = make.metrics(Denoising(identity(make, 6, {"kind": "gaussian", "scale": 0.1})), x)
    assert found["noisy_psnr"].value == pytest.approx(20, abs=0.1)  # -10 log10(0.1^2)
    assert found["noisy_psnr"].unit == "dB, peak 1; gaussian of scale 0.1"
    for end in ("_half", "", "_double"):
        assert found[f"denoised_psnr{end}"].value == pytest.approx(found[f"noisy_psnr{end}"].value, abs=1e-3)
    step = 20 * math.log10(2)
    assert found["noisy_psnr_half"].value - found["noisy_psnr"].value == pytest.approx(step, abs=1e-3)
    assert found["noisy_psnr"].value - found["noisy_psnr_double"].value == pytest.approx(step, abs=1e-3)


def test_a_rate_is_doubled_to_one_at_most(make):
    x = (1 + DRAW.random((2000, 4))).astype(np.float32)
    found = make.metrics(Denoising(identity(make, 4, {"kind": "masking", "rate": 0.6})), x)
    peak = float(x.max() - x.min())
    assert found["noisy_psnr_double"].unit == f"dB, peak {peak:.6g}; masking of rate 1"
    everything = 10 * math.log10(peak**2 / np.square(x.astype(float)).mean())
    assert found["noisy_psnr_double"].value == pytest.approx(everything, abs=1e-6)
    assert found["noisy_psnr"].value == pytest.approx(everything - 10 * math.log10(0.6), abs=0.15)


def test_blocks_change_nothing(make):
    trained = identity(make, 4, {"kind": "gaussian", "scale": 0.3})
    x = DRAW.normal(size=(1300, 4)).astype(np.float32)
    assert make.metrics(Denoising(trained), x) == make.metrics(Denoising(trained), x, size=512)


def test_what_cannot_be_compared_is_left_out_and_said(make):
    x = DRAW.normal(size=(20, 3)).astype(np.float32)
    assert "without objective.corruption" in make.measured(Denoising(make.identity(3)), x)[1][0]
    x[2, 1] = np.nan
    assert "rows have holes" in make.measured(Denoising(identity(make, 3, {"kind": "gaussian"})), x)[1][0]
    layout = Layout((3,), True, (0, 2, 0), ())
    trained = make.build(layout, {"encoder": {"widths": []}}, {"corruption": "gaussian"})
    assert "holes or categories" in make.measured(Denoising(trained), np.zeros((20, 3), np.float32))[1][0]

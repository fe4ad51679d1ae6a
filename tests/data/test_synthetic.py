"""Synthetic sets against independent mathematics: closed forms, brute force, scipy's quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, ndimage, special

from aecli.config.problems import UserError
from aecli.data.raw import Want
from aecli.data.sources import read
from aecli.data.synthetic import SETS, galaxies, manifolds, sprites

N = 600


def made(name: str, rows: int = N):
    return read(name, Want(rows=rows))


@pytest.mark.parametrize("name", SETS)
def test_the_same_rows_come_every_time_whatever_their_number(name):
    few, many = made(name, 300), made(name, N)
    assert len(few.x) == 300
    assert np.array_equal(few.x, many.x[:300])
    assert np.array_equal(few.x, made(name, 300).x)
    for key, values in many.carried.items():
        assert values.shape == (N,)
        assert np.isfinite(values).all()
        assert np.array_equal(few.carried[key], values[:300])
    if many.labels is not None:
        assert few.labels is not None
        assert np.array_equal(few.labels, many.labels[:300])
    assert len(np.unique(many.x.reshape(N, -1), axis=0)) == N


def test_without_rows_a_set_has_its_own_number():
    for name in ("swiss-roll", "s-curve", "spirals"):
        assert len(read(name).x) == SETS[name][1]


@pytest.mark.parametrize("rows", [1, 255, 256, 257])
def test_any_number_of_rows(rows):
    assert made("sprites", rows).x.shape == (rows, 32, 32, 1)


def test_options_of_files_are_refused():
    with pytest.raises(UserError, match=r"data\.label cannot be read here: spirals brings what it has"):
        read("spirals", Want(label="y"))
    with pytest.raises(UserError, match=r"data\.rows: 1,000,000,000 rows of spirals are more than"):
        made("spirals", 10**9)


def test_swiss_roll_is_rolled_up():
    raw = made("swiss-roll")
    x, y, z = raw.x.T
    t = raw.carried["t"]
    assert raw.columns == ("x", "y", "z")
    assert np.allclose(x**2 + z**2, t**2, rtol=1e-12)
    assert np.allclose(np.exp(1j * t), (x + 1j * z) / t)
    assert np.array_equal(y, raw.carried["height"])
    for values, low, high in ((t, 1.5 * np.pi, 4.5 * np.pi), (y, 0, 21)):
        assert low <= values.min() < values.max() < high
        assert abs(values.mean() - (low + high) / 2) < 4 * (high - low) / np.sqrt(12 * N)


def test_s_curve_is_two_half_cylinders():
    raw = made("s-curve")
    x, y, z = raw.x.T
    t = raw.carried["t"]
    assert np.allclose(x**2 + (z + np.sign(t)) ** 2, 1)
    assert np.allclose(x, np.sin(t))
    assert -1.5 * np.pi <= t.min() < t.max() < 1.5 * np.pi
    assert np.array_equal(y, raw.carried["height"])


def test_spirals_are_two_arms_half_a_turn_apart():
    raw = made("spirals", 4000)
    r, arm = raw.carried["r"], raw.labels
    assert arm is not None
    there = r * np.exp(1j * np.pi * (3 * r + arm))
    noise = np.stack([raw.x[:, 0] - there.real, raw.x[:, 1] - there.imag])
    assert abs(noise.std() / manifolds.NOISE - 1) < 0.05
    assert abs(arm.mean() - 0.5) < 0.04
    assert abs((r**2).mean() - 0.5) < 0.02  # u = r^2 is uniform


def inside(shape: str, u: np.ndarray, v: np.ndarray, side: float) -> np.ndarray:
    """The shapes by their definitions, as sets of points."""
    if shape == "square":
        return np.maximum(np.abs(u), np.abs(v)) < side / 2
    if shape == "ellipse":
        short = side / np.sqrt(2 * np.pi)
        return (u / (2 * short)) ** 2 + (v / short) ** 2 < 1
    inner = side / np.sqrt(1 + np.pi / 4)
    a, b = (u + v) / np.sqrt(2), (v - u) / np.sqrt(2)
    discs = ((a - inner / 2) ** 2 + b**2 < inner**2 / 4) | (a**2 + (b - inner / 2) ** 2 < inner**2 / 4)
    return discs | (np.maximum(np.abs(a), np.abs(b)) < inner / 2)


@pytest.mark.parametrize("shape", sprites.SHAPES)
def test_sprites_cover_each_pixel_by_its_share(shape):
    raw = made("sprites", 300)
    assert raw.labels is not None
    fine = (np.arange(32 * 12) + 0.5) / 12
    for i in np.flatnonzero(raw.labels == shape)[:12]:
        scale, turn, x, y = (raw.carried[k][i] for k in ("scale", "orientation", "x", "y"))
        across, up = fine[None, :] - (9 + 14 * x), (9 + 14 * y) - fine[:, None]
        u, v = np.cos(turn) * across + np.sin(turn) * up, np.cos(turn) * up - np.sin(turn) * across
        share = inside(shape, u, v, 10 * scale).reshape(32, 12, 32, 12).mean((1, 3))
        grey = raw.x[i, ..., 0] / 255
        assert np.abs(grey - share).max() < 0.3  # at corners, where an edge is no straight line
        assert np.abs(grey - share).mean() < 0.004
        assert abs(grey.sum() / (10 * scale) ** 2 - 1) < 0.05


def test_sprites_lie_within_the_picture_and_their_factors_on_the_grid():
    raw = made("sprites", 2000)
    assert raw.labels is not None
    edge = np.concatenate([raw.x[:, [0, -1]].reshape(2000, -1), raw.x[:, :, [0, -1]].reshape(2000, -1)], 1)
    assert edge.max() == 0
    assert {k: len(np.unique(v)) for k, v in raw.carried.items()} == {"scale": 6, "orientation": 40, "x": 32, "y": 32}
    codes = np.stack([raw.carried[k] for k in raw.carried] + [(raw.labels == s) for s in sprites.SHAPES[:2]])
    assert np.abs(np.corrcoef(codes)[np.triu_indices(len(codes), 1)][:-1]).max() < 0.08  # independent draws
    assert set(np.unique(raw.labels)) == set(sprites.SHAPES)


@pytest.mark.parametrize("index", [0.5, 1.0, 2.5, 4.0, 5.0])
def test_half_of_a_sersic_profile_lies_within_the_half_light_radius(index):
    radius = np.array(2.7)

    def ring(r: float) -> float:
        return 2 * np.pi * r * float(galaxies.sersic(np.array(r), np.array(index), radius))

    within = integrate.quad(ring, 0, 2.7)[0]
    assert within == pytest.approx(0.5, rel=1e-6)
    assert within + integrate.quad(ring, 2.7, np.inf, limit=200)[0] == pytest.approx(1, rel=1e-5)


def test_a_sersic_profile_of_index_one_is_exponential():
    r = np.linspace(0, 9, 50)
    b = 1.6783469900166605  # (1 + b) exp(-b) = 1/2
    assert np.allclose(galaxies.sersic(r, np.array(1.0), np.array(3.0)), b**2 / (18 * np.pi) * np.exp(-b * r / 3))


def parameters(**changed: float) -> list[np.ndarray]:
    plain = {"index": 1.0, "radius": 3.0, "ratio": 0.6, "angle": 0.4, "x": 0.3, "y": -0.2}
    return [np.array([v]) for v in (plain | changed).values()]


@pytest.mark.parametrize("index", [1.0, 4.0, 5.0])
@pytest.mark.parametrize("ratio", [0.25, 1.0])
@pytest.mark.parametrize("x", [0.3, 0.0416])
def test_pixels_hold_the_flux_of_their_area(index, ratio, x):
    """Against brute force: 31 x 31 samples a pixel, everywhere."""
    picture = galaxies.profiles(*parameters(index=index, ratio=ratio, x=x))[0]
    fine = (np.arange(40 * 31) + 0.5) / 31 - 20
    across, up = fine[None, :] - x, -0.2 - fine[:, None]
    a, b = np.cos(0.4) * across + np.sin(0.4) * up, np.cos(0.4) * up - np.sin(0.4) * across
    far = np.sqrt(ratio * a**2 + b**2 / ratio)
    dense = galaxies.sersic(far, np.array(index), np.array(3.0)).reshape(40, 31, 40, 31).mean((1, 3))
    assert picture.sum() == pytest.approx(dense.sum(), rel=0.02)
    assert np.abs(picture - dense).max() < 0.05 * dense.max()


def test_half_of_the_flux_lies_within_the_ellipse_of_the_half_light_radius():
    picture = galaxies.profiles(*parameters(x=0.0, y=0.0))[0]
    at = np.arange(40) - 19.5
    a = np.cos(0.4) * at[None, :] - np.sin(0.4) * at[:, None]
    b = -np.cos(0.4) * at[:, None] - np.sin(0.4) * at[None, :]
    within = 0.6 * a**2 + b**2 / 0.6 < 9
    assert picture[within].sum() == pytest.approx(0.5, abs=0.02)


def test_the_point_spread_function_keeps_flux_and_is_gaussian():
    kernel = galaxies.spread()
    assert kernel.sum() == pytest.approx(1, abs=1e-12)
    edges = np.arange(-4.5, 5.5)
    assert np.allclose(kernel, np.diff(special.ndtr(edges)), atol=1e-5)
    point = np.zeros((1, 40, 40))
    point[0, 18, 21] = 7.0
    seen = galaxies.blurred(point)[0]
    assert seen.sum() == pytest.approx(7, rel=1e-12)
    assert np.unravel_index(seen.argmax(), seen.shape) == (14, 17)
    picture = galaxies.profiles(*parameters(index=4.0))
    ours, theirs = galaxies.blurred(picture)[0], ndimage.gaussian_filter(picture[0], 1.0, truncate=6)[4:-4, 4:-4]
    assert np.abs(ours - theirs).max() < 0.06 * theirs.max()  # scipy samples the Gaussian, we integrate it over pixels
    assert ours.sum() == pytest.approx(theirs.sum(), rel=1e-3)


def test_bands_keep_their_mean_and_differ_by_the_colour():
    electrons = galaxies.bands(np.full((2, 32, 32), 90.0), np.array([1.4, -0.3]))
    assert np.allclose(electrons.mean(-1), 90)
    red, _, blue = np.moveaxis(electrons, -1, 0)
    assert np.allclose(-2.5 * np.log10(blue / red), np.array([1.4, -0.3])[:, None, None])


def test_galaxies_carry_what_they_show():
    raw = made("galaxies", 1500)
    assert raw.labels is not None
    assert raw.x.shape == (1500, 32, 32, 3)
    assert raw.x.dtype == np.uint8
    disc = raw.labels == "disc"
    assert 0.4 < disc.mean() < 0.6
    assert (raw.carried["sersic"][disc] == 1).all()
    assert raw.carried["sersic"][~disc].min() >= 3
    assert raw.carried["axis_ratio"][disc].min() >= 0.2
    assert raw.carried["axis_ratio"][~disc].min() >= 0.5
    # Undo the display: what is left are electrons with the noise of sky and read-out, and the flux.
    e = np.sinh(raw.x / 255 * np.arcsinh(6030 / 25)) * 25 - 30
    corners = e[:, [0, 0, -1, -1], [0, -1, 0, -1]].reshape(1500, -1)[raw.carried["flux"] < 5e3]
    assert abs(corners.mean()) < 2
    assert abs(corners.std() / np.hypot(np.sqrt(100), 5) - 1) < 0.15
    compact = disc & (raw.carried["radius"] < 4)
    ratio = e.mean(-1).sum((1, 2))[compact] / raw.carried["flux"][compact]
    assert abs(np.median(ratio) - 1) < 0.05
    blue, red = (np.clip(e[..., i], 1, None)[:, 12:20, 12:20].sum((1, 2)) for i in (2, 0))
    bright = raw.carried["flux"] > 2e4
    assert np.corrcoef(-2.5 * np.log10(blue / red)[bright], raw.carried["colour"][bright])[0, 1] > 0.97


def test_position_angles_are_those_of_the_light():
    raw = made("galaxies", 1500)
    q, flux, radius = (raw.carried[k] for k in ("axis_ratio", "flux", "radius"))
    chosen = (raw.labels == "disc") & (q < 0.4) & (flux > 3e4) & (radius < 4)
    assert chosen.sum() > 20
    e = np.clip(np.sinh(raw.x[chosen] / 255 * np.arcsinh(6030 / 25)) * 25 - 30, 60, None).mean(-1) - 60
    at = np.arange(32) - 15.5
    x, y = np.broadcast_to(at, e.shape), -np.broadcast_to(at[:, None], e.shape)
    total = e.sum((1, 2))
    dx, dy = ((c - ((c * e).sum((1, 2)) / total)[:, None, None]) for c in (x, y))
    xx, yy, xy = ((a * b * e).sum((1, 2)) / total for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    apart = np.abs((angle - raw.carried["position_angle"][chosen] + np.pi / 2) % np.pi - np.pi / 2)
    assert np.median(apart) < 0.06

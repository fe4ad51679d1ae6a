"""Galaxies as a telescope sees them: Sersic profiles, blurred, with photon and read noise, in three bands."""

from __future__ import annotations

from math import erf
from typing import TYPE_CHECKING

import numpy as np

from aecli.data.raw import PIXEL_RANGE, Raw
from aecli.data.synthetic.streams import BLOCK, blocks

if TYPE_CHECKING:
    from jaxtyping import Float64

SIZE, EDGE = 32, 4  # pixels of a side, and of the border that is blurred in and then cut off
FINE, CORE = 12, 6  # samples of a pixel's side, and the pixels' side of the square in the middle sampled so
SOFTENED = 0.2  # of the distance between two such samples
SIGMA = 1.0  # of the Gaussian point spread function, pixels (a full width at half maximum of 2.35)
SKY, READ = 100.0, 5.0  # electrons per pixel and band: the sky's mean, the read noise's standard deviation
SOFT, BRIGHT = 25.0, 6000.0  # electrons: where the display turns from linear to logarithmic, and its white
PEDESTAL = 30.0  # electrons added before display, so that noise below the sky is not cut off
THIN = 0.2  # axis ratio of a disc seen edge-on
KINDS = ("disc", "elliptical")
BANDS = 3  # red, green, blue


def galaxies(rows: int) -> Raw:
    """uint8 [rows, 32, 32, 3]: discs and ellipticals, half and half, labelled so; true parameters are carried.

    I(R) is a Sersic profile (`sersic`), n = 1 for a disc and uniform on [3, 5] for an elliptical. Carried: sersic
    (n), radius (half-light, pixels: 2 to 6, log-uniform), axis_ratio q (a disc's inclination i uniform in cos i:
    q^2 = cos^2 i + 0.2^2 sin^2 i, Hubble 1926; an elliptical's uniform on [0.5, 1]), position_angle (radians in
    [0, pi), from the x axis counter-clockwise), flux (electrons over the bands' mean, 3e3 to 1e5, log-uniform), colour
    (blue minus red magnitude: -0.4 for discs, 1.2 for ellipticals, scattered by 0.15), x and y (centre, pixels from
    the picture's). Each band gets a Gaussian blur (sigma 1 pixel), Poisson noise of galaxy and sky, Gaussian read
    noise, and is shown as asinh: 255 asinh((N - sky + 30) / 25) / asinh(6030 / 25), cut to [0, 255].
    """
    x = np.empty((rows, SIZE, SIZE, BANDS), np.uint8)
    carried = {name: np.empty(rows) for name in NAMES}
    labels = np.empty(rows, np.int64)
    for part, generator in blocks(rows, 5):
        kind, factors = _drawn(generator)
        clean = blurred(profiles(*(factors[n] for n in ("sersic", "radius", "axis_ratio", "position_angle", "x", "y"))))
        electrons = bands(clean * factors["flux"][:, None, None], factors["colour"])
        seen = generator.poisson(electrons + SKY) + READ * generator.standard_normal(electrons.shape) - SKY
        count = part.stop - part.start
        x[part], labels[part] = shown(seen)[:count], kind[:count]
        for name in NAMES:
            carried[name][part] = factors[name][:count]
    names = np.array(KINDS)[labels]
    return Raw(x, names, kind="image", divisor=PIXEL_RANGE, file="galaxies", carried=carried)


NAMES = ("sersic", "radius", "axis_ratio", "position_angle", "flux", "colour", "x", "y")


def _drawn(g: np.random.Generator) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The kinds and true parameters of one block."""
    kind = g.integers(0, 2, BLOCK)
    disc, u = kind == 0, g.random((BLOCK, 6))
    cosine = u[:, 0]
    ratio = np.where(disc, np.sqrt(cosine**2 + THIN**2 * (1 - cosine**2)), 0.5 + 0.5 * u[:, 0])
    colour = np.where(disc, -0.4, 1.2) + 0.15 * g.standard_normal(BLOCK)
    values = (
        np.where(disc, 1.0, 3 + 2 * u[:, 1]), 2 * 3 ** u[:, 2], ratio, np.pi * u[:, 3],
        3e3 * (1e5 / 3e3) ** u[:, 4], colour, 2 * u[:, 5] - 1, 2 * g.random(BLOCK) - 1,
    )  # fmt: skip
    return kind, dict(zip(NAMES, values, strict=True))


def sersic(distance: np.ndarray, index: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """I(R) = exp(-b (R / Re)^(1/n)) b^(2n) / (2 pi n Re^2 Gamma(2n)): half of the total flux 1 lies within Re.

    b solves gamma(2n, b) = Gamma(2n) / 2. Source: Graham and Driver, PASA 22 (2005).
    """
    from scipy.special import gammaincinv, gammaln

    b = gammaincinv(2 * index, 0.5)
    norm = np.exp(2 * index * np.log(b) - gammaln(2 * index)) / (2 * np.pi * index * radius**2)
    return norm * np.exp(-b * (distance / radius) ** (1 / index))


def profiles(
    index: np.ndarray, radius: np.ndarray, ratio: np.ndarray, angle: np.ndarray, x: np.ndarray, y: np.ndarray
) -> Float64[np.ndarray, " n side side"]:
    """Flux per pixel of galaxies of flux 1, with a border of EDGE pixels: R^2 = q a^2 + b^2 / q along the axes.

    Sampled at pixels' middles, and within the CORE x CORE pixels in the middle as the mean of FINE x FINE samples,
    where the profile is steep: right to 5% of the brightest pixel and 2% of the flux.
    """
    side = SIZE + 2 * EDGE
    wide = np.arange(side) + 0.5 - side / 2
    fine = (np.arange(CORE * FINE) + 0.5) / FINE - CORE / 2
    args = [p[:, None, None] for p in (index, radius, ratio, angle, x, y)]
    out = _sampled(wide, 0.0, *args)
    core = _sampled(fine, SOFTENED / FINE, *args).reshape(-1, CORE, FINE, CORE, FINE).mean((2, 4))
    inner = slice((side - CORE) // 2, (side + CORE) // 2)
    out[:, inner, inner] = core
    return out


def _sampled(
    at: np.ndarray, soft: float, index: np.ndarray, radius: np.ndarray, ratio: np.ndarray, angle: np.ndarray,
    x: np.ndarray, y: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """I at every pair of these coordinates; distances r become sqrt(r^2 + soft^2), so that no sample is the cusp's."""
    across, up = at[None, None, :] - x, y - at[None, :, None]
    along = np.cos(angle) * across + np.sin(angle) * up
    aside = -np.sin(angle) * across + np.cos(angle) * up
    return sersic(np.sqrt(ratio * along**2 + aside**2 / ratio + soft**2), index, radius)


def spread(sigma: float = SIGMA, reach: int = EDGE) -> Float64[np.ndarray, " taps"]:
    """A Gaussian integrated over pixels -reach to reach, summing to 1."""
    edges = np.array([erf((i - 0.5) / (sigma * 2**0.5)) for i in range(-reach, reach + 2)])
    return np.diff(edges) / (edges[-1] - edges[0])


def blurred(pixels: Float64[np.ndarray, " n side side"]) -> Float64[np.ndarray, " n 32 32"]:
    """Convolved with the point spread function; the border that it needs is cut off."""
    kernel = spread()
    columns = np.sum([w * pixels[:, :, i : i + SIZE] for i, w in enumerate(kernel)], 0)
    return np.sum([w * columns[:, i : i + SIZE] for i, w in enumerate(kernel)], 0)


def bands(pixels: Float64[np.ndarray, " n 32 32"], colour: Float64[np.ndarray, " n"]) -> np.ndarray:
    """Electrons [n, 32, 32, 3]: colour / 2 magnitudes brighter in red, fainter in blue; the bands' mean as given."""
    factors = 10 ** (0.4 * colour[:, None] * np.array([0.5, 0.0, -0.5]))
    factors /= factors.mean(1, keepdims=True)
    return pixels[..., None] * factors[:, None, None, :]


def shown(electrons: np.ndarray) -> np.ndarray:
    """Electrons above the sky as uint8: asinh((e + PEDESTAL) / SOFT), BRIGHT being white."""
    grey = np.arcsinh((electrons + PEDESTAL) / SOFT) / np.arcsinh((BRIGHT + PEDESTAL) / SOFT)
    return np.rint(np.clip(PIXEL_RANGE * grey, 0, PIXEL_RANGE)).astype(np.uint8)

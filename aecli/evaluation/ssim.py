"""Structural similarity of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

WINDOW = 7  # pixels of a window's side
K1, K2 = 0.01, 0.03


def ssim(
    x: Float[np.ndarray, " n height width channels"], y: Float[np.ndarray, " n height width channels"], peak: float
) -> Float64[np.ndarray, " n"]:
    """Of each pair of images, the mean over windows and channels of

        (2 m_x m_y + c1) (2 s_xy + c2) / ((m_x^2 + m_y^2 + c1) (s_x^2 + s_y^2 + c2)),

    m, s^2 and s_xy a window's means, variances and covariance (over n - 1), c = (K peak)^2, K = 0.01 and 0.03; windows
    of 7 x 7 pixels, whole ones alone. Source: Wang et al., IEEE TIP 13 (2004), with the even window that scikit-image
    takes. ValueError for images that hold no window.
    """
    if min(x.shape[1:3]) < WINDOW:
        raise ValueError(f"images of {x.shape[1]} x {x.shape[2]} pixels hold no window of {WINDOW} x {WINDOW}")
    from scipy.ndimage import uniform_filter

    edge = WINDOW // 2

    def mean(a: np.ndarray) -> np.ndarray:
        return uniform_filter(a, WINDOW, axes=(1, 2))[:, edge : a.shape[1] - edge, edge : a.shape[2] - edge]

    x, y = x.astype(np.float64), y.astype(np.float64)
    mx, my, unbiased = mean(x), mean(y), WINDOW**2 / (WINDOW**2 - 1)
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    covariance = unbiased * (mean(x * y) - mx * my)
    variances = unbiased * (mean(x * x) - mx**2 + mean(y * y) - my**2)
    similar = (2 * mx * my + c1) * (2 * covariance + c2) / ((mx**2 + my**2 + c1) * (variances + c2))
    return similar.mean(axis=(1, 2, 3))

"""What is left of noise: rows corrupted as in training, half as much and twice, before and after."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from aecli.evaluation.corrupted import LEVELS, corrupted, refusal, strength
from aecli.evaluation.metric import Measured, Metric
from aecli.evaluation.moments import Moments
from aecli.evaluation.reconstruction import psnr
from aecli.evaluation.ssim import WINDOW, ssim

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

WAYS = ("noisy", "denoised")
PIECE = 64  # rows compared at a time


class Denoising:
    """noisy_psnr and denoised_psnr at the corruption's own strength, ..._half and ..._double at half and twice that;
    of images within [0, 1] noisy_ssim and denoised_ssim too.

    x~ = C(x) and r(x~) = g(b(f(x~))) at its mean, each against the clean x: psnr = 10 log10(peak^2 / mse) of the mean
    squared error over all numbers of all rows, peak 1 for rows within [0, 1], else their range; ssim as in `ssim`, a
    mean over examples. Left out with a note where nothing corrupts, or rows have holes or categories.
    """

    def __init__(self, trained: Trained):
        self.trained, self.why = trained, refusal(trained)
        shape = trained.layout.shape
        self.pictures = len(shape) == 3 and min(shape[:2]) >= WINDOW
        names = [f"{what}_{of}" for what in WAYS for of in ("error", "ssim")]
        self.moments = {level: Moments(*names) for level in LEVELS}
        self.low, self.high = math.inf, -math.inf

    def add(self, block: Split, first: int) -> None:
        """The next rows."""
        if self.why is None and np.isnan(block.x).any():
            self.why = "the evaluated rows have holes"
        if self.why is not None:
            return
        self.low, self.high = min(self.low, float(block.x.min())), max(self.high, float(block.x.max()))
        for level, times in LEVELS.items():
            values = {}
            for what, x in zip(WAYS, corrupted(self.trained, block.x, first, times), strict=True):
                error, similar = zip(*(self._compared(x[p], block.x[p]) for p in _pieces(len(x))), strict=True)
                values |= {f"{what}_error": np.concatenate(error), f"{what}_ssim": np.concatenate(similar)}
            self.moments[level].add(values)

    def _compared(self, x: np.ndarray, clean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        error = np.square(x.astype(np.float64) - clean).reshape(len(x), -1).mean(axis=1)
        return error, ssim(x, clean, 1.0) if self.pictures else np.zeros(len(x))

    def result(self) -> Measured:
        """Before and after, level by level."""
        if self.why is not None:
            return Measured({}, [f"denoising is left out: {self.why}"])
        unit = self.low >= 0 and self.high <= 1
        peak = 1.0 if unit else self.high - self.low
        corruption = self.trained.objective.corruption
        metrics: dict[str, Metric] = {}
        for level, times in LEVELS.items():
            moments, end = self.moments[level], f"_{level}" if level else ""
            of = f"{corruption.kind} of {corruption.level} {strength(self.trained, times):.4g}"
            for what in WAYS:
                mse = moments.metric(f"{what}_error", "").value
                metrics[f"{what}_psnr{end}"] = Metric(psnr(peak, mse), f"dB, peak {peak:.6g}; {of}")
            for what in WAYS if self.pictures and unit else ():
                text = f"mean over examples, 1 is identity; {of}"
                metrics[f"{what}_ssim{end}"] = moments.metric(f"{what}_ssim", text)
        return Measured(metrics, [])


def _pieces(rows: int) -> list[slice]:
    return [slice(start, start + PIECE) for start in range(0, rows, PIECE)]

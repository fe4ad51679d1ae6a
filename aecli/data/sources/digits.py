"""The handwritten digits bundled with scikit-learn: 8 x 8 pixels from 0 to 16 (UCI optdigits)."""

from __future__ import annotations

import numpy as np

from aecli.config.problems import Place
from aecli.data.raw import Raw, Want, raw_array
from aecli.data.sources.buffers import no_keys


def read(source: str, want: Want) -> Raw:
    """The images as uint8 [1797, 8, 8, 1], their divisor 16, labels 0 to 9; no test set of their own."""
    from sklearn.datasets import load_digits

    no_keys(want, Place(source), "the labels of the digits come with them")
    images, labels = load_digits(return_X_y=True)
    x = images.reshape(-1, 8, 8).astype(np.uint8)
    return raw_array(x, source, labels=labels.astype(np.int64), divisor=16.0)

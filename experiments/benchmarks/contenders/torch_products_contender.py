"""The products of a step alone, by PyTorch: each in its fastest form, operands and place of the result at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import torch
from bare import Call, fastest, repeated
from shapes import products


def matrix(rows: int, columns: int, turned: bool, dtype) -> torch.Tensor:
    """[rows, columns], lying in memory as it is or turned."""
    return torch.randn(columns, rows).to(dtype).T if turned else torch.randn(rows, columns).to(dtype)


def forms(shape: tuple[int, int, int], dtype) -> Iterator[Call]:
    m, k, n = shape
    for a_turned, b_turned, out_turned in product((False, True), repeat=3):
        a, b = matrix(m, k, a_turned, dtype), matrix(k, n, b_turned, dtype)
        out = matrix(m, n, out_turned, dtype)
        yield lambda a=a, b=b, out=out: torch.mm(a, b, out=out)


def prepare(work, rows: np.ndarray, variant: str, seed: int) -> Callable[[int], float]:
    dtype = torch.bfloat16 if work.narrow else torch.float32
    return repeated([fastest(forms(shape, dtype)) for shape in products(work)])

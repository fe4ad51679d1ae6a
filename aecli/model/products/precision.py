"""In what precision products are taken."""

from __future__ import annotations

from typing import Literal

# What a product's operands are rounded to; its sums are float32. Of tensorfloat32 (10 bits behind the point, what a
# GPU's matrix units take of float32) a CPU has none, and computes in float32.
Precision = Literal["float32", "tensorfloat32", "bfloat16"]

"""Numbers as a reader wants them: few digits, a standard error, no false precision."""

from __future__ import annotations

import math


def digits(value: float | None, places: int = 4) -> str:
    """`places` significant digits; thousands as they are; a dash where there is no number."""
    if value is None or not math.isfinite(value):
        return "-" if value is None or math.isnan(value) else ("∞" if value > 0 else "-∞")
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e6:
        decimals = max(0, places - 1 - math.floor(math.log10(abs(value))))
        text = f"{value:,.{decimals}f}"
        return text.rstrip("0").rstrip(".") if "." in text and float(value).is_integer() else text
    return f"{value:.{places - 1}e}"


def with_error(value: float | None, error: float | None) -> str:
    """`0.01234 ± 0.00005`: the error to two digits, the value to as many decimals."""
    if value is None or error is None or not math.isfinite(value) or not math.isfinite(error) or error <= 0:
        return digits(value)
    decimals = max(0, 1 - math.floor(math.log10(error)))
    if decimals > 8 or abs(value) >= 1e6:
        return f"{digits(value)} ± {digits(error, 2)}"
    return f"{value:,.{decimals}f} ± {error:,.{decimals}f}"


def seconds(value: float | None) -> str:
    """`12.3 s`, `4 min 05 s`, `2 h 03 min`."""
    if value is None:
        return "-"
    if value < 60:
        return f"{value:.3g} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"

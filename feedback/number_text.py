"""Numbers in names: with all their digits, as a shortened one may name two things."""

import math


def number_text(value: float) -> str:
    """The shortest text that reads back as the same number; whole numbers without a decimal point, none for NaN."""
    if not math.isfinite(value):
        return ""
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))

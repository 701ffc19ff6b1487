"""Mean distance of rate-distortion curves, against closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linksim.comparison.bjontegaard import compare, efficient

BITS = np.array([64.0, 128.0, 256.0, 512.0, 1024.0])


@given(factor=st.floats(0.3, 3.0), slope=st.floats(0.01, 10))
def test_curves_that_are_straight_over_the_logarithm_differ_by_their_shift(factor, slope):
    quality = slope * np.log2(BITS)
    found = compare(factor * BITS, quality, BITS, quality)
    assert found.bits_ratio == pytest.approx(factor)
    assert found.gain == pytest.approx(-slope * np.log2(factor), abs=1e-9 * slope)
    assert found.bits == pytest.approx((64 * max(factor, 1), 1024 * min(factor, 1)))


def test_the_mean_is_over_what_both_curves_have():
    # A gain of 1 from 128 to 256 bits, where the short curve lies; the long one's other points do not matter.
    reference = np.array([0.0, 1.0, 2.0, 30.0, 400.0])
    found = compare(BITS[1:3], reference[1:3] + 1, BITS[:3], reference[:3])
    assert found.gain == pytest.approx(1)
    assert found.bits == (128, 256)
    # Qualities 2 to 3 against 0 to 2 meet in nothing but a point.
    assert found.bits_ratio is None


def test_beaten_points_do_not_count():
    bits, quality = np.array([8.0, 4, 16, 8, 32]), np.array([2.0, 1, 1.5, 1, 3])
    assert efficient(bits, quality).tolist() == [1, 0, 4]
    clean = compare(bits[[1, 0, 4]], quality[[1, 0, 4]], BITS / 16, np.log2(BITS))
    assert compare(bits, quality, BITS / 16, np.log2(BITS)) == clean


def test_curves_of_one_point_or_without_common_bits_have_no_distance():
    assert compare(BITS[:1], np.ones(1), BITS, np.log2(BITS)).gain is None
    apart = compare(BITS[:2], np.array([9.0, 10]), BITS[3:], np.array([9.0, 10]))
    assert apart.gain is None
    assert apart.bits is None
    # The qualities are the same, an eighth of the bits.
    assert apart.bits_ratio == pytest.approx(1 / 8)

"""Ranges that channel models are stated for: a value outside is worth a line, not an error."""


def outside(name: str, value: float, low: float, high: float, unit: str, stated: str) -> list[str]:
    """A line if a value is outside of its range.

    Args:
        name: what it is, as a scenario's key.
        value: its value.
        low: least value of the range.
        high: greatest value of the range.
        unit: unit of all three.
        stated: where the range is stated.
    """
    if low <= value <= high:
        return []
    expected = f"{low:g} {unit}" if low == high else f"{low:g} to {high:g} {unit}"
    return [f"{name}: got {value:g} {unit}, {stated} is stated for {expected}"]


def wide_band(bandwidth_hz: float, carrier_hz: float, aperture: float, beam_squint: bool) -> list[str]:
    r"""Lines for bands that are too wide for gains that are the same over the band.

    3GPP TR 38.901, 7.1, limits the bandwidth to 10 % of the carrier, and 7.6.2 asks for array phases that change over
    the band above :math:`c / D`, with the aperture :math:`D`.

    Args:
        bandwidth_hz: bandwidth.
        carrier_hz: carrier frequency.
        aperture: length of the larger side of the BS array, wavelengths.
        beam_squint: whether array phases change over the band.
    """
    lines = []
    share = bandwidth_hz / carrier_hz
    # A little more than 10 %, for the rounding of the quotient.
    if share > 0.1 + 1e-9:
        lines.append(
            f"bandwidth_hz: got {100 * share:.3g} % of the carrier, gains that hold for the whole band are stated for "
            "at most 10 % (TR 38.901, 7.1)"
        )
    if share * aperture > 1 and not beam_squint:
        lines.append(
            f"bandwidth_hz: got {bandwidth_hz:g} Hz, more than c / D = {carrier_hz / aperture:.3g} Hz of the array: "
            "beams point elsewhere at the edges of the band (TR 38.901, 7.6.2); see beam_squint"
        )
    return lines

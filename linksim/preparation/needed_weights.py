"""The files of weights that points of a scenario need."""

from collections.abc import Sequence
from pathlib import Path

from linksim.preparation.adaptation import unadapted
from linksim.preparation.prepare import weights_file
from linksim.preparation.scheme_spec import SchemeSpec, is_trained, schemes_of
from linksim.scenario.sweep import Point


def needed_weights(points: Sequence[Point]) -> dict[Path, SchemeSpec]:
    """Files of the weights that some points need, and what they are for."""
    needed = [spec for point in points for spec in schemes_of(point) if is_trained(spec)]
    needed = [*(unadapted(spec) for spec in needed if spec.adapted_to is not None), *needed]
    return {weights_file(spec): spec for spec in needed}

"""What is known of COST 2100 channels before any is drawn."""

from channels.dimensions import ArrayShape, OfdmGrid
from channels.errors import ChannelInputError
from channels.source_parameters import SourceOutline
from channels.sources.cost2100.environment import load_environment
from channels.sources.parameters.cost2100 import Cost2100Parameters
from channels.validity import outside, wide_band

# Share of its own carrier within which an environment is taken for measured.
_CARRIER_TOLERANCE = 0.1


class Cost2100Outline(SourceOutline):
    """Grid and array, those of the environment where the parameters name none.

    Attributes:
        environment: the environment that the parameters name.

    Raises:
        ChannelInputError: if there is no such environment, or it has no such placement.
    """

    def __init__(self, parameters: Cost2100Parameters) -> None:
        environment = load_environment(parameters.environment_name)
        if parameters.placement not in environment.placements:
            raise ChannelInputError(
                f"placement: got {parameters.placement!r}, "
                f"expected one of {', '.join(environment.placements)} (environment {parameters.environment_name})"
            )
        self.parameters = parameters
        self.environment = environment
        self.grid = OfdmGrid(
            parameters.n_subcarriers,
            parameters.bandwidth_hz or environment.bandwidth_hz,
            parameters.carrier_hz or environment.carrier_hz,
        )
        self.array = ArrayShape(n_columns=parameters.n_columns)

    def validity_warnings(self) -> list[str]:
        """A carrier other than that which the environment was measured at, and too wide a band."""
        carrier_hz, measured_hz = self.grid.carrier_hz, self.environment.carrier_hz
        lines = wide_band(
            self.grid.bandwidth_hz, carrier_hz, (self.array.n_columns - 1) / 2, self.parameters.beam_squint
        )
        # The spreads and gains of an environment are those of its own frequency band.
        low, high = ((1 + sign * _CARRIER_TOLERANCE) * measured_hz / 1e9 for sign in (-1, 1))
        stated = f"environment {self.parameters.environment_name}"
        return lines + outside("carrier_hz", carrier_hz / 1e9, low, high, "GHz", stated)

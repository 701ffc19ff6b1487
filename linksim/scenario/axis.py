"""The axes of sweeps: short name, scenario key, and how values are shown; for sweeps, results and reports alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan

from linksim.scenario.plugin_kinds import value_title

# A swept value: a number, or a name for keys that take one.
AxisValue = float | str


@dataclass(frozen=True)
class Axis:
    """One quantity that sweeps vary.

    Attributes:
        key: dotted key of the scenario that it sets.
        name: its name in prose.
        unit: the unit it is shown in.
        scale: shown value / stored value.
        missing: text of an empty cell.
        curves: whether its values are curves of one figure, in a panel for each compressor, and not panels.
        titles: what its names are called, where its column does not tell.
        short: its name in sweeps and its column in the results, where that is not the key.
    """

    key: str
    name: str
    unit: str = ""
    scale: float = 1.0
    missing: str = "-"
    curves: bool = False
    short: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """Its column in the results, and its name in sweeps."""
        return self.short or self.key

    @property
    def words(self) -> str:
        """Its name inside of a sentence: ``speed``, ``SNR``, ``UE antennas``."""
        first = self.name.partition(" ")[0]
        # Abbreviations and names of compressors stay as they are.
        plain = first[1:].islower() and ":" not in self.name
        return first.lower() + self.name[len(first) :] if plain else self.name

    @property
    def label(self) -> str:
        """Name and unit, for an axis of a figure or the head of a table."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name

    def text(self, stored: AxisValue) -> str:
        """A stored value in the shown unit, without the unit."""
        if isinstance(stored, str):
            return self.titles.get(stored) or value_title(self.column, stored)
        if isnan(stored):
            return self.missing
        number = _number(self.scale * stored).replace("-", "\N{MINUS SIGN}")
        return f"1/{number}" if self.column == "compression_ratio" else number

    def phrase(self, stored: AxisValue) -> str:
        """Name, value and unit, such as ``Feedback delay 4 ms``."""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.name} {self.text(stored)}{unit}".strip()


def _number(value: float) -> str:
    """Four digits where these say it, else the nine by which sweeps tell values apart; exponents of a billion on."""
    short, exact = f"{value:.4g}", f"{value:.9g}"
    return short if float(short) == float(exact) and ("e" not in short or "e" in exact) else exact


# Those that every row of results has a column of, in order of preference for the horizontal axis of a figure.
COMMON_AXES = (
    Axis("snr_db", "SNR", "dB"),
    Axis("feedback.link.snr_db", "Feedback SNR", "dB", missing="\N{INFINITY}", short="feedback_snr_db"),
    Axis("compression_ratio", "Compression ratio"),
    Axis("channel.speed_m_s", "Speed", "m/s", short="speed_m_s"),
    Axis("feedback.delay_s", "Feedback delay", "ms", scale=1e3, short="feedback_delay_s"),
)

_UPLINK_ESTIMATES = {
    **dict.fromkeys(("perfect", "perfect, pilot_symbols 1"), "Uplink channel known"),
    **dict.fromkeys(("pilots", "pilots, method lmmse"), "LMMSE from pilots"),
    "pilots, method ls": "LS from pilots",
}

# Further keys that are often swept; any other is shown by its own name.
OTHER_AXES = (
    Axis("feedback.denoiser.name", "Denoiser"),
    Axis("feedback.quantiser.name", "Quantiser"),
    Axis("feedback.quantiser.bits", "Bits per codeword value"),
    Axis("feedback.quantiser.cells", "Cells over a codeword value's range"),
    Axis("feedback.link.name", "Feedback link"),
    Axis("feedback.link.flip_rate", "Bit flip rate"),
    Axis("feedback.link.code_rate", "Code rate of the uplink"),
    Axis("feedback.link.fading", "Uplink fading"),
    Axis("feedback.link.modulation", "Modulation of the uplink"),
    Axis("feedback.link.carried_by", "Reports carried by"),
    Axis("feedback.link.bs_antennas", "Uplink antennas"),
    Axis("feedback.link.multipath.hop_prbs", "Hop of the uplink", "PRB"),
    Axis("feedback.link.channel_estimation", "Uplink estimate", curves=True, titles=_UPLINK_ESTIMATES),
    Axis("feedback.link.channel_estimation.name", "Uplink estimate", curves=True),
    Axis("feedback.link.payload_bits", "Payload of a report", "bit"),
    Axis("transform.scale_bits", "Bits of the scale"),
    Axis("transform.n_delay", "Delay rows"),
    Axis("estimation", "Estimator", curves=True),
    Axis("estimation.name", "Estimator", curves=True),
    Axis("estimation.spacing", "Pilot spacing", "subcarriers"),
    Axis("channel", "Channel"),
    Axis("channel.n_rx", "UE antennas"),
    Axis("channel.indoor_speed_m_s", "Speed indoors", "m/s"),
    Axis("channel.spatial_consistency", "Spatial consistency"),
    Axis("multi_user.users", "Users per cell"),
    Axis("multi_user.precoder", "Beams"),
    Axis("multi_user.selection", "Users served"),
    Axis("multi_user.scheduling", "Scheduling"),
    Axis("multi_user.strengths", "Strengths of users"),
    Axis("link_adaptation.outer_loop.step_db", "Outer loop's step", "dB", curves=True),
    Axis("link_adaptation.backoff_db", "Backoff of CQIs", "dB"),
    Axis("link_adaptation.rank", "Layers"),
    Axis("link_adaptation.retransmissions", "Retransmissions"),
    Axis("link_adaptation.retransmission_delay_s", "Delay of retransmissions", "ms", scale=1e3),
    Axis("link_adaptation.receiver.dmrs_error_db", "Error of DM-RS over noise", "dB"),
    Axis("link_adaptation.receiver.covariance_samples", "Samples of the covariance"),
    Axis("link_adaptation.receiver.interferer_db", "Interferer over noise", "dB"),
    Axis("channel.hotspot_radius_m", "Hotspot radius", "m"),
    Axis("link_budget.transmit_power_dbm", "Transmit power", "dBm"),
    Axis("link_budget.noise_figure_db", "Noise figure", "dB"),
    Axis("link_budget.geometry_db", "Geometry factor", "dB"),
    Axis("feedback.report_period_s", "Report period", "ms", scale=1e3),
    Axis("feedback.n_reports", "Reports seen"),
    Axis("feedback.predictor", "Predictor", curves=True),
    Axis("feedback.predictor.name", "Predictor", curves=True),
    Axis("feedback.predictor.order", "Predictor order"),
)

# Words that keys shorten.
_WORDS = {"param": "parameter"}

AXIS_COLUMNS = tuple(axis.column for axis in COMMON_AXES)

_BY_COLUMN = {axis.column: axis for axis in (*COMMON_AXES, *OTHER_AXES)}


def axis_of_column(column: str, compressors: Sequence[str] = ()) -> Axis:
    """The axis of a column of the results.

    Args:
        column: the column.
        compressors: what the compressors of the scenario are called, in its order.
    """
    return _BY_COLUMN.get(column) or Axis(column, _key_in_words(column, compressors))


def _key_in_words(key: str, compressors: Sequence[str]) -> str:
    """``enhanced Type II: parameter combination`` for ``compressors.0.param_combination``; other keys as they are."""
    section, _, rest = key.partition(".")
    number, _, own = rest.partition(".")
    if section != "compressors" or not number.isdecimal() or not own:
        return key
    place = int(number)
    title = compressors[place] if place < len(compressors) else f"compressor {place + 1}"
    return f"{title}: {' '.join(_WORDS.get(word, word) for word in own.replace('.', '_').split('_'))}"


def scenario_key(name: str) -> str:
    """The scenario key that an axis of a sweep sets."""
    return _BY_COLUMN[name].key if name in _BY_COLUMN else name

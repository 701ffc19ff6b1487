"""How each metric is labelled, rounded and explained in figures and tables."""

from dataclasses import dataclass
from math import isinf
from typing import Literal

# A relative error below this is rounding of float32 (1e-7, -140 dB), not a property of a compressor.
LOSSLESS_DB = -90.0


@dataclass(frozen=True)
class MetricText:
    """Wording of one metric.

    Attributes:
        name: its name in the results.
        short: file-name stem of its figures.
        label: axis label with the unit.
        meaning: definition, domain and aggregation, one sentence or two.
        better: which end is good, ``None`` where neither is.
        digits: decimals in tables, ``None`` for exact figures.
        logarithmic: whether figures show it on a logarithmic scale, zeros left out.
    """

    name: str
    short: str
    label: str
    meaning: str
    better: Literal["low", "high"] | None
    digits: int | None
    logarithmic: bool = False

    @property
    def is_error_db(self) -> bool:
        """Whether this is a relative error in dB."""
        return "nmse" in self.name and self.name.endswith("_db")

    def is_lossless(self, value: float) -> bool:
        """Whether a value is an error that is nothing but rounding."""
        return self.is_error_db and value < LOSSLESS_DB

    def text(self, value: float) -> str:
        """A value with this metric's decimals; infinities as signs, errors that are rounding only as a bound."""
        if self.is_lossless(value):
            return f"< \N{MINUS SIGN}{-LOSSLESS_DB:.0f}"
        if isinf(value):
            return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
        text = f"{value:.7g}" if self.digits is None else f"{value:.{self.digits}f}"
        return text.replace("-", "\N{MINUS SIGN}") if float(text) else text.lstrip("-")


_DECIBEL = "Mean over the samples first, decibel last."

_TEXTS = (
    MetricText(
        "nmse_db",
        "nmse",
        "NMSE [dB]",
        "Normalised mean square error of the truncated angular-delay matrix against the true one, "
        f"10 log10 E[‖Hₐ \N{MINUS SIGN} Ĥₐ‖² / ‖Hₐ‖²]. {_DECIBEL}",
        "low",
        2,
    ),
    MetricText(
        "nmse_ratio_db",
        "nmse_ratio",
        "NMSE, ratio of means [dB]",
        "Ratio of expectations in the angular-delay domain, 10 log10 (E‖Hₐ \N{MINUS SIGN} Ĥₐ‖² / E‖Hₐ‖²).",
        "low",
        2,
    ),
    MetricText(
        "nmse_e2e_db",
        "nmse_e2e",
        "End-to-end NMSE [dB]",
        "NMSE of the full spatial-frequency channel against the true channel at the time of use: estimation error, "
        f"truncation, feedback and ageing together. {_DECIBEL}",
        "low",
        2,
    ),
    MetricText(
        "rho",
        "rho",
        "Cosine similarity \N{GREEK SMALL LETTER RHO}",
        "Cosine similarity of the true and the reported channel vector at the time of the report, averaged over "
        "the subcarriers, then over the samples; 1 is perfect.",
        "high",
        4,
    ),
    MetricText(
        "sgcs",
        "sgcs",
        "SGCS",
        "Squared generalised cosine similarity at the time of the report, averaged over the subcarriers of each "
        "subband, over the subbands, then over the samples; 1 is perfect.",
        "high",
        4,
    ),
    MetricText(
        "rate_bps_hz",
        "rate",
        "Rate [bit/s/Hz]",
        "Rate of the true channel at the time of use with a unit-power precoder computed from the reported channel, "
        "averaged over subcarriers and samples; channel power normalised to 1 per antenna.",
        "high",
        3,
    ),
    MetricText(
        "rate_loss_bps_hz",
        "rate_loss",
        "Rate loss [bit/s/Hz]",
        "Rate with perfect CSI less the rate with the reported channel, paired by sample.",
        "low",
        3,
    ),
    MetricText(
        "rate_ratio",
        "rate_ratio",
        "Rate / rate with perfect CSI",
        "Mean rate with the reported channel over the mean rate with perfect CSI.",
        "high",
        4,
    ),
    MetricText(
        "rate_perfect_bps_hz",
        "rate_perfect",
        "Rate with perfect CSI [bit/s/Hz]",
        "Rate with the precoder computed from the true channel at the time of use.",
        None,
        3,
    ),
    MetricText(
        "estimation_nmse_db",
        "estimation_nmse",
        "Estimation NMSE [dB]",
        f"NMSE of the channel estimate at the UE, spatial-frequency domain. {_DECIBEL}",
        None,
        2,
    ),
    MetricText(
        "truncation_nmse_db",
        "truncation_nmse",
        "Truncation NMSE [dB]",
        f"Error of keeping the first delay rows only, spatial-frequency domain. {_DECIBEL}",
        None,
        2,
    ),
    MetricText(
        "energy_kept", "energy_kept", "Energy kept", "Share of the channel energy in the kept delay rows.", None, 4
    ),
    MetricText(
        "bits",
        "bits",
        "Feedback [bit/report]",
        "Bits per report that cross the feedback link, side information included; analogue reports have none.",
        None,
        None,
    ),
    MetricText(
        "bits_max",
        "bits_max",
        "Longest report [bit]",
        "Bits of the longest report among the samples, side information included.",
        None,
        None,
    ),
    MetricText(
        "overhead",
        "overhead",
        "Overhead",
        "Codeword length over the 2 Nₐ Nₜ real entries of the angular-delay matrix.",
        None,
        None,
    ),
    MetricText(
        "report_error_rate",
        "report_errors",
        "Report error rate",
        "Share of the reports that did not arrive as they were sent, whether the BS knows it or not.",
        "low",
        4,
        logarithmic=True,
    ),
    MetricText(
        "undetected_error_rate",
        "undetected_errors",
        "Undetected error rate",
        "Share of the reports that arrived wrong although their check passed.",
        "low",
        4,
        logarithmic=True,
    ),
    MetricText(
        "resource_elements",
        "resources",
        "Resource elements per report",
        "Uplink resource elements that a report takes, check bits included, pilots not.",
        None,
        None,
    ),
)

_BY_NAME = {text.name: text for text in _TEXTS}


def metric_text(name: str) -> MetricText:
    """The wording of a metric; one that is not known here is shown under its own name."""
    return _BY_NAME.get(name) or MetricText(name, name, name, "", None, 4)

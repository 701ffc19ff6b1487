"""The scenario's section ``feedback``: from codeword to BS, and when reports are made."""

from typing import Self

from pydantic import Field, model_validator

from linksim.scenario.plugin_sections import DenoiserSection, LinkSection, PredictorSection, QuantiserSection
from linksim.scenario.section import Section

# Reports seen over a link that loses some: that all are lost is as rare as the fourth power of the loss rate.
_REMEMBERED = 4


class FeedbackSection(Section):
    """From codeword to BS."""

    quantiser: QuantiserSection = Field(default={"name": "none"}, validate_default=True)
    link: LinkSection = Field(default={"name": "perfect"}, validate_default=True)
    denoiser: DenoiserSection = Field(default={"name": "none"}, validate_default=True)
    predictor: PredictorSection = Field(default={"name": "hold"}, validate_default=True)
    delay_s: float = Field(default=0.0, ge=0, le=1, description="time from channel estimate to precoder use [s]")
    report_period_s: float = Field(default=0.0, ge=0, le=10, description="time from report to report [s]; 0: only one")
    n_reports: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="reports that the BS has seen; by default what the predictor needs; fixes the start of a recording",
    )

    @model_validator(mode="after")
    def _enough_reports(self) -> Self:
        name, least = self.predictor.name, self.predictor.min_reports
        if self.report_period_s == 0 and max(least, self.n_reports or 1) > 1:
            wanted = f"n_reports {self.n_reports}" if least == 1 else f"predictor {name!r}, which needs {least} reports"
            raise ValueError(f"got {wanted} with report_period_s 0, expected the time from report to report in s")
        if self.reports_seen < least:
            raise ValueError(f"got n_reports {self.n_reports}, expected at least {least} for predictor {name!r}")
        return self

    @property
    def reports_seen(self) -> int:
        """Reports that the BS has seen when it uses the precoder."""
        if self.report_period_s == 0:
            return 1
        remembered = _REMEMBERED if self.link.loses_reports else 1
        return self.n_reports or max(self.predictor.default_reports, remembered)

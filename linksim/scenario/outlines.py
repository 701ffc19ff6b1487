"""What is known of a scenario's channels before any is made; without PyTorch where they are drawn."""

from channels.source_parameters import SourceOutline, SourceParameters, Split
from feedback.csi_dimensions import CsiDimensions
from linksim.errors import InputError
from linksim.scenario.model import Scenario
from linksim.subbands import subbands


def outline_of(scenario: Scenario) -> SourceOutline:
    """All of a scenario's source but its channels; the source itself where only its files say what they hold.

    Raises:
        ChannelInputError: if the source cannot be opened.
    """
    outline: SourceOutline | None = scenario.channel.outline()
    if outline is not None:
        return outline
    from linksim.scenario.sources import source_of

    return source_of(scenario)


def split_hint(parameters: SourceParameters, split: Split) -> str:
    """Which key says how many samples a split has, as the end of an error message; empty where none does."""
    key = parameters.split_key(split)
    return f" (key channel.{key})" if key else ""


def require_training_channels(scenario: Scenario) -> None:
    """Refuses an estimator that learns where there is nothing to learn from.

    Raises:
        InputError: one line that says so.
    """
    if scenario.estimation.learns and outline_of(scenario).n_samples("train") == 0:
        raise InputError(
            f"estimation: got no train channels, expected some: {scenario.estimation.name} has to learn"
            f"{split_hint(scenario.channel, 'train')}"
        )


def csi_dimensions(scenario: Scenario) -> CsiDimensions:
    """Sizes of the channels that a scenario's compressors report; subbands are those of the SGCS.

    Raises:
        InputError: if there are more subbands than subcarriers.
    """
    source = outline_of(scenario)
    bands = subbands(source.grid.n_subcarriers, scenario.sgcs.n_subbands, "sgcs.n_subbands")
    array = source.array
    return CsiDimensions(
        n_delay=scenario.transform.n_delay,
        n_tx=array.n_tx,
        n_rx=array.n_rx,
        n_polarizations=array.n_polarizations,
        n_rows=array.n_rows,
        bands=tuple((band.start, band.stop) for band in bands),
        report_period_s=scenario.feedback.report_period_s,
        delay_s=scenario.feedback.delay_s,
    )

"""The channel that a compressor learns from: the scenario's, or that of its own ``trained_on``."""

from feedback.compressor_parameters import CompressorParameters
from linksim.errors import InputError
from linksim.scenario.channel_section import channel_section
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import outline_of
from linksim.scenario.plugin_sections import compressor_label


def training_scenario(scenario: Scenario, entry: CompressorParameters) -> Scenario:
    """The scenario with the channel that one of its compressors learns from.

    Raises:
        InputError: if ``trained_on`` is no channel section, or its matrices are of another shape than the scenario's.
        ChannelInputError: if it names a file that cannot be read.
    """
    if entry.trained_on is None:
        return scenario
    place = f"compressors: {compressor_label(entry)}: trained_on"
    other = scenario.model_copy(update={"channel": channel_section(entry.trained_on, place)})
    n_delay, source, tested = scenario.transform.n_delay, outline_of(other), outline_of(scenario)
    if source.array.n_ports != tested.array.n_ports or source.grid.n_subcarriers < n_delay:
        rows = min(n_delay, source.grid.n_subcarriers)
        raise InputError(
            f"{place}: got matrices of {rows} x {source.array.n_ports}, expected {n_delay} x {tested.array.n_ports} as "
            "those of the scenario's channel"
        )
    if entry.traits.takes == "eigenvectors" and source.array.n_tx != tested.array.n_tx:
        raise InputError(
            f"{place}: got eigenvectors of {source.array.n_tx} values, expected {tested.array.n_tx} as those of the "
            "scenario's channel"
        )
    return other
